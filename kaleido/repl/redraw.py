"""A picture that is drawn again and again in its place, while something else runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kaleido.jit import uninterrupted
from kaleido.repl.console import Console
from kaleido.terminal import streams

__all__ = ["live"]

_SECONDS = 0.2
"""Between two drawings."""


@contextmanager
def live(console: Console, picture: Callable[[], str]) -> Iterator[None]:
    """Show what `picture` gives, now and again until the end of the block. Programs' output is discarded in it.

    `picture` is called on a thread of its own. Where the cursor cannot be moved, only the last one is shown. Ctrl-C
    waits for the end of the block, unless a window is opened for it there.
    """
    screen = os.dup(1)
    ended = threading.Event()
    drawing = _Drawing(console, screen)

    def draw() -> None:
        while not ended.wait(_SECONDS):
            drawing.draw(picture())

    thread = threading.Thread(target=draw, name="kaleido-live", daemon=True)
    # The screen must be given back whatever happens.
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
    """What was drawn last is drawn over."""

    def __init__(self, console: Console, screen: int) -> None:
        self._console, self._screen = console, screen
        self._rows = 0

    def draw(self, picture: str) -> None:
        lines = picture.splitlines()
        if not self._console.dumb:
            # What has left the screen cannot be drawn over.
            lines = lines[: self._console.rows - 2]
        erase = f"\x1b[{self._rows}A\r\x1b[J" if self._rows else ""
        os.write(self._screen, (erase + "".join(f"{line}\n" for line in lines)).encode())
        self._rows = len(lines)
