"""Locks and engines in a forked child.

The problem. The child has a copy of the parent's memory, and none of its threads but the one that forked. An engine in
it has no recompiler and no evaluation thread, its pipes lead into the parent, and a lock that another thread held is
held for ever.

The solution. Each lock that a child may need is registered with :func:`fork_safe`. They are acquired before the fork,
in the one order in which threads acquire them (:class:`LockOrder`), and released after it in both processes. LLVM's
locks are among them, so no thread is inside LLVM at the moment of the fork. In the child, every engine of the parent
refuses to work: it says that it belongs to the parent, and its pipes lead to the null device. A new engine works like
any other. The parent's native code goes on to work for a thread that forked inside it: it counts its runs, and no unit
is recompiled.

Limits. Python does not know of a fork by C code, so it is not covered. A fork waits for the call into LLVM that is in
progress.

What does not work, and why.

- *Comparing process ids* at each use of an engine. It finds an engine of the parent, but frees no lock: if another
  thread was inside LLVM, the first compilation of a new engine in the child waits for ever.
- *Making the locks anew in the child.* They would be free, but what they protect may be half changed, LLVM's data
  above all.
- *Starting the threads again in the child.* Most children execute another program at once, and those that do not have
  no need of the parent's engine. The parent's thread may also have been in the middle of something.
- *Forbidding fork.* Other libraries fork, such as ``multiprocessing`` and ``subprocess``, and do not ask.
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
    """The order in which a thread acquires locks that it holds together: smaller ones first."""

    SESSION = 0
    ENGINE = 1
    EVALUATION = 2
    THREADS = 3
    STACKS = 4
    HANDLERS = 5
    OPTIMIZER = 6
    LLVM = 7


_locks: weakref.WeakKeyDictionary[Any, LockOrder] = weakref.WeakKeyDictionary()
_registration_lock = threading.Lock()
_acquired: list[Any] = []
_child_hooks: list[Callable[[bool], None]] = []
_forked_on_main_thread = True


def fork_safe(lock: L, order: LockOrder) -> L:
    """Register `lock`, so that it is free in every forked child. Returns it. It is not kept alive."""
    with _registration_lock:
        _locks[lock] = order
    return lock


def after_fork_in_child(function: Callable[[bool], None]) -> None:
    """Call `function` in every forked child. Its argument is whether the parent's main thread forked."""
    _child_hooks.append(function)


def _before() -> None:
    global _forked_on_main_thread
    # First, because two threads may fork at once.
    _registration_lock.acquire()
    _acquired.append(_registration_lock)
    _forked_on_main_thread = threading.current_thread() is threading.main_thread()
    for lock, _ in sorted(_locks.items(), key=lambda item: item[1]):
        lock.acquire()
        _acquired.append(lock)


def _after() -> None:
    while _acquired:
        _acquired.pop().release()


def _after_in_child() -> None:
    _after()
    for function in _child_hooks:
        function(_forked_on_main_thread)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
