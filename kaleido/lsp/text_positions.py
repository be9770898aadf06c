"""Offsets in a text as lines and columns of the protocol, which count from 0.

The protocol counts columns in UTF-16 code units, unless client and server agree on another encoding.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from kaleido.diagnostics import Span

__all__ = ["TextPositions"]

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class TextPositions:
    """The positions in one text. `encoding` is utf-8, utf-16 or utf-32."""

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self._text, self._encoding = text, encoding
        breaks = list(_LINE_BREAK.finditer(text))
        self._starts = [0, *(each.end() for each in breaks)]
        self._ends = [*(each.start() for each in breaks), len(text)]

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset."""
        line = bisect_right(self._starts, offset) - 1
        return line, self._units(self._text[self._starts[line] : offset])

    def range(self, span: Span) -> tuple[tuple[int, int], tuple[int, int]]:
        """The positions of both ends of a span."""
        return self.position(span.start), self.position(span.end)

    def offset(self, line: int, column: int) -> int:
        """The offset of a position. One behind the end of a line is that end, one behind the text is its end."""
        if line >= len(self._starts):
            return len(self._text)
        start, end = self._starts[line], self._ends[line]
        content = self._text[start:end]
        if content.isascii() or self._encoding == "utf-32":
            return min(start + column, end)
        units = 0
        for index, character in enumerate(content):
            if units >= column:
                return start + index
            units += self._units(character)
        return end

    def line(self, offset: int) -> int:
        """The line of an offset."""
        return bisect_right(self._starts, offset) - 1

    def line_end(self, line: int) -> int:
        """The offset of the end of a line, without its line break."""
        return self._ends[line]

    def _units(self, text: str) -> int:
        if text.isascii() or self._encoding == "utf-32":
            return len(text)
        if self._encoding == "utf-8":
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text) + sum(character > "\uffff" for character in text)
