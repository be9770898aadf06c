"""Critical sections: blocks in which Ctrl-C, and other signals with handlers in Python, are deferred.

The problem. Python turns Ctrl-C into a KeyboardInterrupt, raised on the main thread between any two bytecodes. In the
middle of a publication, or after llvmlite has acquired its lock and before it has entered the block that releases it,
that would leave the engine broken for ever; and no ``try`` begins early enough.

The same holds for every signal whose handler raises an exception, such as a time limit by SIGALRM.

The solution. All code that changes state runs in :class:`signals_deferred`. There, a signal is only recorded, and its
handler called at the end of the block. Long work checks for it at points where nothing has changed yet, with
:func:`raise_pending`. And where the main thread waits for native code, :func:`interruptibly` opens a window in which
handlers are called at once. :class:`uninterrupted` defers Ctrl-C alone, for longer: a whole session at a prompt, which
SIGTERM must be able to end.

It works by exchanging Python's handlers: an application's own handler is called later, not replaced. Where there is
none (a signal is ignored, or its handler is not Python's), nothing is done; nor on other threads, where Python calls no
handlers, nor in subinterpreters, which cannot have any.

Limits. LLVM is not interrupted: Python's handler runs when the compilation in progress is over. Only the signals in
_DEFERRED are deferred. A deferred handler gets no frame. ``signal.siginterrupt`` has to be repeated after a block.

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

import ctypes
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from itertools import compress
from types import FrameType, TracebackType
from typing import Any, ClassVar, TypeVar

from kaleido.jit.process.fork import after_fork_in_child

__all__ = [
    "RESTORED",
    "application_handler",
    "discard_pending",
    "interruptibly",
    "is_pending",
    "raise_pending",
    "signals_deferred",
    "uninterrupted",
]

T = TypeVar("T")

_Handler = Callable[[int, FrameType | None], Any]

# The functions that `signal` wraps only to turn numbers into enumerations, at up to 27 times the cost.
_unwrapped = import_module("_signal")
_get_handler: Callable[[int], Any] = _unwrapped.getsignal
_set_handler: Callable[[int, Any], Any] = _unwrapped.signal

# The signals whose handlers may well raise an exception. Not those of faults, nor faults.INTERRUPT: these have handlers
# in native code, which Python does not know.
_DEFERRED = tuple(
    int(getattr(signal, name))
    for name in ("SIGINT", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)
_CTRL_C = (int(signal.SIGINT),)


RESTORED = ctypes.c_uint64(0)
"""How often handlers were restored. Python installs its own handler in C each time, above those of native code."""


class _State:
    """Used by the main thread only.

    `handlers`  the application's handlers of the signals that are deferred
    `pending`   those that have arrived since then, each once, as the kernel has it
    `all`       whether a block defers all of them, so that a block inside it has nothing to do
    """

    handlers: ClassVar[dict[int, _Handler]] = {}
    pending: ClassVar[dict[int, None]] = {}
    all = False


def _record(number: int, frame: FrameType | None) -> None:
    """The handler of a signal that is deferred."""
    _State.pending[number] = None


def _begin_deferring(numbers: Sequence[int]) -> tuple[int, ...]:
    """Defer signals that are not deferred yet and have a handler in Python. Returns these."""
    begun: dict[int, _Handler] = {}
    try:
        # Few signals have handlers: the others take 0.1 µs each, without a step of the interpreter.
        for number in compress(numbers, map(callable, map(_get_handler, numbers))):
            if number not in _State.handlers:
                begun[number] = _get_handler(number)
                # Once `_record` is installed, this signal raises nothing here any more; others still may.
                _set_handler(number, _record)
        _State.handlers.update(begun)
    except BaseException:
        for number in begun:
            _State.handlers.pop(number, None)
        _restore(begun)
        raise
    return tuple(begun)


def _end_deferring(numbers: Iterable[int]) -> None:
    """Restore the application's handlers, and call those of pending signals."""
    handlers = {number: _State.handlers[number] for number in numbers if number in _State.handlers}
    for number in handlers:
        del _State.handlers[number]
    try:
        _restore(handlers)
    finally:
        _deliver_pending(handlers)


