"""Source texts, spans of them, and a message about a span."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple

__all__ = ["MOST_SHOWN", "Diagnostic", "Label", "Source", "Span"]

MOST_SHOWN = 20
"""How many errors are shown at once."""


class Span(NamedTuple):
    """A half-open range of character offsets into a source text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.start, other.end)


_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class Source:
    """A text and its name: a file name, or a description in angle brackets.

    `shown` is a longer text that has `text` at the same offsets: messages quote their lines from it. None: from `text`.
    """

    def __init__(self, name: str, text: str, shown: str | None = None) -> None:
        self.name, self.text, self.shown = name, text, shown

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Source) or type(self) is not type(other):
            return NotImplemented
        return (self.name, self.text, self.shown) == (other.name, other.text, other.shown)

    def __hash__(self) -> int:
        return hash((self.name, self.text, self.shown))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column (both counted from 1) of a character offset."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def positions(self, span: Span) -> tuple[tuple[int, int], tuple[int, int]]:
        """The positions of the first character of a span, and of the first one behind it."""
        return self.position(span.start), self.position(span.end)

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its line break."""
        start = self._line_starts[number - 1]
        shown = self.shown if self.shown is not None else self.text
        end = _LINE_BREAK.search(shown, start)
        return shown[start : end.start() if end is not None else len(shown)]


class Label(NamedTuple):
    """A span of a source, and the text that is written beside it."""

    source: Source
    span: Span
    text: str


class Diagnostic(NamedTuple):
    """One message about one span, or about no span at all.

    `title`   a sentence that is complete without the rest
    `label`   the text beside the carets
    `hint`    what the user could write instead
    `others`  further spans that are related, which may be in other sources
    """

    title: str
    source: Source | None = None
    span: Span | None = None
    label: str = ""
    hint: str = ""
    others: tuple[Label, ...] = ()
