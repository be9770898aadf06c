"""Where things are in a source text, and how a mistake there is told to the user.

The exceptions::

    KaleidoError              errors in the user's program, with a Diagnostic for each
     ├─ ParseError           the text is not a program: nothing of it has run
     │   └─ IncompleteInput   ... yet: it ends too early, and more text could complete it
     └─ SemanticError          a name, a number of arguments ... is wrong: what stands before it has run
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kaleido.diagnostics.rendering import render
from kaleido.diagnostics.source import MOST_SHOWN, Diagnostic, Label, Source, Span

__all__ = ["INTERRUPTED", "OK", "IncompleteInput", "KaleidoError", "ParseError", "Problems", "SemanticError"]

OK, INTERRUPTED = 0, 130
"""Exit codes that the command line and the REPL share."""


class KaleidoError(Exception):
    """Errors in the user's program: one, or all those that were found together.

    `diagnostics` has them in the order in which they are shown, `diagnostic` is the first. As a string, it is what a
    user sees; :func:`kaleido.diagnostics.rendering.render` does that with colors.
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
    """The text is not a program."""


class IncompleteInput(ParseError):
    """The text ends too early: with more text after it, it could be a program."""


class SemanticError(KaleidoError):
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
