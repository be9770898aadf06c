"""Where Ctrl-C may strike, and where it waits.

The problem: Python turns Ctrl-C into a KeyboardInterrupt, raised on the main thread between any two instructions. In
the middle of a publication, or while llvmlite has taken its lock and not yet entered the block that gives it back,
that would leave the engine broken for ever; and no ``try`` in the world is tight enough.

The solution: whatever changes state runs in :class:`uninterrupted`. There, Ctrl-C is only noted, and it strikes at the
end of the block. Long work looks in between, at a place where nothing has changed yet, with :func:`raise_pending`.
And where the main thread waits for native code, :func:`interruptibly` opens a window.

It works by exchanging Python's handler of SIGINT, whatever that is: an application's own one is called later, not
replaced. Where there is none (SIGINT is ignored, or not Python's) nothing is done; nor on other threads, where no
KeyboardInterrupt is ever raised.

What it does not do: interrupt LLVM, as Python gets to see Ctrl-C when the compilation in progress is over; and hold
back other signals, whose handlers may raise what they like wherever they strike.
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
    """Looked at by the main thread only. `handler` is what Ctrl-C would call; None outside of all blocks."""

    handler: _Handler | None = None
    noted = False


def _note(number: int, frame: FrameType | None) -> None:
    _State.noted = True


def _hold() -> None:
    handler = _get_handler(signal.SIGINT)
    if callable(handler):
        try:
            # From the moment that `_note` is there, Ctrl-C does not interrupt us any more; other signals may.
            _set_handler(signal.SIGINT, _note)
            _State.handler = handler
        except BaseException:
            _State.handler = None
            _set_handler(signal.SIGINT, handler)
            raise


def _let_go() -> None:
    """Have Ctrl-C strike again; if it was noted, now."""
    handler, _State.handler = _State.handler, None
    if handler is not None:
        try:
            _set_handler(signal.SIGINT, handler)
        except BaseException:
            _set_handler(signal.SIGINT, handler)
            raise
        _strike(handler)


def _strike(handler: _Handler) -> None:
    if _State.noted:
        _State.noted = False
        handler(signal.SIGINT, None)


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _forget_the_parent(by_main_thread: bool) -> None:
    """In a forked child: if the main thread was in a block, and is not here, nobody else would end it."""
    if not by_main_thread:
        discard_pending()
        _let_go()


after_fork_in_child(_forget_the_parent)


class uninterrupted:  # noqa: N801 - it is used like a function
    """A block in which Ctrl-C waits until its end; where blocks are nested, until the end of the outermost."""

    def __enter__(self) -> None:
        self._outermost = _on_main_thread() and _State.handler is None
        if self._outermost:
            _hold()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outermost:
            _let_go()


def raise_pending() -> None:
    """Raise now what Ctrl-C would have raised since the block began. To be called where nothing has changed yet."""
    if _on_main_thread() and _State.handler is not None:
        _strike(_State.handler)


def discard_pending() -> None:
    """Have what was noted not strike: it was about what has ended anyway."""
    if _on_main_thread() and _State.handler is not None:
        _State.noted = False


def interruptibly(function: Callable[[], T]) -> T:
    """Call `function` in a window of a block: there Ctrl-C strikes, at once if it was noted before."""
    if not _on_main_thread() or _State.handler is None:
        return function()
    try:
        _let_go()
        return function()
    finally:
        # A second Ctrl-C may come before it is held back again.
        struck: BaseException | None = None
        while True:
            try:
                _hold()
                break
            except BaseException as error:
                struck = error
        if struck is not None:
            raise struck
