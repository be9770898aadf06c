"""Renders the parts of a chapter as lines of a terminal, and fits them into screenfuls.

Text is wrapped. Blocks are not wrapped and have no margin, so that they can be copied from the terminal, which itself
wraps lines that are too long. A change to the program keeps its signs, with or without colors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from kaleido.terminal.text import padded, painted, width
from kaleido.tutorial.chapters import Block
from kaleido.tutorial.markdown import Heading, Listing, Paragraph, Part, Quote, Run, Table, runs
from kaleido.tutorial.reader import RUN

if TYPE_CHECKING:
    from kaleido.repl.display.console import Console

__all__ = ["WIDEST", "Layout", "Place", "height", "is_runnable"]

WIDEST = 100
"""The greatest width of text in columns; longer lines are hard to read."""

_RUNNABLE = ("kal", *RUN)

# Parameters of the terminal's SGR sequence. These colors are readable on black and on white.
_COLORS = {"code": "35", "strong": "1", "emphasis": "4", "link": "4"}
_HEADING, _RULE, _OLD, _NEW = "1", "90", "90", "1;32"

# By a block's language: the title of a block without one, and Pygments' name of the language if it differs.
_TITLES = {
    "python": "kaleidoscope.py", "diff": "kaleidoscope.py: a change", "kal": "Kaleidoscope", "console": "terminal",
    "sh": "terminal", "pycon": "Python", "llvm": "IR", "lark": "grammar",
}  # fmt: skip
_LEXERS = {"kal": "kaleido", "lark": "ebnf"}

_PAINT = re.compile(r"\x1b\[[0-9;]*m")


def is_runnable(parts: Sequence[Part], index: int) -> bool:
    """Whether a part can be run where it stands.

    A file that a later command gives to the reader's own program cannot: Kaleido may do something else with it.
    """
    part = parts[index]
    if not isinstance(part, Block) or part.language not in _RUNNABLE:
        return False
    title = re.escape(part.title)
    use = re.compile(rf"^\$ .*\bkaleidoscope\.py\b.* {title}$|^(?:>>>|\.\.\.) .*\"{title}\"", re.MULTILINE)
    return not part.title or not any(
        isinstance(later, Block) and later.language in RUN and use.search(later.text) for later in parts[index + 1 :]
    )


def height(line: str, columns: int) -> int:
    """How many rows of the terminal a line takes; its colors take none."""
    return max(1, -(-width(_PAINT.sub("", line)) // columns))


@dataclass(frozen=True)
class Place:
    """A place in a chapter: the index of a part, and how many of its lines have been shown."""

    part: int = 0
    line: int = 0


@dataclass(frozen=True)
class Layout:
    """Renders a chapter for a terminal with so many columns.

    `colored`      whether text is colored
    `highlighted`  returns a text, highlighted as one of Pygments' languages
    """

    columns: int
    colored: bool = False
    highlighted: Callable[[str, str], str] = lambda text, language: text

    @classmethod
    def on(cls, console: Console) -> Layout:
        """The layout for a console at its current width."""
        return cls(console.columns, console.colored, console.highlighted)

    def screenful(self, parts: Sequence[Part], place: Place, rows: int) -> tuple[list[str], Place]:
        """The lines from `place` on that fit into `rows`, and the place after them.

        A screenful ends after a block that can be run. It ends inside a part only if it would be less than half full
        otherwise.
        """
        lines, used, part, start = list[str](), 0, place.part, place.line
        while part < len(parts):
            new = self.lines(parts[part])[start:]
            fitting = self._fitting(new, rows - used)
            if fitting < len(new):
                if 2 * used >= rows:
                    return lines, Place(part, start)
                fitting = max(fitting, 0 if lines else 1)
                return lines + new[:fitting], Place(part, start + fitting)
            lines, used, part, start = lines + new, used + self._height(new), part + 1, 0
            if is_runnable(parts, part - 1):
                break
        return lines, Place(part, start)

    def _height(self, lines: list[str]) -> int:
        return sum(height(line, self.columns) for line in lines)

    def _fitting(self, lines: list[str], rows: int) -> int:
        """How many of `lines` fit into `rows`."""
        for number, line in enumerate(lines):
            rows -= height(line, self.columns)
            if rows < 0:
                return number
        return len(lines)

    def lines(self, part: Part) -> list[str]:
        """A part as lines, with an empty line at the end."""
        match part:
            case Heading(level=level, text=text):
                found = self._heading(level, text)
            case Paragraph(text=text):
                found = self._wrapped(text, self._width)
            case Quote(text=text):
                found = [f"  │ {line}" for line in self._wrapped(text, self._width - 4)]
            case Listing(items=items):
                found = [line for mark, text in items for line in self._item(mark, text)]
            case Table(rows=rows):
                found = list(self._table(rows))
            case Block():
                found = self._block(part)
        return [*found, ""]

    @property
    def _width(self) -> int:
        return min(self.columns, WIDEST)

    def _heading(self, level: int, text: str) -> list[str]:
        lines = _filled(runs(text.replace("`", "")), self._width)
        plain = ["".join(run.text for run in line) for line in lines]
        rule = {1: "═", 2: "─"}.get(level, "") * max(map(width, plain), default=0)
        return [*(self._painted(line, _HEADING) for line in plain), *([self._painted(rule, _RULE)] if rule else [])]

    def _item(self, mark: str, text: str) -> list[str]:
        indent = len(mark) + 1
        lines = self._wrapped(text, self._width - indent)
        return [(" " * indent if number else f"{mark} ") + line for number, line in enumerate(lines)]

    def _block(self, block: Block) -> list[str]:
        language = _LEXERS.get(block.language, block.language)
        lines = [*self._change(block)] if language == "diff" else self.highlighted(block.text, language).splitlines()
        if block.language == "text":
            return lines
        rule, title = "─" * self._width, f"── {block.title or _TITLES.get(block.language, block.language)} "
        return [self._painted((title + rule)[: self._width], _RULE), *lines, self._painted(rule, _RULE)]

    def _change(self, block: Block) -> Iterator[str]:
        """The lines of a change: those that go are grey, those that come are marked."""
        after = iter(self.highlighted(block.code, "python").splitlines())
        for line in block.text.splitlines():
            if line.startswith("-"):
                yield self._painted(line, _OLD)
            else:
                code = next(after)
                yield (self._painted("+", _NEW) if line.startswith("+") else " " if code else "") + code

    def _table(self, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        natural = [max(map(self._natural, column)) for column in zip_longest(*rows, fillvalue="")]
        widths = _shrunk(natural, self._width - 2 * (len(natural) - 1))
        for number, row in enumerate(rows):
            cells = [self._wrapped(cell, columns) for cell, columns in zip(row, widths, strict=False)]
            for line in zip_longest(*cells, fillvalue=""):
                yield "  ".join(_padded(cell, columns) for cell, columns in zip(line, widths, strict=False)).rstrip()
            if number == 0:
                yield self._painted("  ".join("─" * columns for columns in widths), _RULE)

    def _natural(self, cell: str) -> int:
        """The width of a cell without line breaks."""
        return max((width(_PAINT.sub("", line)) for line in self._wrapped(cell, 1 << 16)), default=0)

    def _wrapped(self, text: str, columns: int) -> list[str]:
        found = runs(text)
        if not self.colored:
            # Without colors, backticks tell code from text.
            found = [Run(run.kind, f"`{run.text}`" if run.kind == "code" else run.text) for run in found]
        return [
            "".join(self._painted(run.text, _COLORS.get(run.kind, "")) for run in line)
            for line in _filled(found, max(1, columns))
        ]

    def _painted(self, text: str, color: str) -> str:
        return painted(text, color if self.colored else "")


def _padded(cell: str, columns: int) -> str:
    """A cell, padded with blanks; its colors take no columns."""
    return cell + padded("", columns - width(_PAINT.sub("", cell)))


def _shrunk(widths: list[int], columns: int) -> list[int]:
    """Widths whose sum is at most `columns`, as far as each stays at least 1. The widest are reduced first."""
    widths = list(widths)
    while sum(widths) > columns and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return widths


def _filled(found: Sequence[Run], columns: int) -> list[list[Run]]:
    """Runs as lines of at most `columns`, broken at blanks, and inside words that are longer than a line."""
    lines, used = list[list[Run]](), 0
    for word in _words(found, columns):
        size = sum(width(run.text) for run in word)
        if lines and used + 1 + size <= columns:
            lines[-1] += [_blank_between(lines[-1][-1], word[0]), *word]
            used += 1 + size
        else:
            lines.append(list(word))
            used = size
    return lines


def _blank_between(before: Run, after: Run) -> Run:
    return Run(before.kind if before.kind == after.kind else "", " ")


def _words(found: Sequence[Run], columns: int) -> Iterator[list[Run]]:
    """The words: pieces of one or several runs without a blank, each at most `columns` wide."""
    word: list[Run] = []
    for run in found:
        # Short code is not broken.
        unbroken = run.kind == "code" and 2 * width(run.text) <= columns
        for number, piece in enumerate([run.text] if unbroken else re.split(r"\s+", run.text)):
            if number and word:
                yield word
                word = []
            for part in _cut(piece, columns):
                if word and sum(width(each.text) for each in word) + width(part) > columns:
                    yield word
                    word = []
                word.append(Run(run.kind, part))
    if word:
        yield word


def _cut(text: str, columns: int) -> Iterator[str]:
    """A text in pieces of at most `columns`."""
    piece = ""
    for character in text:
        if piece and width(piece + character) > columns:
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece
