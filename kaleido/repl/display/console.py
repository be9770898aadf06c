"""The console: where the REPL writes values, messages and long output.

The output of programs and the values of expressions go through C's standard output. Everything else first flushes that
stream, so that all output appears in the order in which it was produced.
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
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, TYPE_CHECKING, NamedTuple

from kaleido.diagnostics import COLORED, PLAIN, Palette
from kaleido.jit import Tier, discard_pending, uninterrupted
from kaleido.repl.display.themes import theme_name
from kaleido.repl.settings import Settings
from kaleido.report import tier_marks
from kaleido.terminal import streams

if TYPE_CHECKING:
    from kaleido.session import Result

__all__ = ["Console", "Size", "temporary_file"]

# Quit if the text fits on one screen, pass color sequences through, do not clear the screen; and how to leave, because
# less itself shows only a colon.
_LESS = r"FRXPSpace\: next page, b\: page before, q\: back to the prompt$"

_MIN_COLUMNS, _MIN_ROWS = 20, 5


class Size(NamedTuple):
    columns: int
    rows: int


class Console:
    """Writes text to a terminal or to other streams.

    `interactive`    whether a user types at a terminal
    `colored`        whether standard output gets colors
    `palette`        the colors of error messages
    `size`           returns the size of the terminal; called each time that the size is needed
    `background`     the background that the terminal has reported: ``dark``, ``light`` or, if it has not, empty
    `is_lent`        whether another program, such as a pager, controls the terminal now
    `hide`           erases a temporary line, such as the progress line
    `lock`           held while the temporary line is written or erased
    `begin_line`     ends a line that a program left unfinished, if the position of the cursor is known
    `lending`        returns a context manager that surrounds each block in which another program has the terminal
    `erase_prompt`   erases the prompt, if there is one
    `redraw_prompt`  draws it again
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
        self.background = ""
        self.is_lent = False
        self.lock = threading.RLock()
        self.hide: Callable[[], None] = _nothing
        self.begin_line: Callable[[], None] = _nothing
        self.lending: Callable[[], AbstractContextManager[None]] = nullcontext
        self.erase_prompt: Callable[[], None] = _nothing
        self.redraw_prompt: Callable[[], None] = _nothing

    @classmethod
    def of_streams(cls, color: str, *, interactive: bool, size: Callable[[], Size] | None = None) -> Console:
        """A console on the standard streams; `color` is ``auto``, ``always`` or ``never``."""
        return cls(
            Settings(),
            interactive=interactive,
            colored=streams.colored(color, 1),
            palette=COLORED if streams.colored(color, 2) else PLAIN,
            size=size,
        )

    @property
    def theme(self) -> str:
        """The name of the current color theme."""
        return theme_name(self.settings["theme"], self.background)

    @property
    def columns(self) -> int:
        """The current width of the terminal."""
        return max(_MIN_COLUMNS, self._size().columns)

    @property
    def rows(self) -> int:
        """The current height of the terminal, in lines."""
        return max(_MIN_ROWS, self._size().rows)

    @property
    def dumb(self) -> bool:
        """Whether the cursor cannot be moved, so that text can only be appended."""
        return not self.interactive or os.environ.get("TERM", "") in ("", "dumb", "unknown")

    def write(self, text: str) -> None:
        """Write to standard output, in order with the output of programs."""
        streams.write(text)

    def write_value(self, result: Result) -> None:
        """Write the value of an expression, on a line of its own, and write it out at once: a user waits for it."""
        self.begin_line()
        self.write(f"{result.shown}\n")
        with self.lock:
            self._tolerating_errors(self.hide)
            self._tolerating_errors(streams.write_out)

    def write_message(self, message: str) -> None:
        """Write a line to standard error, after all earlier output: the greeting, a summary, a hint or a warning.

        So standard output has only the output of programs, values, and the results of commands.
        """
        with self.lock:
            self._tolerating_errors(self.begin_line)
            self.flush()
            print(message, file=sys.stderr, flush=True)

    def write_error(self, error: str) -> None:
        """Write an error to standard error, as :meth:`write_message` does."""
        self.write_message(error)

    def flush(self) -> None:
        """Write out all buffered output. Raises OSError if some of it was lost, except on a terminal."""
        with self.lock:
            self._tolerating_errors(self.hide)
            self._tolerating_errors(streams.flush)

    def _tolerating_errors(self, write: Callable[[], None]) -> None:
        """Call `write`. On a terminal its OSError is ignored: Ctrl-C may have stopped a program during a write."""
        try:
            write()
        except OSError:
            if not self.interactive:
                raise

    def ask(self, prompt: str) -> None:
        """Write a prompt, before a plain line is read: to standard error, unless standard output is a terminal, too."""
        if self.interactive:
            self.write(prompt)
        self.flush()
        if not self.interactive:
            print(prompt, end="", file=sys.stderr, flush=True)

    def show(self, text: str, language: str = "") -> None:
        """Write a text, highlighted as one of Pygments' languages; a long one goes through the user's pager."""
        self.begin_line()
        shown = self.highlighted(text, language) if language else text
        if not self._is_long(text) or not self._page(shown):
            self.write(shown)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Lend the terminal to another program for this block: only that program writes, and Ctrl-C is for it alone."""
        with uninterrupted():
            with self.lock:
                self.flush()
                self.is_lent = True
            try:
                with self.lending():
                    yield
            finally:
                self.is_lent = False
                discard_pending()

    def highlighted(self, text: str, language: str) -> str:
        """`text` with the colors of the current theme for its language, if standard output gets colors."""
        if not self.colored:
            return text
        from pygments.lexers import get_lexer_by_name

        from kaleido.language.highlighting import KaleidoConsoleLexer, KaleidoLexer
        from kaleido.repl.display.code_lexers import AssemblyLexer, without_errors
        from kaleido.repl.display.themes import THEMES, color

        # By class: Pygments finds the lexers of Kaleido by name only if the package is installed.
        ours = {"kaleido": KaleidoLexer, "kaleido-console": KaleidoConsoleLexer, "gas": AssemblyLexer}
        options = {"stripnl": False, "ensurenl": False}
        lexer = ours[language](**options) if language in ours else get_lexer_by_name(language, **options)
        tokens = lexer.get_tokens(text)
        shown = tokens if language.startswith("kaleido") else without_errors(tokens)
        return color(shown, THEMES[self.theme])

    def emphasized(self, text: str) -> str:
        """`text` in bold, as a heading."""
        return f"\x1b[1m{text}\x1b[0m" if self.colored else text

    def tinted(self, text: str, tier: Tier | None = None) -> str:
        """`text` in the color of a tier, or with each tier that it names in its color, if there are colors."""
        if not self.colored:
            return text
        return tier_marks.painted(text, self.theme) if tier is None else tier_marks.paint(text, tier, self.theme)

    def _is_long(self, text: str) -> bool:
        paged = self.interactive and not self.dumb and self.settings.on("pager")
        return paged and text.count("\n") >= self.rows - 1

    def _page(self, text: str) -> bool:
        """Show `text` in the user's pager. Returns False if no pager is installed."""
        try:
            command = shlex.split(os.environ.get("PAGER") or "less")
        except ValueError:
            return False
        if not command or shutil.which(command[0]) is None:
            return False
        with temporary_file(text) as file, self.lent():
            subprocess.run(command, stdin=file, env={"LESS": _LESS, **os.environ}, check=False)
        return True


@contextmanager
def temporary_file(text: str) -> Iterator[IO[bytes]]:
    """An open temporary file with `text`, as the input of another program.

    Not a pipe: if the other program stopped reading early, SIGPIPE would end this process.
    """
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        yield file


def _nothing() -> None:
    pass


def _terminal_size() -> Size:
    # The terminal comes first: an exported COLUMNS does not change when the terminal is resized.
    try:
        size = os.get_terminal_size(streams.screen())
    except OSError:
        size = shutil.get_terminal_size()
    return Size(size.columns, size.lines)
