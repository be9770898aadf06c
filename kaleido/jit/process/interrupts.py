"""Critical sections: blocks in which Ctrl-C is deferred.

The problem. Python turns Ctrl-C into a KeyboardInterrupt, raised on the main thread between any two bytecodes. In the
middle of a publication, or after llvmlite has acquired its lock and before it has entered the block that releases it,
that would leave the engine broken for ever; and no ``try`` begins early enough.

The solution. All code that changes state runs in :class:`uninterrupted`. There, Ctrl-C is only recorded, and raised at
the end of the block. Long work checks for it at points where nothing has changed yet, with :func:`raise_pending`. And
where the main thread waits for native code, :func:`interruptibly` opens a window in which Ctrl-C is raised at once.

It works by exchanging Python's handler of SIGINT: an application's own handler is called later, not replaced. If there
is none (SIGINT is ignored, or its handler is not Python's), nothing is done; nor on other threads, where Python raises
no KeyboardInterrupt.

Limits. LLVM is not interrupted: Python's handler runs when the compilation in progress is over. Other signals are not
deferred; their handlers may raise an exception anywhere.

What does not work, and why.

- *try and finally.* Between a call that returns, with a lock acquired, and the ``try`` that follows, the
  exception may be raised. Most of the code in question is llvmlite's and Python's own.
- *Blocking SIGINT with pthread_sigmask on the main thread.* The kernel then delivers the signal to another thread.
  Python's C handler runs there and sets a flag, and the KeyboardInterrupt is raised on the main thread all the same.
- *signal.set_wakeup_fd.* It adds a byte written to a file descriptor, and takes nothing away: the Python handler runs
  as before. Also, a process has only one, and asyncio uses it.
- *A handler installed once and for all, that looks at a flag.* An application that installs its own handler afterwards
  would remove it, and a library must not take SIGINT while none of its code runs.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeVar

from kaleido.jit.process.fork import after_fork_in_child

__all__ = ["discard_pending", "interruptibly", "raise_pending", "uninterrupted"]

T = TypeVar("T")

_Handler = Callable[[int, FrameType | None], Any]

# The functions that `signal` wraps only to turn numbers into enumerations, at twelve times the cost.
_get_handler = getattr(signal.getsignal, "__wrapped__", signal.getsignal)
_set_handler = getattr(signal.signal, "__wrapped__", signal.signal)


class _State:
    """Used by the main thread only.

    `handler`  the application's handler of SIGINT while Ctrl-C is deferred; otherwise None
    `pending`  whether Ctrl-C was pressed since then
    """

    handler: _Handler | None = None
    pending = False


def _record(number: int, frame: FrameType | None) -> None:
    """The handler of SIGINT while Ctrl-C is deferred."""
    _State.pending = True


def _begin_deferring() -> None:
    handler = _get_handler(signal.SIGINT)
    if callable(handler):
        try:
            # Once `_record` is installed, Ctrl-C raises nothing here any more; other signals still may.
            _set_handler(signal.SIGINT, _record)
            _State.handler = handler
        except BaseException:
            _State.handler = None
            _set_handler(signal.SIGINT, handler)
            raise


def _end_deferring() -> None:
    """Restore the application's handler, and call it if Ctrl-C is pending."""
    handler, _State.handler = _State.handler, None
    if handler is not None:
        try:
            _set_handler(signal.SIGINT, handler)
        except BaseException:
            _set_handler(signal.SIGINT, handler)
            raise
        _deliver_pending(handler)


def _deliver_pending(handler: _Handler) -> None:
    if _State.pending:
        _State.pending = False
        handler(signal.SIGINT, None)


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _leave_the_parents_block(forked_on_main_thread: bool) -> None:
    """In a forked child: end the block of the parent's main thread, if that does not exist in the child."""
    if not forked_on_main_thread:
        discard_pending()
        _end_deferring()


after_fork_in_child(_leave_the_parents_block)


class uninterrupted:  # noqa: N801 - it is used like a function
    """A block in which Ctrl-C is deferred until its end; if blocks are nested, until the end of the outermost."""

    def __enter__(self) -> None:
        self._outermost = _on_main_thread() and _State.handler is None
        if self._outermost:
            _begin_deferring()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outermost:
            _end_deferring()


def raise_pending() -> None:
    """In a block, call the handler of a Ctrl-C that is pending, which mostly raises KeyboardInterrupt.

    To be called where an exception leaves no change half done.
    """
    if _on_main_thread() and _State.handler is not None:
        _deliver_pending(_State.handler)


def discard_pending() -> None:
    """In a block, forget a Ctrl-C that is pending: what it was meant to stop has ended already."""
    if _on_main_thread() and _State.handler is not None:
        _State.pending = False


def interruptibly(function: Callable[[], T]) -> T:
    """In a block, call `function` with Ctrl-C not deferred. One that is pending is raised before the call."""
    if not _on_main_thread() or _State.handler is None:
        return function()
    try:
        _end_deferring()
        return function()
    finally:
        # Another Ctrl-C may be raised before it is deferred again.
        raised: BaseException | None = None
        while True:
            try:
                _begin_deferring()
                break
            except BaseException as error:
                raised = error
        if raised is not None:
            raise raised