def _restore(handlers: dict[int, _Handler]) -> None:
    """Install handlers, all of them, even if one is called meanwhile and raises; then raise that."""
    waiting = list(handlers)
    if waiting:
        RESTORED.value += 1
    try:
        while waiting:
            _set_handler(waiting[-1], handlers[waiting[-1]])
            waiting.pop()
    finally:
        if waiting:
            _restore({number: handlers[number] for number in waiting})


def _deliver_pending(handlers: dict[int, _Handler]) -> None:
    """Call the handlers of pending signals, all of them, even if one raises."""
    pending = [number for number in _State.pending if number in handlers]
    if pending:
        del _State.pending[pending[0]]
        try:
            handlers[pending[0]](pending[0], None)
        finally:
            _deliver_pending(handlers)


def _has_handlers() -> bool:
    """Whether this is the thread that Python calls handlers of signals on."""
    return threading.current_thread() is threading.main_thread() and _in_main_interpreter()


@cache
def _in_main_interpreter() -> bool:
    """Whether this is not a subinterpreter; asked on the main thread only."""
    try:
        _set_handler(signal.SIGINT, _get_handler(signal.SIGINT))
    except ValueError:
        return False
    except TypeError:
        # The present handler is not Python's. In a subinterpreter, the ValueError comes first.
        pass
    return True


def _leave_the_parents_block(forked_on_main_thread: bool) -> None:
    """In a forked child: end the block of the parent's main thread, if that does not exist in the child."""
    if not forked_on_main_thread:
        _State.pending.clear()
        _State.all = False
        _end_deferring(_DEFERRED)


after_fork_in_child(_leave_the_parents_block)


class _Block:
    """A block in which signals are deferred until its end; if blocks are nested, until the end of the outermost."""

    _numbers: tuple[int, ...]

    def __enter__(self) -> None:
        self._begun: tuple[int, ...] = ()
        # Most blocks are inside another: looking at each signal again takes as long as the first time.
        self._outermost = not _State.all and _has_handlers()
        if self._outermost:
            self._begun = _begin_deferring(self._numbers)
            _State.all = self._numbers is _DEFERRED

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outermost:
            _State.all = False
            _end_deferring(self._begun)


class uninterrupted(_Block):  # noqa: N801 - it is used like a function
    """A block in which Ctrl-C is deferred until its end; if blocks are nested, until the end of the outermost."""

    _numbers = _CTRL_C


class signals_deferred(_Block):  # noqa: N801
    """The same for all signals whose handlers are likely to raise exceptions."""

    _numbers = _DEFERRED


def raise_pending() -> None:
    """In a block, call the handlers of signals that are pending, which mostly raise an exception.

    To be called where an exception leaves no change half done.
    """
    if _State.pending and _has_handlers():
        _deliver_pending(_State.handlers)


def is_pending() -> bool:
    """In a block, whether a signal has arrived whose handler is to be called."""
    return bool(_State.pending)


def discard_pending() -> None:
    """In a block, forget a Ctrl-C that is pending: what it was meant to stop has ended already."""
    if _has_handlers():
        _State.pending.pop(signal.SIGINT, None)


def application_handler(number: int) -> Any:
    """The handler of a signal that the application has installed in Python, whether the signal is deferred or not."""
    return _State.handlers.get(number) or _get_handler(number)


def interruptibly(function: Callable[[], T]) -> T:
    """In a block, call `function` with no signal deferred. The handlers of pending ones are called before."""
    if not _has_handlers() or not _State.handlers:
        return function()
    numbers, before = tuple(_State.handlers), _State.all
    try:
        _State.all = False
        _end_deferring(numbers)
        return function()
    finally:
        # Another signal may arrive before it is deferred again.
        raised: BaseException | None = None
        while True:
            try:
                _begin_deferring(numbers)
                _State.all = before
                break
            except BaseException as error:
                raised = error
        if raised is not None:
            raise raised
