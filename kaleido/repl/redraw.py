"""A picture that is redrawn in place while a program runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kaleido.jit import uninterrupted
from kaleido.repl.console import Console
from kaleido.terminal import streams

__all__ = ["redrawing"]

# Seconds between two drawings.
_INTERVAL = 0.2


@contextmanager
def redrawing(console: Console, picture: Callable[[], str]) -> Iterator[None]:
    """Draw the text that `picture` returns, repeatedly until the end of the block, and once more there.

    Another thread calls `picture`. On a dumb terminal only the last picture is drawn. The output of programs is
    discarded in the block. Ctrl-C waits for the end of the block, except in calls of ``interruptibly``.
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
                    yield
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
        self._rows = 0

    def draw(self, picture: str) -> None:
        lines = picture.splitlines()
        if not self._console.dumb:
            # Rows that have scrolled off the screen cannot be overwritten.
            lines = lines[: self._console.rows - 2]
        erase = f"\x1b[{self._rows}A\r\x1b[J" if self._rows else ""
        os.write(self._screen, (erase + "".join(f"{line}\n" for line in lines)).encode())
        self._rows = len(lines)
