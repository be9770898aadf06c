"""The tokens of a text by what they mean: operators are defined by programs, and so are the kinds of names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kaleido.diagnostics import Span
from kaleido.language.highlighting import patterns
from kaleido.language.lexer import Token, lex
from kaleido.lsp.open_document import Document
from kaleido.lsp.program_symbols import Kind, Occurrence

__all__ = ["MODIFIERS", "TYPES", "SemanticToken", "semantic_tokens"]

TYPES = ("keyword", "function", "operator", "parameter", "variable", "number", "comment")
MODIFIERS = ("declaration", "defaultLibrary")

_KINDS = {
    Kind.FUNCTION: "function",
    Kind.OPERATOR: "operator",
    Kind.PARAMETER: "parameter",
    Kind.LOCAL: "variable",
    Kind.TOP_LEVEL: "variable",
}


class SemanticToken(NamedTuple):
    """A place, one of TYPES, and some of MODIFIERS."""

    span: Span
    type: str
    modifiers: tuple[str, ...] = ()


def semantic_tokens(document: Document) -> Iterator[SemanticToken]:
    """The tokens of the present text. Where it has changed since its last tree, the tokens tell what they mean."""
    known = _occurrences(document)
    for token in lex(document.text, comments=True):
        span = Span(token.start, token.end)
        if token.type == "OPERATOR":
            yield from _operators(span, known)
        elif (found := known.get(token.start)) is not None:
            yield SemanticToken(span, _KINDS[found.symbol.kind], _modifiers(found))
        elif kind := _kind(token, document.text):
            yield SemanticToken(span, kind)


def _occurrences(document: Document) -> dict[int, Occurrence]:
    if document.program is None:
        return {}
    moved = ((document.now(each.span), each) for each in document.program.symbols.occurrences)
    return {span.start: each._replace(span=span) for span, each in moved if span is not None}


def _operators(run: Span, known: dict[int, Occurrence]) -> Iterator[SemanticToken]:
    """The operators of a run; characters that are none that is known, such as ``=``, are one operator."""
    start = run.start
    while start < run.end:
        found = known.get(start)
        if found is not None:
            end = found.span.end
        else:
            end = next((offset for offset in range(start + 1, run.end) if offset in known), run.end)
        yield SemanticToken(Span(start, end), "operator", _modifiers(found) if found is not None else ())
        start = end


def _modifiers(found: Occurrence) -> tuple[str, ...]:
    if found.is_definition:
        return ("declaration",)
    return () if found.symbol.definitions else ("defaultLibrary",)


def _kind(token: Token, text: str) -> str:
    match token.type:
        case "COMMENT":
            return "comment"
        case "NUMBER":
            return "number"
        case "NAME":
            return "function" if patterns().called.match(text, token.end) else "variable"
    return "keyword" if str(token) in patterns().keywords else ""
