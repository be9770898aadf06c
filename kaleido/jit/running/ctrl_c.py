"""Ctrl-C while the main thread is in native code that it has called directly.

Python's handler only sets a flag, and the main thread sees it after the call. So a native handler is installed above it
(``on.ctrl.c`` in handlers.ll): it calls Python's, and if the main thread is in native code, it writes a byte to a pipe.
A thread that reads the pipe decides whether to stop the call: only where Ctrl-C means a KeyboardInterrupt. A handler of
the application's own runs when the call has ended, as it does for native code of any other library.

What does not work, and why.

- *Stopping in the handler.* The main thread may be in a C function; the signal must be sent again. And whether
  Python's handler will raise an exception is not known there.
- *signal.set_wakeup_fd*. See ``process/interrupts``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable

from kaleido.jit.native.faults import NativeThread
from kaleido.jit.native.handlers import handlers
from kaleido.jit.process.fork import after_fork_in_child
from kaleido.jit.process.interrupts import application_handler

__all__ = ["watch_ctrl_c"]

_pipes: list[int] = []


def watch_ctrl_c(main_thread: NativeThread, stop: Callable[[], None]) -> None:
    """From now on, call `stop` on another thread when Ctrl-C should stop the native code of the main thread."""
    native = handlers()
    if _pipes:
        read_end = _pipes[0]
    else:
        _pipes.extend(os.pipe())
        read_end = _pipes[0]
        os.set_blocking(_pipes[1], False)
    ctypes.c_int32.from_address(native.ctrl_c_pipe).value = _pipes[1]
    ctypes.c_uint64.from_address(native.main_thread).value = main_thread.address
    _watcher.stop = stop
    if not _watcher.started:
        threading.Thread(target=_watch, args=(read_end,), name="kaleido-ctrl-c", daemon=True).start()
        _watcher.started = True


class _Watcher:
    """`stop` stops the native code of the main thread; `started`: a thread reads the pipe."""

    stop: Callable[[], None]
    started = False


_watcher = _Watcher()


def _watch(read_end: int) -> None:
    while os.read(read_end, 64):
        if application_handler(signal.SIGINT) is signal.default_int_handler:
            _watcher.stop()


def _end_watching(_: bool) -> None:
    """In a forked child: the thread exists only in the parent, which reads the pipe."""
    _watcher.started = False
    for end in _pipes:
        os.close(end)
    _pipes.clear()


after_fork_in_child(_end_watching)
