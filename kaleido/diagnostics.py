"""Where things are in a source text, and how a mistake there is told to the user.

The exceptions::

    KaleidoError              an error in the user's program, with its Diagnostic
     └─ SyntaxFault           the text is not a program
         └─ IncompleteInput   ... yet: it ends too early, and more text could complete it
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

__all__ = [
    "DEFECT_NOTICE",
    "INTERRUPTED",
    "OK",
    "Diagnostic",
    "IncompleteInput",
    "KaleidoError",
    "Source",
    "Span",
    "SyntaxFault",
    "counted",
    "render",
    "suggestion",
]

OK, INTERRUPTED = 0, 130
"""Exit codes that the command line and the REPL share."""

DEFECT_NOTICE = "this is a defect of Kaleido, not of your program; please report it"


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of character offsets into a source text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.start, other.end)


_LINE_BREAK = re.compile(r"\r\n|\r|\n")

# Control characters are shown, not sent to the terminal. A tab stays one.
_PICTURES = {code: chr(0x2400 + code) for code in range(32) if code != ord("\t")} | {127: "\u2421"}


@dataclass(frozen=True)
class Source:
    """A text and the name it is known by (a file name, or something in angle brackets)."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column (both counted from 1) of a character offset."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its line break."""
        start = self._line_starts[number - 1]
        end = _LINE_BREAK.search(self.text, start)
        return self.text[start : end.start() if end is not None else len(self.text)]


@dataclass(frozen=True)
class Diagnostic:
    """One message about one place.

    `title` stands alone; `label` is what to write beside the caret; `hint` says what to do about it.
    """

    title: str
    source: Source | None = None
    span: Span | None = None
    label: str = ""
    hint: str = ""


class KaleidoError(Exception):
    """An error in the user's program."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(render(diagnostic))
        self.diagnostic = diagnostic


class SyntaxFault(KaleidoError):
    """The text is not a program."""


class IncompleteInput(SyntaxFault):
    """The text ends too early: with more text after it, it could be a program."""


def render(diagnostic: Diagnostic) -> str:
    """The message as lines of text, with the source line and a caret where there is a place."""
    lines = [f"error: {diagnostic.title}"]
    source, span = diagnostic.source, diagnostic.span
    if source is not None and span is not None:
        number, column = source.position(span.start)
        text = source.line(number).translate(_PICTURES)
        gutter = " " * len(str(number))
        width = max(1, min(span.end - span.start, len(text) - column + 1))
        # Tabs stay tabs under the source line, so that the caret lines up whatever a tab is worth.
        indent = "".join("\t" if character == "\t" else " " for character in text[: column - 1])
        lines += [
            f"{gutter} ┌ {source.name}:{number}:{column}",
            f"{number} │ {text}",
            f"{gutter} │ {indent}{'^' * width} {diagnostic.label}".rstrip(),
        ]
    if diagnostic.hint:
        lines.append(f"  = hint: {diagnostic.hint}")
    return "\n".join(lines)


def counted(number: int, noun: str) -> str:
    """``1 parameter``, ``2 parameters``"""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """A hint with the candidate that `name` may be a slip of, or nothing."""
    from difflib import get_close_matches

    close = get_close_matches(name, candidates, n=1)
    return f"did you mean `{close[0]}`?" if close else ""
