"""The exceptions for errors in a user's program, and the collector that the parser and the checks report to.

::

    KaleidoError              errors in the user's program, with a Diagnostic for each
     ├─ ParseError            a syntax error: no part of the text has run
     │   └─ IncompleteInput   the text ends too early: more text could complete it
     └─ SemanticError         an unknown name, a wrong number of arguments ...: what is before it has run
"""

from __future__ import annotations

from kaleido.diagnostics.rendering import render
from kaleido.diagnostics.source import MOST_SHOWN, Diagnostic, Label, Source, Span

__all__ = ["FAILED", "INTERRUPTED", "OK", "IncompleteInput", "KaleidoError", "ParseError", "Problems", "SemanticError"]

# Exit codes. FAILED is for an error in the program or in its output.
OK, FAILED, INTERRUPTED = 0, 1, 130
"""Exit codes of both the command line and the REPL."""


class KaleidoError(Exception):
    """One or more errors in the user's program that were found together.

    `diagnostics` holds them in the order in which they are shown; `diagnostic` is the first one. ``str(error)`` is the
    text that a user sees, without colors; :func:`kaleido.diagnostics.rendering.render` adds colors.
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics = diagnostics

    @property
    def diagnostic(self) -> Diagnostic:
        return self.diagnostics[0]

    def __str__(self) -> str:
        return render(self.diagnostics)


class ParseError(KaleidoError):
    """The text has a syntax error."""


class IncompleteInput(ParseError):
    """The text ends too early, and its only error is that: more text could complete it."""


class SemanticError(KaleidoError):
    """The text parses, but has no meaning: an unknown name, a wrong number of arguments, and the like."""


class Problems:
    """Collects the diagnostics of one source. At most `max_shown` of them will be shown to a user."""

    def __init__(self, source: Source, max_shown: int = MOST_SHOWN) -> None:
        self.source, self.max_shown = source, max_shown
        self.found: list[Diagnostic] = []

    def report(self, title: str, span: Span, label: str = "", hint: str = "", *others: Label) -> None:
        """Add a diagnostic for a span of this source; the arguments are those of :class:`Diagnostic`."""
        self.found.append(Diagnostic(title, self.source, span, label, hint, others))

    @property
    def next_is_shown(self) -> bool:
        """Whether the next problem will be shown: only then is a hint computed that takes time to find."""
        return len(self.found) < self.max_shown

    def in_order(self) -> list[Diagnostic]:
        """The problems, ordered by their position in the source."""
        return sorted(self.found, key=lambda problem: problem.span.start if problem.span is not None else 0)

    def label(self, span: Span, text: str) -> Label:
        """A label for a further span of this source."""
        return Label(self.source, span, text)
