"""Protected stacks: a thread with a NativeThread (see ``native/faults``), a guard zone, and signal handlers.

The functions of the C library that this needs are called through ctypes: Python's ``signal`` module installs only
handlers in Python, and its ``threading`` module does not know where stacks are. The structures are those of Linux on
x86-64 with glibc; nothing here is called on platforms without protection.
"""

from __future__ import annotations

import ctypes
import mmap
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache

from kaleido.jit.native.faults import GUARD_ZONE, INTERRUPT, STACK_RESERVE, NativeThread, missing_protection
from kaleido.jit.native.handlers import Handlers, handlers
from kaleido.jit.process.fork import LockOrder, after_fork_in_child, fork_safe

__all__ = [
    "ProtectedStack",
    "current_native_thread",
    "free_unused_stack",
    "install_handler",
    "present_handler",
    "protected_stack",
    "restart_system_calls",
]

_ALTERNATE_STACK = 64 << 10

_SA_SIGINFO, _SA_ONSTACK, _SA_RESTART, _SA_NODEFER = 4, 0x08000000, 0x10000000, 0x40000000
_SS_DISABLE = 2
_MADV_DONTNEED = 4
_NO_ACCESS, _READ_AND_WRITE = 0, 3


class _Action(ctypes.Structure):
    """``struct sigaction``."""

    _fields_ = [
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_uint64 * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    ]


