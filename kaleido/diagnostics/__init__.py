"""Positions in source texts, messages about them, and the errors that carry these.

=============  =====================================================================
``source``     texts, spans, labels, and a message about one place: a Diagnostic
``rendering``  diagnostics as text with carets
``errors``     the exceptions that carry diagnostics, and exit codes
``wording``    phrases that messages share
=============  =====================================================================
"""

from kaleido.diagnostics.errors import (
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
