"""Control of the terminal while the REPL has it: what is typed during an entry, and signals that stop or end Kaleido.

Ctrl-Z, SIGTERM and SIGHUP would leave the terminal without echo and with parts of the prompt, or with the progress
line. So their handlers first erase those and restore the mode of the terminal. Then the signal has its default effect.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from kaleido.repl.display.console import Console
from kaleido.terminal.input_mode import InputMode, is_read

__all__ = ["TerminalControl"]


class TerminalControl:
    """Controls the terminal of a console, from its creation until :meth:`close`.

    `is_shared`  whether the running entry has read standard input: then what is typed is echoed
    """

    def __init__(self, console: Console) -> None:
        self._console, self._mode = console, InputMode()
        self.is_shared = False
        console.lending = self._lent
        self._signals = [number for number in (signal.SIGTSTP, signal.SIGTERM, signal.SIGHUP) if _is_default(number)]
        for number in self._signals:
            signal.signal(number, self._stop if number == signal.SIGTSTP else self._end)
        self._mode.hide()

    def close(self) -> None:
        self._mode.restore()
        for number in self._signals:
            signal.signal(number, signal.SIG_DFL)

    def begin_entry(self) -> None:
        self.is_shared = False
        self._mode.hide()

    def share(self) -> None:
        """Let the terminal echo what is typed if the running entry reads standard input."""
        if not self.is_shared and is_read():
            self.is_shared = True
            self._mode.restore()

    @contextmanager
    def _lent(self) -> Iterator[None]:
        with self._mode.suspended():
            yield

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._erase()
        with self._mode.suspended():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            # Here the process goes on again.
            signal.signal(number, self._stop)
        self._console.redraw_prompt()

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._erase()
        self._mode.restore()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    def _erase(self) -> None:
        # The terminal may be gone.
        with suppress(OSError):
            self._console.hide()
        with suppress(Exception):
            self._console.erase_prompt()


def _is_default(number: int) -> bool:
    """Whether this thread may handle a signal that nothing else handles or ignores."""
    return threading.current_thread() is threading.main_thread() and signal.getsignal(number) is signal.SIG_DFL
