"""Giving a thread its native_thread: what ``faults`` needs from the C library.

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

from kaleido.jit.native.faults import GUARD_ZONE, INTERRUPT, STACK_RESERVE, NativeThread, missing_protection
from kaleido.jit.native.handlers import Handlers, handlers
from kaleido.jit.process.fork import LockOrder, after_fork_in_child, fork_safe

__all__ = ["give_back_stack", "protected_stack", "wake_up"]

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


_lock = fork_safe(threading.Lock(), LockOrder.STACKS)
_threads: list[NativeThread] = []
_spare: list[NativeThread] = []
_mine = threading.local()


@contextmanager
def protected_stack() -> Iterator[NativeThread | None]:
    """Give the calling thread a native_thread while inside; None where the platform is not known
    (``faults.missing_protection``)."""
    if missing_protection():
        yield None
        return
    _install_handlers()
    native_thread, alternate = _take(), ctypes.create_string_buffer(_ALTERNATE_STACK)
    low, size = _stack()
    _mine.native_thread = native_thread
    _protect(low, _NO_ACCESS)
    native_thread.bottom, native_thread.extent = low, size
    _use_alternate_stack(_SignalStack(ctypes.addressof(alternate), 0, _ALTERNATE_STACK))
    try:
        yield native_thread
    finally:
        native_thread.extent = 0
        # The C library keeps the stack for another thread.
        _protect(low, _READ_AND_WRITE)
        _use_alternate_stack(_SignalStack(None, _SS_DISABLE, 0))
        with _lock:
            _spare.append(native_thread)


def _take_from_the_lost(_: bool) -> None:
    """In a forked child: free the guards of the threads that it does not have."""
    _spare[:] = [
        native_thread for native_thread in _threads if native_thread is not getattr(_mine, "native_thread", None)
    ]
    for native_thread in _spare:
        native_thread.extent = 0


after_fork_in_child(_take_from_the_lost)


def give_back_stack(native_thread: NativeThread) -> None:
    """Return the memory of the protected stack that is not in use; on its own thread."""
    begin = native_thread.bottom + GUARD_ZONE
    # This very function runs not far below the entry that was left.
    end = (native_thread.top - STACK_RESERVE) // mmap.PAGESIZE * mmap.PAGESIZE
    if end > begin:
        _libc().madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_DONTNEED)


def _protect(low: int, access: int) -> None:
    """Make the GUARD_ZONE at the end of a stack inaccessible, or accessible again."""
    _libc().mprotect(ctypes.c_void_p(low), ctypes.c_size_t(GUARD_ZONE), access)


def _take() -> NativeThread:
    """A native_thread that is on the list: they stay there for ever, and are used again."""
    first = handlers().threads
    with _lock:
        if _spare:
            native_thread = _spare.pop()
            after = NativeThread.bottom.offset
            ctypes.memset(native_thread.address + after, 0, ctypes.sizeof(NativeThread) - after)
            return native_thread
        native_thread, head = NativeThread(), ctypes.c_uint64.from_address(first)
        native_thread.next = head.value
        _threads.append(native_thread)
        head.value = native_thread.address
        return native_thread


def _install_handlers() -> None:
    """Install both handlers, once; what is not for them goes on to whoever was there before."""
    native = handlers()
    with _lock:
        _install(native)


@cache
def _install(native: Handlers) -> None:
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
    _handle(INTERRUPT, handlers().on_interrupt, 0 if reading_and_writing else _SA_RESTART)


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
