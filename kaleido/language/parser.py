"""Text to items: lark reads the one grammar; this module feeds it, splitting operators by the live table.

Lark's LALR parser is driven a token at a time. That is what lets the operator table change in the middle of
a file: when the parser has just read the head of an operator's prototype, the table grows, and the next run of
punctuation is split by the new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from lark import Lark, Token, UnexpectedCharacters, UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from kaleido.diagnostics import Diagnostic, IncompleteInput, Source, Span, SyntaxFault
from kaleido.language.builder import Builder, BuildError, OperatorToken
from kaleido.language.nodes import Item, Operator
from kaleido.language.operators import BUILTINS, OperatorTable


def parse(source: Source, operators: OperatorTable = BUILTINS) -> list[Item]:
    """Read a whole text.

    `operators` is the table in force at its beginning; operators the text declares are in force from their own
    body on. Raises SyntaxFault, or IncompleteInput where more text could still make it a program.
    """
    parser = _lark().parse_interactive()
    token: Token | None = None
    try:
        for token in _lark().lex(source.text):
            if token.type == "OPERATOR" and "OPERATOR" not in _choices(parser):
                _feed_operators(parser, token, operators)
            else:
                parser.feed_token(token)
            declared = parser.parser_state.value_stack[-2:-1]
            if token.type == "LPAR" and declared and isinstance(declared[0], Operator):
                operators = operators.with_operator(declared[0])
        items: list[Item] = parser.feed_eof(token)  # type: ignore[no-untyped-call]
        return items
    except UnexpectedCharacters as error:
        raise SyntaxFault(_unexpected_character(source, error.pos_in_stream or 0)) from None
    except UnexpectedToken as error:
        raise _unexpected_token(source, error) from None
    except BuildError as error:
        raise SyntaxFault(Diagnostic(error.title, source, error.span, error.label, error.hint)) from None


def grammar_text() -> str:
    """The grammar: inside the package when installed, beside it in a checkout."""
    shipped = files("kaleido") / "grammar" / "kaleido.lark"
    if shipped.is_file():
        return shipped.read_text("utf-8")
    return (Path(__file__).parents[2] / "grammar" / "kaleido.lark").read_text("utf-8")


@cache
def _lark() -> Lark:
    return Lark(grammar_text(), start="program", parser="lalr", lexer="basic", transformer=Builder())


def _choices(parser: InteractiveParser) -> dict[str, object]:
    """The parse table's row for the state the parser is in: the terminals, and rules, that can come next."""
    choices: dict[str, object] = parser.choices()  # type: ignore[no-untyped-call]
    return choices


def _feed_operators(parser: InteractiveParser, run: Token, operators: OperatorTable) -> None:
    for token in _split(parser, run, operators):
        parser.feed_token(token)


def _split(parser: InteractiveParser, run: Token, operators: OperatorTable) -> Iterator[Token]:
    """Cut a run of operator characters into the longest defined operators that fit where they stand.

    A generator, because what fits depends on the state the parser is in after the piece before.
    """
    text, offset = str(run), 0
    while offset < len(text):
        rest, choices = text[offset : offset + operators.longest], _choices(parser)
        piece = kind = None
        if "_EQUALS" in choices and rest.startswith("="):
            kind, piece = "_EQUALS", "="
        if piece is None and "INFIX" in choices:
            kind, piece = "INFIX", operators.longest_infix(rest)
        if piece is None and "PREFIX" in choices:
            kind, piece = "PREFIX", operators.longest_prefix(rest)
        start = (run.start_pos or 0) + offset
        shown = piece or text[offset:]
        token = OperatorToken(kind or "OPERATOR", shown, start, end_pos=start + len(shown))
        if piece is None:
            raise UnexpectedToken(token, set(choices))  # type: ignore[no-untyped-call]
        token.precedence = operators.infix[piece] if kind == "INFIX" else None
        yield token
        offset += len(token)


def _unexpected_character(source: Source, offset: int) -> Diagnostic:
    character = source.text[offset]
    shown = f"`{character}`" if character.isprintable() else f"U+{ord(character):04X}"
    return Diagnostic(f"unexpected character {shown}", source, Span(offset, offset + 1))


def _unexpected_token(source: Source, error: UnexpectedToken) -> SyntaxFault:
    token: Any = error.token
    expected = _expectation(set(error.expected))
    if token.type == "$END":
        end = len(source.text.rstrip())
        title = "unexpected end of input"
        return IncompleteInput(Diagnostic(title, source, Span(end, end), f"expected {expected}"))
    span = Span(token.start_pos, token.end_pos)
    fixity = next((name for name in ("INFIX", "PREFIX") if name in error.expected), None)
    if token.type in ("OPERATOR", "PREFIX") and fixity is not None:
        label = f"not defined as {'an infix' if fixity == 'INFIX' else 'a prefix'} operator"
        return SyntaxFault(Diagnostic(f"unknown operator `{token}`", source, span, label))
    return SyntaxFault(Diagnostic(f"unexpected `{token}`", source, span, f"expected {expected}"))


# What a terminal is called in a message. Beginnings of expressions are summed up as one.
_EXPRESSION_START = {"NUMBER", "PREFIX", "IF", "FOR", "VAR"}
_TERMINALS = {
    "NAME": "a name", "NUMBER": "a number", "OPERATOR": "an operator", "INFIX": "an operator", "_EQUALS": "`=`",
    "LPAR": "`(`", "RPAR": "`)`", "COMMA": "`,`", "SEMICOLON": "`;`", "BINARY": "`binary`", "UNARY": "`unary`",
    "THEN": "`then`", "ELSE": "`else`", "IN": "`in`", "DEF": "`def`", "EXTERN": "`extern`", "$END": "the end",
}  # fmt: skip


def _expectation(expected: set[str]) -> str:
    names = []
    if expected >= _EXPRESSION_START:
        names.append("an expression")
        expected = expected - _EXPRESSION_START - {"NAME", "LPAR"}
    names += sorted({_TERMINALS[name] for name in expected if name in _TERMINALS})
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
