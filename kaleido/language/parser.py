"""Text to items: lark reads the one grammar; this module feeds it, splitting operators by the live table.

Lark's LALR parser is driven a token at a time. That is what lets the operator table change in the middle of
a file: when the parser has just read the head of an operator's prototype, the table grows, and the next run of
punctuation is split by the new one.

It is also what lets reading go on after an error: the next `def` or `extern` can only be the beginning of a
definition, so a new parser takes over there. An operator that was declared stays declared, whatever was wrong with
its definition, so that its uses are not errors too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from lark import Lark, Token, UnexpectedToken
from lark.lark import PostLex
from lark.parsers.lalr_interactive_parser import InteractiveParser

from kaleido.diagnostics import IncompleteInput, Problems, Source, SyntaxFault
from kaleido.language.builder import PROBLEMS, Builder, OperatorToken
from kaleido.language.explanation import explain, is_superfluous, opening
from kaleido.language.nodes import Item, Operator
from kaleido.language.operators import BUILTINS, OperatorTable

# How many tokens are remembered for a message.
_REMEMBERED = 50

_BEGINNINGS = ("DEF", "EXTERN")


def parse(source: Source, operators: OperatorTable = BUILTINS) -> list[Item]:
    """Read a whole text.

    `operators` is the table in force at its beginning; operators the text declares are in force from their own
    body on. Raises SyntaxFault with everything that is wrong with it, or IncompleteInput where that is only that it
    ends too early.
    """
    problems = Problems(source)
    before = PROBLEMS.set(problems)
    try:
        reading = _Reading(problems, operators)
        items = reading.items()
    finally:
        PROBLEMS.reset(before)
    if problems.found:
        incomplete = reading.ends_early and len(problems.found) == 1
        raise (IncompleteInput if incomplete else SyntaxFault)(*problems.in_order())
    return items


def grammar_text() -> str:
    """The grammar: inside the package when installed, beside it in a checkout."""
    shipped = files("kaleido") / "grammar" / "kaleido.lark"
    if shipped.is_file():
        return shipped.read_text("utf-8")
    return (Path(__file__).parents[2] / "grammar" / "kaleido.lark").read_text("utf-8")


class _KeepStray(PostLex):
    """Lark leaves out terminals that are in no rule, but for these."""

    always_accept = ("STRAY",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


@cache
def _lark() -> Lark:
    return Lark(
        grammar_text(), start="program", parser="lalr", lexer="basic", postlex=_KeepStray(), transformer=Builder()
    )


class _Reading:
    """One reading of a text. After an error it is `lost` until the next definition begins."""

    def __init__(self, problems: Problems, operators: OperatorTable) -> None:
        self._problems, self._operators = problems, operators
        self._parser = _lark().parse_interactive()
        self._tokens: deque[Token] = deque(maxlen=_REMEMBERED)
        self._lost = False
        self._forgiven: Token | None = None
        self._problems_before = 0
        self.ends_early = False

    def items(self) -> list[Item]:
        """The items of the text, if nothing is wrong with it."""
        for token in _lark().lex(self._problems.source.text):
            if self._lost and token.type in _BEGINNINGS:
                self._begin_again()
            if not self._lost:
                self._read(token)
        return self._end() if not self._lost else []

    def _begin_again(self) -> None:
        self._problems_before = len(self._problems.found)
        self._parser = _lark().parse_interactive()
        self._tokens.clear()
        self._lost = False

    def _read(self, token: Token) -> None:
        self._tokens.append(token)
        try:
            self._feed(token)
        except UnexpectedToken as error:
            if is_superfluous(error, self._stack):
                self._pass_over(error)
                return
            self._explain(error)
            self._lost = True
            if token.type in _BEGINNINGS and self._tokens[-2].type not in _BEGINNINGS:
                self._begin_again()
                self._read(token)

    def _pass_over(self, error: UnexpectedToken) -> None:
        """Read on as if the token were not there. Several between the same brackets are one mistake."""
        opener = opening(self._stack)
        if opener is not self._forgiven:
            self._explain(error)
        self._forgiven = opener
        self._tokens.pop()

    def _feed(self, token: Token) -> None:
        if token.type == "OPERATOR" and "OPERATOR" not in _choices(self._parser):
            for piece in _split(self._parser, token, self._operators):
                self._parser.feed_token(piece)
            return
        self._parser.feed_token(token)
        declared = self._stack[-2:-1]
        if token.type == "LPAR" and declared and isinstance(declared[0], Operator):
            self._operators = self._operators.with_operator(declared[0])

    def _end(self) -> list[Item]:
        try:
            items: list[Item] = self._parser.feed_eof()  # type: ignore[no-untyped-call]
        except UnexpectedToken as error:
            # An item that has another error is not worth a second one for its end.
            self.ends_early = len(self._problems.found) == self._problems_before
            if self.ends_early:
                self._explain(error)
            return []
        return items

    def _explain(self, error: UnexpectedToken) -> None:
        explain(self._problems, error, self._stack, self._tokens, self._operators)

    @property
    def _stack(self) -> list[Any]:
        """What the parser has read and not yet put together: tokens, and parts that are built."""
        return self._parser.parser_state.value_stack


def _choices(parser: InteractiveParser) -> dict[str, object]:
    """The parse table's row for the state the parser is in: the terminals, and rules, that can come next."""
    choices: dict[str, object] = parser.choices()  # type: ignore[no-untyped-call]
    return choices


def _split(parser: InteractiveParser, run: Token, operators: OperatorTable) -> Iterator[Token]:
    """Cut a run of operator characters into the longest defined operators that fit where they stand.

    A generator, because what fits depends on the state the parser is in after the piece before. Raises
    UnexpectedToken for the run where it cannot be cut.
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
        if kind is None or piece is None:
            raise UnexpectedToken(run, parser.accepts())  # type: ignore[no-untyped-call]
        start = (run.start_pos or 0) + offset
        token = OperatorToken(kind, piece, start, end_pos=start + len(piece))
        token.precedence = operators.infix[piece] if kind == "INFIX" else None
        yield token
        offset += len(piece)
