"""Text to items: lark reads the one grammar; this module feeds it, splitting operators by the live table.

Lark's LALR parser is driven a token at a time. That is what lets the operator table change in the middle of
a file: when the parser has just read the head of an operator's prototype, the table grows, and the next run of
punctuation is split by the new one.

It is also what lets reading go on after an error: the next `def` or `extern` can only be the beginning of a
definition, so a new parser takes over there. An operator that was declared stays declared, whatever was wrong with
its definition, so that its uses are not errors too.

A text that is being written, line by line, is followed by a Continuation: one reading, that is asked after each line
whether the text might end there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from lark import Lark, Token, UnexpectedToken
from lark.lark import PostLex
from lark.lexer import PatternStr
from lark.parsers.lalr_interactive_parser import InteractiveParser

from kaleido.diagnostics import IncompleteInput, ParseError, Problems, Source
from kaleido.language.builder import PROBLEMS, Builder, OperatorToken
from kaleido.language.nodes import Item, Operator
from kaleido.language.operators import BUILTINS, OperatorTable
from kaleido.language.syntax_errors import explain, is_superfluous, opening

__all__ = ["Continuation", "Terminal", "grammar_text", "parse", "terminals"]

# How many tokens are remembered for a message.
_REMEMBERED = 50

_BEGINNINGS = ("DEF", "EXTERN")


def parse(source: Source, operators: OperatorTable = BUILTINS) -> list[Item]:
    """Read a whole text.

    `operators` is the table in force at its beginning; operators the text declares are in force from their own
    body on. Raises ParseError with everything that is wrong with it, or IncompleteInput where that is only that it
    ends too early.
    """
    problems = Problems(source)
    reading = _Reading(problems, operators)
    with _reporting_to(problems):
        reading.read(source.text)
        items = reading.end()
    if problems.found:
        incomplete = reading.ends_early and len(problems.found) == 1
        raise (IncompleteInput if incomplete else ParseError)(*problems.in_order())
    return items


class Continuation:
    """A program that is still being written: whether it is incomplete as far as it goes.

    Each line is read once. What is wrong with something that can only be seen as a whole, such as a prototype with two
    parameters of one name, is found when what comes after it has begun.
    """

    def __init__(self, operators: OperatorTable = BUILTINS) -> None:
        self._problems = Problems(Source("<continuation>", ""), shown=0)
        self._reading = _Reading(self._problems, operators)

    def feed(self, line: str) -> None:
        """Add a line, or several, with the line end: no token goes on over one. Only the last line may be without."""
        # What is wrong stays wrong, whatever comes after it.
        if not self._problems.found:
            with _reporting_to(self._problems):
                self._reading.read(line)

    @property
    def incomplete(self) -> bool:
        """Whether nothing is wrong but that it ends too early."""
        return not self._problems.found and not self._reading.could_end

    @property
    def operators(self) -> OperatorTable:
        """The table in force at the end, if nothing is wrong."""
        return self._reading.operators


@dataclass(frozen=True)
class Terminal:
    """A terminal of the grammar: what a text is cut into.

    `pattern`  the regular expression of it, for `re`
    `text`     what it always is, such as ``def`` or ``(``; None where it varies
    `ignored`  whether the parser never sees it: white space and comments
    """

    pattern: str
    text: str | None
    ignored: bool


@cache
def terminals() -> Mapping[str, Terminal]:
    """The terminals by their names. The first one that matches is it, except that keywords match as NAMEs do."""
    return {
        terminal.name: Terminal(
            terminal.pattern.to_regexp(),
            terminal.pattern.value if isinstance(terminal.pattern, PatternStr) else None,
            terminal.name in _lark().ignore_tokens,
        )
        for terminal in sorted(_lark().terminals, key=lambda terminal: -terminal.priority)
    }


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


@contextmanager
def _reporting_to(problems: Problems) -> Iterator[None]:
    before = PROBLEMS.set(problems)
    try:
        yield
    finally:
        PROBLEMS.reset(before)


class _Reading:
    """One reading of a text. After an error it is `lost` until the next definition begins."""

    def __init__(self, problems: Problems, operators: OperatorTable) -> None:
        self._problems, self.operators = problems, operators
        self._parser = _lark().parse_interactive()
        self._tokens: deque[Token] = deque(maxlen=_REMEMBERED)
        self._lost = False
        self._forgiven: Token | None = None
        self._problems_before = 0
        self.ends_early = False

    def read(self, text: str) -> None:
        """Read on: a text, or the next lines of it."""
        # Unlike Lark.lex, this does not make a lexer each time.
        lexing = _lark().parse_interactive(text)
        for token in lexing.lexer_thread.lex(lexing.parser_state):  # type: ignore[no-untyped-call]
            if self._lost and token.type in _BEGINNINGS:
                self._begin_again()
            if not self._lost:
                self._read(token)

    def end(self) -> list[Item]:
        """The items of all that was read, if nothing is wrong with it."""
        return self._end() if not self._lost else []

    @property
    def could_end(self) -> bool:
        """Whether all that was read could be a whole program, as far as the grammar goes. Nothing is built."""
        trial = self._parser.copy(deepcopy_values=False)  # type: ignore[no-untyped-call]
        state = trial.parser_state
        state.parse_conf = copy(state.parse_conf)
        state.parse_conf.callbacks = {}
        try:
            trial.feed_eof()
        except UnexpectedToken:
            return False
        return True

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
            for piece in _split(self._parser, token, self.operators):
                self._parser.feed_token(piece)
            return
        self._parser.feed_token(token)
        declared = self._stack[-2:-1]
        if token.type == "LPAR" and declared and isinstance(declared[0], Operator):
            self.operators = self.operators.with_operator(declared[0])

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
        explain(self._problems, error, self._stack, self._tokens, self.operators)

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
