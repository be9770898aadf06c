"""Parses a text to items, with an LALR parser and the operator table in force.

The LALR parser is fed one token at a time, for two reasons. The operator table can change in the middle of a file:
as soon as the parser has read the head of an operator's prototype, the operator is added to the table, and the next
run of punctuation is split by the new table. And parsing can recover after an error (panic mode): `def` and `extern`
can only begin an item, so the parser skips to the next one and restarts there. An operator whose definition has an
error stays declared, so that its uses are not reported as further errors.

A REPL entry is parsed three times:

1. *Is it complete?* Enter either runs the entry or begins another line. An :class:`IncrementalParser` is fed its lines,
   and decides from the parser's state (`kaleido/repl/entries.py`, ``is_incomplete``).
2. *Where do its programs end?* An entry may mix programs and commands (lines such as ``:undo``). A line that begins
   with a colon is a command only where the program before it is complete; otherwise it continues an expression with
   the operator ``:``. This needs the operator table in force at that line, which the pieces before it may have changed
   by running. So an entry is split while it runs, by a second IncrementalParser (``split_entry``, there).
3. *What does it mean?* :func:`parse` parses each program with the table in force, reports all its errors, and returns
   its items. Only this parse counts: an error that the first two meet only makes the text complete.

Only the third has items. An IncrementalParser that was fed line by line has lexed each by itself, so the spans of its
nodes are not positions in the entry; and it stops at the first error, where `parse` recovers. Each of the three takes
time in proportion to the length of the text.

Most entries are complete when they are looked at for the first time. Then the parser of the first parse has read all of
the text at once, and found no error: :func:`parse` continues it, if the next text and operators that it is given are
the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from kaleido.diagnostics import IncompleteInput, ParseError, Problems, Source
from kaleido.language.builder import Builder
from kaleido.language.lalr import END, ShiftReduceParser, UnexpectedToken
from kaleido.language.lexer import Token, lex
from kaleido.language.nodes import Item, Operator
from kaleido.language.operators import BUILTINS, OperatorTable
from kaleido.language.syntax_errors import innermost_opener, is_superfluous, report_unexpected

__all__ = ["IncrementalParser", "parse"]

# How many of the last tokens are kept for error messages.
_RECENT_TOKENS = 50

# The synchronizing tokens of error recovery: they can only begin an item.
_SYNCHRONIZING = ("DEF", "EXTERN")


def parse(source: Source, operators: OperatorTable = BUILTINS) -> list[Item]:
    """Parse a text to its items.

    `operators` is the table in force at its beginning; an operator that the text declares is in force from its own
    body on. Raises ParseError with all errors of the text, or IncompleteInput if its only error is that it ends too
    early.
    """
    items = _read_ahead(source.text, operators)
    if items is not None:
        return items
    problems = Problems(source)
    parser = _RecoveringParser(problems, operators)
    parser.feed(source.text)
    items = parser.finish()
    if problems.found:
        incomplete = parser.ends_early and len(problems.found) == 1
        raise (IncompleteInput if incomplete else ParseError)(*problems.in_order())
    return items


class IncrementalParser:
    """Parses a program that is still being written, line by line, to decide whether it is incomplete.

    Each line is parsed once. Errors that the builder finds, such as two parameters with one name, are found only when
    the rule is reduced: when the token after it has been read.
    """

    def __init__(self, operators: OperatorTable = BUILTINS) -> None:
        self._problems = Problems(Source("<incremental>", ""), max_shown=0)
        self._initial = operators
        self._parser = _RecoveringParser(self._problems, operators)
        # What was fed, as long as it was fed at once.
        self._text: str | None = ""

    def feed(self, line: str) -> None:
        """Add one or more lines with their line ends, which only the last line may lack. No token spans a line end."""
        _ahead.clear()
        self._text = line if self._text == "" else None
        # Further text cannot repair an error.
        if not self._problems.found:
            self._parser.feed(line)

    @property
    def incomplete(self) -> bool:
        """Whether its only error is that it ends too early."""
        incomplete = not self._problems.found and not self._parser.can_end
        if self._text and not incomplete:
            _ahead.append((self._text, self._initial, self))
        return incomplete

    @property
    def operators(self) -> OperatorTable:
        """The table in force at its end, if it has no error."""
        return self._parser.operators

    def finish(self) -> list[Item] | None:
        """The items, if it has no error. Nothing can be fed afterwards."""
        items = self._parser.finish() if not self._problems.found else []
        return items if not self._problems.found else None


# The text that an IncrementalParser has found complete last, with the operators at its beginning; at most one.
_ahead: deque[tuple[str, OperatorTable, IncrementalParser]] = deque(maxlen=1)


def _read_ahead(text: str, operators: OperatorTable) -> list[Item] | None:
    """The items of a text that was read ahead with these operators and has no error; else None."""
    try:
        # At once, as another thread may parse.
        known, initial, parser = _ahead.pop()
    except IndexError:
        return None
    return parser.finish() if known == text and initial is operators else None


class _RecoveringParser:
    """Parses one text. After an error it is `recovering`: it skips tokens until the next `def` or `extern`."""

    def __init__(self, problems: Problems, operators: OperatorTable) -> None:
        self._problems, self.operators = problems, operators
        self._builder = Builder(problems)
        self._parser = ShiftReduceParser(self._builder)
        self._tokens: deque[Token] = deque(maxlen=_RECENT_TOKENS)
        self._recovering = False
        # The innermost construct in which a superfluous token has already been reported.
        self._reported_in: Token | None = None
        # How many problems had been found when the parser was last restarted.
        self._problems_at_restart = 0
        self.ends_early = False

    def feed(self, text: str) -> None:
        """Parse a text, or its next lines."""
        for token in lex(text):
            if self._recovering and token.type in _SYNCHRONIZING:
                self._restart()
            if not self._recovering:
                self._accept(token)

    def finish(self) -> list[Item]:
        """The items of the text; an empty or partial list if it has errors."""
        return self._finish() if not self._recovering else []

    @property
    def can_end(self) -> bool:
        """Whether the grammar allows the text to end here. This runs no semantic actions."""
        return self._parser.accepts(END)

    def _restart(self) -> None:
        self._problems_at_restart = len(self._problems.found)
        self._parser = ShiftReduceParser(self._builder)
        self._tokens.clear()
        self._recovering = False

    def _accept(self, token: Token) -> None:
        self._tokens.append(token)
        try:
            self._feed_token(token)
        except UnexpectedToken as error:
            if is_superfluous(error, self._stack):
                self._skip(error)
                return
            self._report(error)
            self._recovering = True
            if token.type in _SYNCHRONIZING and self._tokens[-2].type not in _SYNCHRONIZING:
                self._restart()
                self._accept(token)

    def _skip(self, error: UnexpectedToken) -> None:
        """Continue as if the token were absent. Several such tokens in one construct are reported as one error."""
        opener = innermost_opener(self._stack)
        if opener is not self._reported_in:
            self._report(error)
        self._reported_in = opener
        self._tokens.pop()

    def _feed_token(self, token: Token) -> None:
        parser = self._parser
        if token.type == "OPERATOR" and "OPERATOR" not in parser.actions:
            for piece in _split(parser, token, self.operators):
                parser.feed(piece)
            return
        parser.feed(token)
        if token.type == "LPAR":
            declared = parser.values[-2:-1]
            if declared and isinstance(declared[0], Operator):
                self.operators = self.operators.with_operator(declared[0])

    def _finish(self) -> list[Item]:
        try:
            items: list[Item] = self._parser.finish()
        except UnexpectedToken as error:
            # In an item that has another error, the end is not reported as a second one.
            self.ends_early = len(self._problems.found) == self._problems_at_restart
            if self.ends_early:
                self._report(error)
            return []
        return items

    def _report(self, error: UnexpectedToken) -> None:
        report_unexpected(self._problems, error, self._stack, self._tokens, self.operators)

    @property
    def _stack(self) -> list[Any]:
        """The parser's value stack: tokens and nodes that no rule has been reduced to yet."""
        return self._parser.values


def _split(parser: ShiftReduceParser, run: Token, operators: OperatorTable) -> Iterator[Token]:
    """Split a run of operator characters into operators: at each place the longest defined one that the parser accepts.

    A generator, because what the parser accepts depends on its state after the operator before. Raises UnexpectedToken
    for the run if it cannot be split.
    """
    text, offset = str(run), 0
    while offset < len(text):
        rest, choices = text[offset : offset + operators.longest], parser.actions
        piece = kind = None
        if "_EQUALS" in choices and rest.startswith("="):
            kind, piece = "_EQUALS", "="
        if piece is None and "INFIX" in choices:
            kind, piece = "INFIX", operators.longest_infix(rest)
        if piece is None and "PREFIX" in choices:
            kind, piece = "PREFIX", operators.longest_prefix(rest)
        if kind is None or piece is None:
            raise UnexpectedToken(run, [name for name in choices if parser.accepts(name)])
        precedence = operators.infix[piece] if kind == "INFIX" else None
        yield Token(kind, piece, run.start + offset, precedence=precedence)
        offset += len(piece)
