"""What becomes of engines when the process forks.

The problem: the child has all of the parent's memory, and none of its threads but the one that forked. An engine in it
has no recompiler and no thread to run on, its pipes lead into the parent, and a lock that another thread held is held
for ever.

The solution: the locks in question are taken before the fork, in the one order that threads take them in, and given
back after it, on both sides; LLVM's is among them, so nobody is in the middle of LLVM. In the child every engine there
is says that it belongs to the parent, its pipes lead nowhere, and a new one works like any other. Its native code
works too, for a thread that forked inside it; it counts, and nobody listens.

What it does not cover: forks that Python does not know of, in C.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

__all__ = ["LockOrder", "after_fork_in_child", "fork_safe"]

L = TypeVar("L", bound=Any)


class LockOrder(IntEnum):
    """In which order who needs several locks takes them."""

    SESSION = 0
    ENGINE = 1
    EVALUATION = 2
    THREADS = 3
    STACKS = 4
    HANDLERS = 5
    LLVM = 6


_locks: weakref.WeakKeyDictionary[Any, LockOrder] = weakref.WeakKeyDictionary()
_registering = threading.Lock()
_taken: list[Any] = []
_in_child: list[Callable[[bool], None]] = []
_by_main_thread = True


def fork_safe(lock: L, order: LockOrder) -> L:
    """Have `lock` free in every child. Returns it."""
    with _registering:
        _locks[lock] = order
    return lock


def after_fork_in_child(function: Callable[[bool], None]) -> None:
    """Have `function` called in every child, with whether the parent's main thread has forked."""
    _in_child.append(function)


def _before() -> None:
    global _by_main_thread
    # First: two threads may fork at once.
    _registering.acquire()
    _taken.append(_registering)
    _by_main_thread = threading.current_thread() is threading.main_thread()
    for lock, _ in sorted(_locks.items(), key=lambda item: item[1]):
        lock.acquire()
        _taken.append(lock)


def _after() -> None:
    while _taken:
        _taken.pop().release()


def _after_in_child() -> None:
    _after()
    for function in _in_child:
        function(_by_main_thread)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
