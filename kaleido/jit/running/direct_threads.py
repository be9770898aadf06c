"""The application's threads that call units directly: each has a stack of its own for native code.

Programs recurse deeply, and an application's threads have the stacks that they have. So a direct call changes to a
stack that the system commits only as it is used, as large as that of the evaluation thread. It is allocated by the
first direct call of a thread, and freed when the thread ends.

Limits. Code that keeps the bounds of the C stack is confused by another one: Python from version 3.14 on. While native
code on such a stack has called back into Python, nothing may switch the C stack, as greenlets do.
"""

from __future__ import annotations

import ctypes
import mmap
import signal
import sys
import threading
import time
import weakref
from collections.abc import Collection
from functools import partial

from kaleido.jit.native.faults import INTERRUPT, Fault, NativeThread, missing_protection
from kaleido.jit.native.handlers import handlers
from kaleido.jit.process.fork import after_fork_in_child
from kaleido.jit.running.ctrl_c import watch_ctrl_c
from kaleido.jit.running.evaluation import PATIENCE, SIGNAL_INTERVAL
from kaleido.jit.running.stacks import ProtectedStack, current_native_thread, restart_system_calls

__all__ = ["are_available", "direct_thread", "stop", "stop_in"]

# Of the system, for mmap; Python's module names not all of them.
_MAP_NORESERVE, _MAP_STACK = 0x4000, 0x20000


def are_available() -> bool:
    """Whether units can be called directly here."""
    return not missing_protection() and sys.version_info < (3, 14) and sys.implementation.name == "cpython"


class _DirectThread:
    """The stack of `size` bytes for direct calls of the calling thread."""

    def __init__(self, size: int) -> None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE | _MAP_STACK
        memory = mmap.mmap(-1, size, flags=flags)
        low = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        stack = ProtectedStack(low, size)
        self.size, self.native_thread, self.ident = size, stack.native_thread, threading.get_ident()
        _direct_threads.add(self)
        # At the end of the thread, on it. A finalizer, because `__del__` may find this module torn down.
        self.close = weakref.finalize(self, _close, stack, memory)
        self.close.atexit = False


def _close(stack: ProtectedStack, memory: mmap.mmap) -> None:
    stack.close()
    del memory


_direct_threads: weakref.WeakSet[_DirectThread] = weakref.WeakSet()
_this_thread = threading.local()


def direct_thread(stack_size: int) -> NativeThread:
    """The NativeThread of the calling thread for a direct call: with a stack of `stack_size` bytes, if none runs on it.

    Raises MemoryError where there is no memory for the stack, OSError where Ctrl-C cannot be watched.
    """
    own: _DirectThread | None = getattr(_this_thread, "direct", None)
    present = current_native_thread()
    if present is not None and (own is None or own.size == stack_size or present.jump):
        return present
    if own is not None:
        _this_thread.direct = None
        own.close()
    try:
        new = _DirectThread(stack_size)
    except OSError:
        raise MemoryError(f"no memory for a stack of {stack_size:,} bytes") from None
    if threading.current_thread() is threading.main_thread():
        try:
            watch_ctrl_c(new.native_thread, partial(stop, new.native_thread, new.ident))
        except BaseException:
            new.close()
            raise
    _this_thread.direct = new
    return new.native_thread


def stop_in(engine: int, threads: Collection[int] = ()) -> None:
    """Stop the direct calls of the engine whose EngineState is at an address; if `threads` are given, only on these."""
    for thread in list(_direct_threads):
        is_meant = not threads or thread.ident in threads
        if is_meant and thread.native_thread.engine == engine and thread.native_thread is not current_native_thread():
            stop(thread.native_thread, thread.ident)


def stop(thread: NativeThread, ident: int) -> None:
    """Ask a thread to leave native code, until it has, or for PATIENCE: then it leaves when its C function returns."""
    assert INTERRUPT is not None
    begin, entries, urgent = time.monotonic(), thread.entries, False
    try:
        while thread.jump and thread.entries == entries and (waited := time.monotonic() - begin) < PATIENCE:
            if waited > PATIENCE / 2 and not urgent:
                urgent = True
                restart_system_calls(False)
            thread.pending = Fault.INTERRUPTED
            signal.pthread_kill(ident, INTERRUPT)
            time.sleep(SIGNAL_INTERVAL)
    finally:
        if urgent:
            restart_system_calls(True)


def _keep_none_of_lost_threads(_: bool) -> None:
    """In a forked child: the stacks of the parent's other threads stay mapped, and are not used."""
    own = getattr(_this_thread, "direct", None)
    for thread in list(_direct_threads):
        if thread is not own:
            thread.close.detach()
            _direct_threads.discard(thread)
    if own is not None and not own.native_thread.jump:
        # The next call allocates it again, and watches Ctrl-C.
        own.close()
        _this_thread.direct = None
    ctypes.c_uint64.from_address(handlers().main_thread).value = 0


after_fork_in_child(_keep_none_of_lost_threads)