class _SignalStack(ctypes.Structure):
    """``stack_t``."""

    _fields_ = [("lowest", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


_lock = fork_safe(threading.Lock(), LockOrder.STACKS)
_native_threads: list[NativeThread] = []
_unused: list[NativeThread] = []
_this_thread = threading.local()


class ProtectedStack:
    """The protection of the calling thread while it runs on the stack of `size` bytes at `low`. Closed by that thread.

    An alternate stack that the thread has already is used, and left as it is. Raises MemoryError.
    """

    def __init__(self, low: int, size: int) -> None:
        _install_handlers()
        self._low = low
        self._alternate = ctypes.create_string_buffer(_ALTERNATE_STACK)
        self.native_thread = _allocate_native_thread()
        if not _set_guard_zone(low, _NO_ACCESS):
            with _lock:
                _unused.append(self.native_thread)
            raise MemoryError("no memory for a protected stack")
        self._has_own_alternate = bool(_alternate_stack().flags & _SS_DISABLE)
        if self._has_own_alternate:
            _set_alternate_stack(_SignalStack(ctypes.addressof(self._alternate), 0, _ALTERNATE_STACK))
        thread = self.native_thread
        thread.bottom, thread.extent, thread.owner = low, size, threading.get_ident()
        _this_thread.native_thread = thread

    def close(self) -> None:
        """End the protection. The guard zone becomes accessible."""
        self.native_thread.extent = self.native_thread.owner = 0
        _this_thread.native_thread = None
        _set_guard_zone(self._low, _READ_AND_WRITE)
        if self._has_own_alternate:
            _set_alternate_stack(_SignalStack(None, _SS_DISABLE, 0))
        with _lock:
            _unused.append(self.native_thread)


@contextmanager
def protected_stack() -> Iterator[NativeThread | None]:
    """Protect the calling thread inside the block, and yield its NativeThread; None on platforms without protection.

    Raises MemoryError.
    """
    if missing_protection():
        yield None
        return
    # The C library keeps the stack for another thread, so the protection ends with the block.
    with closing(ProtectedStack(*_stack())) as stack:
        yield stack.native_thread


def current_native_thread() -> NativeThread | None:
    """The NativeThread of the calling thread, or None."""
    return getattr(_this_thread, "native_thread", None)


def _free_those_of_lost_threads(_: bool) -> None:
    """In a forked child: free the NativeThreads of threads that exist only in the parent."""
    own = current_native_thread()
    _unused[:] = [native_thread for native_thread in _native_threads if native_thread is not own]
    for native_thread in _unused:
        native_thread.extent = native_thread.owner = 0


after_fork_in_child(_free_those_of_lost_threads)


def free_unused_stack(native_thread: NativeThread) -> None:
    """Give the memory of the calling thread's stack back to the system, as far as it is not in use."""
    begin = native_thread.bottom + GUARD_ZONE
    # This function itself runs not far below the entry through which native code was left.
    end = (native_thread.top - STACK_RESERVE) // mmap.PAGESIZE * mmap.PAGESIZE
    if end > begin:
        _libc().madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_DONTNEED)


def _set_guard_zone(low: int, access: int) -> bool:
    """Set the access to the GUARD_ZONE at the end of the stack that begins at `low`; returns whether that succeeded."""
    succeeded: bool = _libc().mprotect(ctypes.c_void_p(low), ctypes.c_size_t(GUARD_ZONE), access) == 0
    return succeeded


def _allocate_native_thread() -> NativeThread:
    """An unused NativeThread that is in the list. They are never removed from it, as a handler may be searching it."""
    head = ctypes.c_uint64.from_address(handlers().threads)
    with _lock:
        if _unused:
            native_thread = _unused.pop()
            after_next = NativeThread.bottom.offset
            ctypes.memset(native_thread.address + after_next, 0, ctypes.sizeof(NativeThread) - after_next)
            return native_thread
        native_thread = NativeThread(next=head.value)
        _native_threads.append(native_thread)
        head.value = native_thread.address
        return native_thread


def _install_handlers() -> None:
    """Install both handlers, once. They pass on the signals that are not theirs to the handlers before them."""
    native = handlers()
    with _lock:
        _install(native)


@cache
def _install(native: Handlers) -> None:
    assert INTERRUPT is not None
    for number, address in (
        (signal.SIGSEGV, native.previous_overflow),
        (signal.SIGSEGV, native.original_overflow),
        (INTERRUPT, native.previous_interrupt),
    ):
        ctypes.c_uint64.from_address(address).value = present_handler(number)
    _set_handler(signal.SIGSEGV, native.on_overflow, 0)
    restart_system_calls(True)


def present_handler(number: int) -> int:
    """The address of the present handler of a signal; 0 for SIG_DFL, 1 for SIG_IGN."""
    action = _Action()
    _libc().sigaction(number, None, ctypes.byref(action))
    return action.handler or 0


def restart_system_calls(restart: bool) -> None:
    """Set whether a read or write that INTERRUPT interrupts goes on (SA_RESTART) or fails with EINTR.

    They go on except for the last attempts to stop a thread, because C's streams take an interrupted write for one
    that failed, and lose what was to be written. A C function that sleeps is always interrupted.
    """
    assert INTERRUPT is not None
    _set_handler(INTERRUPT, handlers().on_interrupt, _SA_RESTART if restart else 0)


def _set_handler(number: int, handler: int, flags: int) -> None:
    # SA_NODEFER, because the handler ends with a jump: nothing would unblock the signal again.
    action = _Action(handler=handler, flags=flags | _SA_SIGINFO | _SA_ONSTACK | _SA_NODEFER)
    _libc().sigaction(number, ctypes.byref(action), None)


def install_handler(number: int, handler: int) -> None:
    """Install a handler that returns: on the alternate stack, with all other signals blocked while it runs."""
    every = (ctypes.c_uint64 * 16)(*[2**64 - 1] * 16)
    action = _Action(handler=handler, mask=every, flags=_SA_SIGINFO | _SA_ONSTACK | _SA_RESTART)
    _libc().sigaction(number, ctypes.byref(action), None)


def _stack() -> tuple[int, int]:
    """The lowest address of the calling thread's stack, and its size in bytes."""
    libc = _libc()
    attributes, lowest, size = ctypes.create_string_buffer(256), ctypes.c_void_p(), ctypes.c_size_t()
    libc.pthread_getattr_np(ctypes.c_void_p(threading.get_ident()), attributes)
    libc.pthread_attr_getstack(attributes, ctypes.byref(lowest), ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return lowest.value or 0, size.value


def _alternate_stack() -> _SignalStack:
    """The stack that handlers run on at present, when they interrupt the calling thread."""
    stack = _SignalStack()
    _libc().sigaltstack(None, ctypes.byref(stack))
    return stack


def _set_alternate_stack(stack: _SignalStack) -> None:
    """Set the stack that handlers run on, when they interrupt the calling thread."""
    _libc().sigaltstack(ctypes.byref(stack), None)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
