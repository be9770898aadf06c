"""New names for functions, operators and variables.

A new name must leave the program the same: each name and operator must refer to what it referred to before. So the
changed text is parsed, and its symbols are compared, place by place.
"""

from __future__ import annotations

from collections.abc import Sequence

from kaleido.diagnostics import ParseError, Source, Span
from kaleido.language.lexer import lex
from kaleido.lsp.open_document import Document, Program
from kaleido.lsp.program_symbols import Kind, Symbol, is_assignment

__all__ = ["RenameRefused", "renamed"]


class RenameRefused(Exception):
    """A name that cannot be changed, or not to this; the message says why."""


def renamed(document: Document, offset: int, name: str | None) -> Sequence[Span]:
    """The places to change so that the symbol at an offset is called `name`. None: only check that it may be renamed.

    The first place is the one at the offset. Raises RenameRefused.
    """
    program = document.program
    if program is None or not document.is_current:
        raise RenameRefused("the program has a syntax error")
    found = program.symbols.at(offset)
    if found is None:
        raise RenameRefused("there is no name here")
    symbol = found.symbol
    if is_assignment(symbol):
        raise RenameRefused("`=` is assignment, and has no other name")
    if not symbol.definitions:
        raise RenameRefused(f"`{symbol.text}` is not defined in this program")
    spans = [each.span for each in program.symbols.of(symbol)]
    if name is not None:
        _check_form(symbol, name)
        _check_meaning(program, symbol, spans, name)
    return [found.span, *(span for span in spans if span != found.span)]


def _check_form(symbol: Symbol, name: str) -> None:
    wanted = "OPERATOR" if symbol.kind is Kind.OPERATOR else "NAME"
    tokens = list(lex(name, comments=True))
    if len(tokens) != 1 or tokens[0] != name or tokens[0].type != wanted:
        what = "an operator" if wanted == "OPERATOR" else "a name"
        raise RenameRefused(f"`{name}` is not {what}")


def _check_meaning(program: Program, symbol: Symbol, spans: Sequence[Span], name: str) -> None:
    pieces, end = [], 0
    for span in spans:
        pieces += [program.source.text[end : span.start], name]
        end = span.end
    text = "".join(pieces) + program.source.text[end:]
    try:
        after = Program(Source(program.source.name, text))
    except (ParseError, KeyError):
        raise RenameRefused(f"with `{name}` the program would have a syntax error") from None
    if _references(program) != _references(after):
        raise RenameRefused(f"`{name}` already has a meaning here, which would change the program")


def _references(program: Program) -> list[tuple[int, bool, bool]]:
    """For each name and operator, in the order of the text: its symbol, as a number."""
    numbers: dict[Symbol, int] = {}
    return [
        (numbers.setdefault(each.symbol, len(numbers)), each.is_definition, bool(each.symbol.definitions))
        for each in program.symbols.occurrences
    ]
