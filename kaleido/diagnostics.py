"""Where things are in a source text, and how a mistake there is told to the user.

The exceptions::

    KaleidoError              errors in the user's program, with a Diagnostic for each
     ├─ SyntaxFault           the text is not a program: nothing of it has run
     │   └─ IncompleteInput   ... yet: it ends too early, and more text could complete it
     └─ MeaningFault          a name, a number of arguments ... is wrong: what stands before it has run
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
    "MOST_SHOWN",
    "OK",
    "Diagnostic",
    "IncompleteInput",
    "KaleidoError",
    "Label",
    "MeaningFault",
    "Problems",
    "Source",
    "Span",
    "SyntaxFault",
    "counted",
    "printable",
    "suggestion",
]

OK, INTERRUPTED = 0, 130
"""Exit codes that the command line and the REPL share."""

MOST_SHOWN = 20
"""How many errors are shown together."""

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


@dataclass(frozen=True)
class Source:
    """A text and the name it is known by (a file name, or something in angle brackets).

    `shown` is what people are shown of it where that is more than is read: what stands at the same places.
    """

    name: str
    text: str = field(repr=False)
    shown: str | None = field(default=None, repr=False)

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
        shown = self.shown if self.shown is not None else self.text
        end = _LINE_BREAK.search(shown, start)
        return shown[start : end.start() if end is not None else len(shown)]


@dataclass(frozen=True)
class Label:
    """A place in a source, and what to write beside it."""

    source: Source
    span: Span
    text: str


@dataclass(frozen=True)
class Diagnostic:
    """One message about one place.

    `title` stands alone; `label` is what to write beside the caret; `hint` says what to do about it; `others` are
    further places that have to do with it, which may be in other sources.
    """

    title: str
    source: Source | None = None
    span: Span | None = None
    label: str = ""
    hint: str = ""
    others: tuple[Label, ...] = ()


class KaleidoError(Exception):
    """Errors in the user's program: one, or all those that were found together.

    `diagnostics` has them in the order in which they are shown, `diagnostic` is the first. As a string, it is what a
    user sees; :func:`kaleido.rendering.render` does that with colours.
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics = diagnostics

    @property
    def diagnostic(self) -> Diagnostic:
        return self.diagnostics[0]

    def __str__(self) -> str:
        from kaleido.rendering import render

        return render(self.diagnostics)


class SyntaxFault(KaleidoError):
    """The text is not a program."""


class IncompleteInput(SyntaxFault):
    """The text ends too early: with more text after it, it could be a program."""


class MeaningFault(KaleidoError):
    """The text is a program that cannot be: it calls what is not there, and the like."""


@dataclass
class Problems:
    """What has been found wrong with a source so far. `shown` is how many of it somebody will see."""

    source: Source
    shown: int = MOST_SHOWN
    found: list[Diagnostic] = field(default_factory=list)

    def report(self, title: str, span: Span, label: str = "", hint: str = "", *others: Label) -> None:
        self.found.append(Diagnostic(title, self.source, span, label, hint, others))

    @property
    def next_is_shown(self) -> bool:
        """Whether the next problem is worth a hint that takes time to find."""
        return len(self.found) < self.shown

    def in_order(self) -> list[Diagnostic]:
        """The problems in the order of their places."""
        return sorted(self.found, key=lambda problem: problem.span.start if problem.span is not None else 0)

    def label(self, span: Span, text: str) -> Label:
        """A further place in this source."""
        return Label(self.source, span, text)


def counted(number: int, noun: str) -> str:
    """``1 parameter``, ``2 parameters``"""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """Text that does nothing to a terminal: whatever would act on it, or hide, is a replacement character."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def suggestion(name: str, candidates: Iterable[str], *, alike: float = 0.6) -> str:
    """A hint with the candidate that `name` may be a slip of, or nothing; 1.0 is alike in every letter."""
    from difflib import get_close_matches

    folded = {candidate.casefold(): candidate for candidate in candidates}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=alike)
    return f"did you mean `{folded[close[0]]}`?" if close else ""
