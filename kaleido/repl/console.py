"""Where the REPL shows things: the terminal, or whatever stands for it.

What programs print, and the values of expressions, go through C's standard output; everything else that is shown waits
until that has gone out. So all of it is in the order in which it happened.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from kaleido.diagnostics import COLORED, PLAIN, Palette
from kaleido.jit import discard_pending, uninterrupted
from kaleido.repl.settings import Settings
from kaleido.terminal import streams

__all__ = ["Console", "Size", "stored"]

# Quit where it fits on one screen, leave colors alone, do not clear the screen.
_LESS = "FRX"

_NARROWEST, _LOWEST = 20, 5


@dataclass(frozen=True)
class Size:
    columns: int
    rows: int


class Console:
    """Shows text.

    `interactive`  somebody sits at a terminal
    `colored`     what is written is in colors
    `palette`      the colors of messages
    `size`         of the terminal; it is asked each time
    `is_lent`      another program has the terminal now
    `hide`         takes away what is shown only for the moment; `lock` is to be held while that is shown
    `begin_line`   ends the line that a program has left unfinished, where one can know that
    """

    def __init__(
        self,
        settings: Settings,
        *,
        interactive: bool,
        colored: bool = False,
        palette: Palette = PLAIN,
        size: Callable[[], Size] | None = None,
    ) -> None:
        self.settings, self._size = settings, size or _terminal_size
        self.interactive, self.colored, self.palette = interactive, colored, palette
        self.is_lent = False
        self.lock = threading.RLock()
        self.hide: Callable[[], None] = _nothing
        self.begin_line: Callable[[], None] = _nothing

    @classmethod
    def of_streams(cls, color: str, *, interactive: bool, size: Callable[[], Size] | None = None) -> Console:
        """The standard streams, in colors where `color` and each of them say so."""
        return cls(
            Settings(),
            interactive=interactive,
            colored=streams.colored(color, 1),
            palette=COLORED if streams.colored(color, 2) else PLAIN,
            size=size,
        )

    @property
    def columns(self) -> int:
        """How wide the terminal is now."""
        return max(_NARROWEST, self._size().columns)

    @property
    def rows(self) -> int:
        """How many lines the terminal has now."""
        return max(_LOWEST, self._size().rows)

    @property
    def dumb(self) -> bool:
        """Whether the cursor cannot be moved: all that can be done is to write on."""
        return not self.interactive or os.environ.get("TERM", "") in ("", "dumb", "unknown")

    def write(self, text: str) -> None:
        """Write to standard output, in order with what programs print."""
        streams.write(text)

    def write_error(self, message: str) -> None:
        """Write a line to standard error, after everything that was printed before."""
        with self.lock:
            self._tolerantly(self.begin_line)
            self.flush()
            print(message, file=sys.stderr, flush=True)

    def flush(self) -> None:
        """Have everything that was written go out. Raises OSError where some of it was lost, and not on a terminal."""
        with self.lock:
            self._tolerantly(self.hide)
            self._tolerantly(streams.flush)

    def _tolerantly(self, write: Callable[[], None]) -> None:
        """On a terminal one goes on: a program may have been stopped in the middle of a write."""
        try:
            write()
        except OSError:
            if not self.interactive:
                raise

    def ask(self, prompt: str) -> None:
        """Show a prompt, before a plain line is read."""
        self.write(prompt)
        self.flush()

    def show(self, text: str, language: str = "") -> None:
        """Write something to be read: highlighted as one of Pygments' languages, a screen at a time if it is long."""
        self.begin_line()
        shown = self.highlighted(text, language) if language else text
        if not self._is_long(text) or not self._page(shown):
            self.write(shown)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Another program has the terminal: it alone writes, and Ctrl-C is for it."""
        with uninterrupted():
            with self.lock:
                self.flush()
                self.is_lent = True
            try:
                yield
            finally:
                self.is_lent = False
                discard_pending()

    def highlighted(self, text: str, language: str) -> str:
        """`text` in the colors that its language has here."""
        if not self.colored:
            return text
        from pygments.lexers import get_lexer_by_name

        from kaleido.language.highlighting import KaleidoConsoleLexer, KaleidoLexer
        from kaleido.repl.themes import color, theme

        # Ours by their classes: Pygments knows them only where Kaleido is installed.
        ours = {"kaleido": KaleidoLexer, "kaleido-console": KaleidoConsoleLexer}
        options = {"stripnl": False, "ensurenl": False}
        lexer = ours[language](**options) if language in ours else get_lexer_by_name(language, **options)
        return color(lexer.get_tokens(text), theme(self.settings["theme"]))

    def emphasized(self, text: str) -> str:
        """`text` as a heading."""
        return f"\x1b[1m{text}\x1b[0m" if self.colored else text

    def _is_long(self, text: str) -> bool:
        paged = self.interactive and not self.dumb and self.settings.on("pager")
        return paged and text.count("\n") >= self.rows - 1

    def _page(self, text: str) -> bool:
        """Show `text` in the user's pager; False where there is none."""
        try:
            command = shlex.split(os.environ.get("PAGER") or "less")
        except ValueError:
            return False
        if not command or shutil.which(command[0]) is None:
            return False
        with stored(text) as file, self.lent():
            subprocess.run(command, stdin=file, env={"LESS": _LESS, **os.environ}, check=False)
        return True


@contextmanager
def stored(text: str) -> Iterator[IO[bytes]]:
    """A text for another program to read. A file, because one that does not read a pipe to its end would end us."""
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        yield file


def _nothing() -> None:
    pass


def _terminal_size() -> Size:
    # First the terminal itself: COLUMNS, where it is exported, does not follow when that is resized.
    try:
        size = os.get_terminal_size(1)
    except OSError:
        size = shutil.get_terminal_size()
    return Size(size.columns, size.lines)
