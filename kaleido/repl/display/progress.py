"""Progress display for long entries: write their output out regularly, and after one second show how to stop them.

The problem: an entry that runs for a while should say so ("running for 3 s: Ctrl-C stops it"). But the line must not
get into the output of the program. That output may be in the middle of a line at any time, and another thread writes
it, in C.

The solution: while an entry runs, C's standard output is held back in a buffer of ours, which a thread drains several
times a second. :mod:`kaleido.terminal.held_output` shows the progress line only at the beginning of a line, and erases
it before anything else is written, even if C writes the buffer out by itself.

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
from typing import TYPE_CHECKING

from kaleido.repl.display.console import Console
from kaleido.terminal import streams
from kaleido.terminal.held_output import HeldOutput
from kaleido.terminal.text import cut

if TYPE_CHECKING:
    from kaleido.repl.display.terminal_control import TerminalControl

__all__ = ["ProgressDisplay"]

# Seconds that an entry runs before the progress line appears.
_DELAY = 1.0

# Seconds between two updates.
_INTERVAL = 0.05


class ProgressDisplay:
    """The progress display of one REPL, for one entry at a time. Close it to restore the mode of standard output."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # None if no progress line can be shown.
        self._held = _held_output(console)
        if self._held is not None:
            console.hide, console.begin_line = self._held.drain, self._begin_line
        self._terminal = _terminal_control(console)
        self._running = threading.Event()
        self._closed = False
        self._begin = 0.0
        self._thread = threading.Thread(target=self._update_regularly, name="kaleido-progress", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed = True
        self._running.set()
        self._thread.join()
        if self._held is not None:
            with suppress(OSError):
                self._held.close()
        if self._terminal is not None:
            self._terminal.close()

    @contextmanager
    def tracking(self) -> Iterator[None]:
        """A block in which an entry runs. The cursor is at the beginning of a line when it starts."""
        if self._held is not None:
            with suppress(OSError):
                self._held.begin()
        self._begin = time.monotonic()
        self._running.set()
        try:
            yield
        finally:
            with self._console.lock, suppress(OSError):
                self._running.clear()
                self._console.hide()
            if self._terminal is not None:
                self._terminal.begin_entry()

    def _begin_line(self) -> None:
        assert self._held is not None
        with self._console.lock:
            self._held.end_line()

    def _update_regularly(self) -> None:
        while self._running.wait() and not self._closed:
            # Sleep first: most entries end within one interval, and then this thread has nothing to do.
            time.sleep(_INTERVAL)
            # The main thread reports output that cannot be written.
            with self._console.lock, suppress(OSError):
                if self._running.is_set():
                    self._update()

    def _update(self) -> None:
        if self._held is None:
            streams.flush()
        elif self._console.is_lent:
            # The time in a pager or an editor is not running time.
            self._begin = time.monotonic()
        else:
            self._show(self._held, time.monotonic() - self._begin)

    @property
    def _is_typed_at(self) -> bool:
        """Whether the terminal echoes what is typed, which would mix with a progress line."""
        return self._terminal is not None and self._terminal.is_shared

    def _show(self, held: HeldOutput, seconds: float) -> None:
        if self._terminal is not None:
            self._terminal.share()
        if seconds < _DELAY or self._is_typed_at:
            held.drain()
        else:
            held.show(cut(f"running for {int(seconds)} s: Ctrl-C stops it", self._console.columns - 1))


def _terminal_control(console: Console) -> TerminalControl | None:
    if console.dumb or not os.isatty(0) or not os.isatty(1):
        return None
    from kaleido.repl.display.terminal_control import TerminalControl

    return TerminalControl(console)


def _held_output(console: Console) -> HeldOutput | None:
    if not console.interactive or not os.isatty(1) or not HeldOutput.is_supported():
        return None
    return HeldOutput(erasable=not console.dumb)
