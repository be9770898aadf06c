"""A picture that is redrawn in place while a program runs."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate

from kaleido.jit import uninterrupted
from kaleido.repl.display.console import Console
from kaleido.terminal import streams
from kaleido.terminal.text import width

__all__ = ["redrawing"]

# Seconds between two drawings.
_INTERVAL = 0.2

_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@contextmanager
def redrawing(console: Console, picture: Callable[[], str]) -> Iterator[Callable[[str], None]]:
    """Draw the text that `picture` returns, repeatedly until the end of the block, and once more there.

    Another thread calls `picture`. On a dumb terminal only the last picture is drawn; the block may write text with
    the function that it is given. The output of programs is discarded in the block. Ctrl-C waits for the end of the
    block, except in calls of ``interruptibly``.
    """
    screen = os.dup(1)
    ended = threading.Event()
    drawing = _Drawing(console, screen)

    def draw() -> None:
        while not ended.wait(_INTERVAL):
            drawing.draw(picture())

    thread = threading.Thread(target=draw, name="kaleido-redraw", daemon=True)
    # Standard output must be restored whatever happens.
    with uninterrupted():
        try:
            with streams.discarded():
                if not console.dumb:
                    thread.start()
                try:
                    yield lambda text: _write(screen, text)
                finally:
                    ended.set()
                    if thread.ident is not None:
                        thread.join()
        finally:
            drawing.draw(picture())
            os.close(screen)


class _Drawing:
    """Draws pictures in one place: each overwrites the one before."""

    def __init__(self, console: Console, screen: int) -> None:
        self._console, self._screen = console, screen
        self._lines: list[str] = []

    def draw(self, picture: str) -> None:
        lines = picture.splitlines()
        if not self._console.dumb:
            lines = self._visible(lines)
        rows = sum(map(self._rows, self._lines))
        erase = f"\x1b[{rows}A\r\x1b[J" if rows else ""
        _write(self._screen, erase + "".join(f"{line}\n" for line in lines))
        self._lines = lines

    def _visible(self, lines: list[str]) -> list[str]:
        """The first of `lines`, as many as the terminal shows: rows that have scrolled off cannot be overwritten."""
        ends = accumulate(map(self._rows, lines))
        return [line for line, end in zip(lines, ends, strict=True) if end <= self._console.rows - 2]

    def _rows(self, line: str) -> int:
        """The number of rows that a line takes now. A terminal that has become narrower has wrapped it again."""
        return max(1, -(-width(_ESCAPE.sub("", line)) // self._console.columns))


def _write(screen: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(screen, data) :]
