"""Looks after an entry that takes long: has its output appear, and says after a second that it runs and what stops it.

The problem: the message must not get into what the program writes, which may stand in the middle of a line at any time,
and is written by another thread, in C. The solution: while an entry runs, standard output is held back in a buffer of
ours, and goes out a few times a second. So it is known what was written last. Where that was the end of a line, the
message stands on the next one; before more goes out, it is erased.

What is written around C's standard output (by a program's own ``write``) is not seen.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from kaleido.repl.console import Console
from kaleido.terminal import streams
from kaleido.terminal.text import cut

__all__ = ["Attendant"]

_LONG = 1.0
"""Seconds after which an entry takes long."""

# Seconds between two looks.
_LOOK = 0.05

_ERASE = b"\r\x1b[K"


class Attendant:
    """For the entries of one REPL, one at a time. Close it to give standard output back as it was."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # Whether there is a terminal to show a message on.
        self._on_terminal = console.interactive and os.isatty(1) and streams.hold_back(True)
        self._message = _Message(console)
        console.hide = self._message.erase
        if self._on_terminal:
            console.begin_line = self._message.begin_line
        self._running = threading.Event()
        self._closed = False
        self._begin = 0.0
        self._thread = threading.Thread(target=self._attend, name="kaleido-attendant", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed = True
        self._running.set()
        self._thread.join()
        if self._on_terminal:
            with suppress(OSError):
                streams.hold_back(False)

    @contextmanager
    def attending(self) -> Iterator[None]:
        """An entry runs in this block. It begins at the beginning of a line."""
        self._message.begin()
        self._begin = time.monotonic()
        self._running.set()
        try:
            yield
        finally:
            with self._console.lock, suppress(OSError):
                self._running.clear()
                self._message.erase()

    def _attend(self) -> None:
        while self._running.wait() and not self._closed:
            # Most entries have ended before this has, and nobody had to wake it up for them.
            time.sleep(_LOOK)
            # What cannot be written, whoever waits for the entry will be told.
            with self._console.lock, suppress(OSError):
                if self._running.is_set():
                    self._look()

    def _look(self) -> None:
        if not self._on_terminal:
            streams.flush()
        elif self._console.is_lent:
            # What is done elsewhere is no running of ours.
            self._begin = time.monotonic()
        else:
            self._message.look(time.monotonic() - self._begin)


class _Message:
    """A line that is not there when anything else is written."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.begin()

    def begin(self) -> None:
        """Nothing has been written yet."""
        self._shown = ""
        self._at_line_start = True

    def look(self, seconds: float) -> None:
        """Let output go out, and show the message where there is room for it."""
        self._drain()
        if seconds >= _LONG and self._at_line_start:
            self._show(f"running for {int(seconds)} s: Ctrl-C stops it")

    def _drain(self) -> None:
        last = streams.drain(_ERASE if self._shown and not self._console.dumb else b"")
        if last:
            self._at_line_start = last == b"\n"
            # Where nothing is erased, once is enough.
            self._shown = self._shown if self._console.dumb else ""

    def begin_line(self) -> None:
        """See that what is written next is at the beginning of a line."""
        with self._console.lock:
            self._drain()
            if not self._at_line_start:
                os.write(1, b"\n")
                self._at_line_start = True

    def _show(self, text: str) -> None:
        if text != self._shown and not (self._shown and self._console.dumb):
            shown = cut(text, self._console.columns - 1)
            os.write(1, (shown + ("\n" if self._console.dumb else "\r")).encode())
            self._shown = text

    def erase(self) -> None:
        """Take the message away, if it is there."""
        if self._shown and not self._console.dumb:
            os.write(1, _ERASE)
            self._shown = ""
