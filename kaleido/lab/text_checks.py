"""Tokens and errors of a text that is being edited, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kaleido.diagnostics import Diagnostic, KaleidoError, Source
from kaleido.language.nodes import Definition, External, Item
from kaleido.session import Session

__all__ = ["definitions_only", "problem", "problems", "tokens"]

# The tokens of longer texts are not computed at every key.
_LONGEST = 200_000


def tokens(text: str) -> list[list[Any]]:
    """The tokens as ``[characters, kind]``, in order; joined, they are the text. No tokens of a very long text.

    A kind is the short name of Pygments for a token type, such as ``k`` for keywords, which is a class in style sheets.
    """
    if len(text) > _LONGEST:
        return []
    from pygments.token import STANDARD_TYPES

    from kaleido.language.highlighting import KaleidoLexer

    return [[value, STANDARD_TYPES.get(kind, "")] for _, kind, value in KaleidoLexer().get_tokens_unprocessed(text)]


def problems(session: Session, source: Source) -> list[dict[str, Any]]:
    """The errors that running a text in the initial state would report before anything runs."""
    try:
        session.check(source)
    except KaleidoError as error:
        return [problem(each) for each in error.diagnostics]
    return []


def problem(found: Diagnostic) -> dict[str, Any]:
    """A diagnostic: `title`, `label`, `hint`; `name` of its source; `start` and `end`, lines and columns from 1."""
    place = {}
    if found.source is not None and found.span is not None:
        start, end = (found.source.position(offset) for offset in (found.span.start, found.span.end))
        place = {"name": found.source.name, "start": start, "end": end}
    return {"title": found.title, "label": found.label, "hint": found.hint} | place


def definitions_only(items: Sequence[Item], source: Source) -> Source:
    """The source with blanks in place of its expressions: everything else keeps its position."""
    text = list(source.text)
    for item in items:
        if not isinstance(item, Definition | External):
            span = range(item.span.start, item.span.end)
            for offset in span:
                if text[offset] not in "\r\n":
                    text[offset] = " "
    return Source(source.name, "".join(text), shown=source.text)
