"""Progress display for long entries: write their output out regularly, and after one second show how to stop them.

The problem: an entry that runs for a while should say so ("running for 3 s: Ctrl-C stops it"). But the line must not
get into the output of the program. That output may be in the middle of a line at any time, and another thread writes
it, in C.

The solution: while an entry runs, C's standard output is held back in a buffer of ours, which a thread drains several
times a second. So the last byte that reached the terminal is known. If it ended a line, the cursor is at the beginning
of a line, and the progress line is written there. It is erased before anything else is written.

Limits: output that bypasses C's standard output, such as a program's own ``write`` to the file descriptor, is not
seen, and may share a line with the progress line. Where the C library cannot tell how much a stream has buffered, or
where standard output is not a terminal, there is no progress line, and output is only flushed regularly.

What does not work, and why:

- To ask the terminal for the position of the cursor. Its answer arrives as input, which the running program may be
  reading, and the program may write more before the answer is there.
- To save and restore the cursor, with the progress line on a row of its own. Output that scrolls moves the saved
  position, and a scrolling region that excludes the row outlives a program that is killed.
- To replace standard output by a pipe, and to copy from that to the terminal. Then standard output of the program is
  not a terminal, for it and for the processes it starts, and what is in the pipe is lost if the process dies.
- To write the progress line to standard error. That is usually the same terminal, with the same cursor.
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

__all__ = ["ProgressDisplay"]

# Seconds that an entry runs before the progress line appears.
_DELAY = 1.0

# Seconds between two updates.
_INTERVAL = 0.05

_ERASE = b"\r\x1b[K"


class ProgressDisplay:
    """The progress display of one REPL, for one entry at a time. Close it to restore the mode of standard output."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # Whether a progress line can be shown.
        self._on_terminal = console.interactive and os.isatty(1) and streams.hold_back(True)
        self._line = _ProgressLine(console)
        console.hide = self._line.erase
        if self._on_terminal:
            console.begin_line = self._line.begin_line
        self._running = threading.Event()
        self._closed = False
        self._begin = 0.0
        self._thread = threading.Thread(target=self._update_regularly, name="kaleido-progress", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed = True
        self._running.set()
        self._thread.join()
        if self._on_terminal:
            with suppress(OSError):
                streams.hold_back(False)

    @contextmanager
    def tracking(self) -> Iterator[None]:
        """A block in which an entry runs. The cursor is at the beginning of a line when it starts."""
        self._line.reset()
        self._begin = time.monotonic()
        self._running.set()
        try:
            yield
        finally:
            with self._console.lock, suppress(OSError):
                self._running.clear()
                self._line.erase()

    def _update_regularly(self) -> None:
        while self._running.wait() and not self._closed:
            # Sleep first: most entries end within one interval, and then this thread has nothing to do.
            time.sleep(_INTERVAL)
            # The main thread reports output that cannot be written.
            with self._console.lock, suppress(OSError):
                if self._running.is_set():
                    self._update()

    def _update(self) -> None:
        if not self._on_terminal:
            streams.flush()
        elif self._console.is_lent:
            # The time in a pager or an editor is not running time.
            self._begin = time.monotonic()
        else:
            self._line.update(time.monotonic() - self._begin)


class _ProgressLine:
    """The progress line, which is erased before other output is written."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.reset()

    def reset(self) -> None:
        """Begin a new entry: no progress line is shown, and the cursor is at the beginning of a line."""
        self._shown = ""
        self._at_line_start = True

    def update(self, seconds: float) -> None:
        """Write out the output that is held back; show the progress line if the entry takes long."""
        self._drain()
        if seconds >= _DELAY and self._at_line_start:
            self._show(f"running for {int(seconds)} s: Ctrl-C stops it")

    def _drain(self) -> None:
        last = streams.drain(_ERASE if self._shown and not self._console.dumb else b"")
        if last:
            self._at_line_start = last == b"\n"
            # On a dumb terminal the line cannot be erased, and is written only once.
            self._shown = self._shown if self._console.dumb else ""

    def begin_line(self) -> None:
        """Write a line end, unless the cursor is at the beginning of a line."""
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
        """Erase the progress line if it is shown."""
        if self._shown and not self._console.dumb:
            os.write(1, _ERASE)
            self._shown = ""
