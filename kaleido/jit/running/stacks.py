"""Giving a thread its guard: what ``faults`` needs from the C library.

Everything here is called on Linux only, and through ctypes: Python's own ``signal`` module runs handlers in Python.
"""

from __future__ import annotations

import ctypes
import mmap
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from kaleido.jit.native.faults import INTERRUPT, MARGIN, RESERVE, Guard, missing
from kaleido.jit.native.handlers import Natives, natives
from kaleido.jit.process.fork import Order, after_fork_in_child, held_in_fork

__all__ = ["give_back_stack", "guarded", "wake_up"]

_ALTERNATE_STACK = 64 << 10

_SA_SIGINFO, _SA_ONSTACK, _SA_RESTART, _SA_NODEFER = 4, 0x08000000, 0x10000000, 0x40000000
_SS_DISABLE = 2
_MADV_DONTNEED = 4
_NO_ACCESS, _READ_AND_WRITE = 0, 3


class _Action(ctypes.Structure):
    _fields_ = [
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_uint64 * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    ]


class _SignalStack(ctypes.Structure):
    _fields_ = [("lowest", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


_lock = held_in_fork(threading.Lock(), Order.GUARDS)
_guards: list[Guard] = []
_spare: list[Guard] = []
_mine = threading.local()


@contextmanager
def guarded() -> Iterator[Guard | None]:
    """Give the calling thread a guard while inside; None where the platform is not known (``faults.missing``)."""
    if missing():
        yield None
        return
    _install_handlers()
    guard, alternate = _take(), ctypes.create_string_buffer(_ALTERNATE_STACK)
    low, size = _stack()
    _mine.guard = guard
    _protect(low, _NO_ACCESS)
    guard.bottom, guard.extent = low, size
    _use_alternate_stack(_SignalStack(ctypes.addressof(alternate), 0, _ALTERNATE_STACK))
    try:
        yield guard
    finally:
        guard.extent = 0
        # The C library keeps the stack for another thread.
        _protect(low, _READ_AND_WRITE)
        _use_alternate_stack(_SignalStack(None, _SS_DISABLE, 0))
        with _lock:
            _spare.append(guard)


def _take_from_the_lost(_: bool) -> None:
    """In a forked child: free the guards of the threads that it does not have."""
    _spare[:] = [guard for guard in _guards if guard is not getattr(_mine, "guard", None)]
    for guard in _spare:
        guard.extent = 0


after_fork_in_child(_take_from_the_lost)


def give_back_stack(guard: Guard) -> None:
    """Return the memory of the guarded stack that is not in use; on its own thread."""
    begin = guard.bottom + MARGIN
    # This very function runs not far below the entry that was left.
    end = (guard.top - RESERVE) // mmap.PAGESIZE * mmap.PAGESIZE
    if end > begin:
        _libc().madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_DONTNEED)


def _protect(low: int, access: int) -> None:
    """Make the MARGIN at the end of a stack inaccessible, or accessible again."""
    _libc().mprotect(ctypes.c_void_p(low), ctypes.c_size_t(MARGIN), access)


def _take() -> Guard:
    """A guard that is on the list: they stay there for ever, and are used again."""
    first = natives().guards
    with _lock:
        if _spare:
            guard = _spare.pop()
            after = Guard.bottom.offset
            ctypes.memset(guard.address + after, 0, ctypes.sizeof(Guard) - after)
            return guard
        guard, head = Guard(), ctypes.c_uint64.from_address(first)
        guard.next = head.value
        _guards.append(guard)
        head.value = guard.address
        return guard


def _install_handlers() -> None:
    """Install both handlers, once; what is not for them goes on to whoever was there before."""
    native = natives()
    with _lock:
        _install(native)


@cache
def _install(native: Natives) -> None:
    assert INTERRUPT is not None
    for number, before in ((signal.SIGSEGV, native.before_overflow), (INTERRUPT, native.before_interrupt)):
        previous = _Action()
        _libc().sigaction(number, None, ctypes.byref(previous))
        ctypes.c_uint64.from_address(before).value = previous.handler or 0
    _handle(signal.SIGSEGV, native.on_overflow, 0)
    wake_up(False)


def wake_up(reading_and_writing: bool) -> None:
    """Whether an interruption wakes up who reads or writes, too. Who only sleeps is always woken up.

    Not at first: C's streams take a write that was interrupted for one that failed, and lose what it was to write.
    """
    assert INTERRUPT is not None
    _handle(INTERRUPT, natives().on_interrupt, 0 if reading_and_writing else _SA_RESTART)


def _handle(number: int, handler: int, flags: int) -> None:
    # Signals are not held back while a handler runs: it is left by a jump, and the next signal must get through.
    action = _Action(handler=handler, flags=flags | _SA_SIGINFO | _SA_ONSTACK | _SA_NODEFER)
    _libc().sigaction(number, ctypes.byref(action), None)


def _stack() -> tuple[int, int]:
    """The lowest address of the calling thread's stack, and its size in bytes."""
    libc = _libc()
    attributes, lowest, size = ctypes.create_string_buffer(256), ctypes.c_void_p(), ctypes.c_size_t()
    libc.pthread_getattr_np(ctypes.c_void_p(threading.get_ident()), attributes)
    libc.pthread_attr_getstack(attributes, ctypes.byref(lowest), ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return lowest.value or 0, size.value


def _use_alternate_stack(stack: _SignalStack) -> None:
    _libc().sigaltstack(ctypes.byref(stack), None)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
