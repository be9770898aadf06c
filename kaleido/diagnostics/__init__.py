"""Errors in a user's program: where they are, what they say, and how they are shown.

In the order in which an error passes through them:

=============  =====================================================================
``source``     source texts, spans, labels, and a message about one span: a Diagnostic
``wording``    phrases that several messages share
``errors``     the exceptions that carry diagnostics, a collector for them, exit codes
``rendering``  diagnostics as text: the line of source with carets under it
=============  =====================================================================
"""

from kaleido.diagnostics.errors import (
    FAILED,
    INTERRUPTED,
    OK,
    IncompleteInput,
    KaleidoError,
    ParseError,
    Problems,
    SemanticError,
)
from kaleido.diagnostics.rendering import COLORED, PLAIN, Palette, render
from kaleido.diagnostics.source import MOST_SHOWN, Diagnostic, Label, Source, Span
from kaleido.diagnostics.wording import DEFECT_NOTICE, counted, suggestion

__all__ = [
    "COLORED",
    "DEFECT_NOTICE",
    "FAILED",
    "INTERRUPTED",
    "MOST_SHOWN",
    "OK",
    "PLAIN",
    "Diagnostic",
    "IncompleteInput",
    "KaleidoError",
    "Label",
    "Palette",
    "ParseError",
    "Problems",
    "SemanticError",
    "Source",
    "Span",
    "counted",
    "render",
    "suggestion",
]
