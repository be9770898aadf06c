"""One open document: its text, the last version of it that has no syntax error, and its last run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache, cached_property
from typing import NamedTuple

from kaleido.diagnostics import Diagnostic, KaleidoError, ParseError, Source, Span
from kaleido.language.comments import comment_above
from kaleido.language.nodes import Definition, External, Item
from kaleido.language.operators import BUILTINS, OperatorTable
from kaleido.language.parser import parse
from kaleido.language.prelude import prelude, prelude_operators
from kaleido.lsp.program_symbols import Occurrence, Symbol, Symbols
from kaleido.lsp.run_process import RunResult
from kaleido.lsp.text_positions import TextPositions
from kaleido.session import Session

__all__ = ["Document", "Program", "prelude_program"]


class Program:
    """A text without syntax errors: its items, its symbols, and the operators at its end."""

    def __init__(self, source: Source, operators: OperatorTable | None = None) -> None:
        self.source = source
        table = operators if operators is not None else prelude_operators()
        self.items: Sequence[Item] = parse(source, table)
        self.symbols = Symbols(self.items)
        self._definitions: dict[str, Definition | External] = {}
        for item in self.items:
            if isinstance(item, Definition | External):
                table = table.with_declared(item.prototype)
                name = item.prototype.name
                if isinstance(item, Definition) or not isinstance(self._definitions.get(name), Definition):
                    self._definitions[name] = item
        self.operators = table

    def signature(self, symbol: Symbol) -> str:
        """The last definition of a function up to its body, as the text has it; empty if it is defined elsewhere."""
        item = self.definition(symbol)
        if item is None:
            return ""
        return " ".join(self.source.text[item.span.start : item.prototype.span.end].split())

    def definition(self, symbol: Symbol) -> Definition | External | None:
        """The last definition of a function here; an extern only if there is no other."""
        return self._definitions.get(symbol.name)

    def comment(self, symbol: Symbol) -> str:
        """The comment on the lines above the definition of a function, without its marks."""
        item = self.definition(symbol)
        return comment_above(self.source.text, item.span.start) if item is not None else ""


class _Shift(NamedTuple):
    """One edit from an old text to a new one: `start` characters are the same, and all those behind the two ends."""

    start: int
    old_end: int
    new_end: int


class Document:
    """An open document.

    `text`      its present text
    `program`   the last version without a syntax error; None if there was none
    `last_run`  the result of the last run; None before the first
    """

    def __init__(self, name: str, session: Session) -> None:
        self.name, self._session = name, session
        self.program: Program | None = None
        self.last_run: RunResult | None = None
        self.change("")

    def change(self, text: str) -> None:
        """Take a new text. The tree follows if it has no syntax error."""
        self.text = text
        self.source = Source(self.name, text)
        self.__dict__.pop("positions", None)
        self.__dict__.pop("_shift", None)
        # If the text has a syntax error, the last good program stays.
        with suppress(ParseError):
            self.program = Program(self.source)

    def problems(self) -> Sequence[Diagnostic]:
        """The errors of the present text, in the order of the text."""
        try:
            self._session.check(self.source)
        except KaleidoError as error:
            return error.diagnostics
        return ()

    @property
    def is_current(self) -> bool:
        """Whether the present text has no syntax error."""
        return self.program is not None and self.program.source is self.source

    @property
    def operators(self) -> OperatorTable:
        return self.program.operators if self.program is not None else prelude_operators()

    def occurrence(self, offset: int) -> tuple[Occurrence, Program] | None:
        """What is named at an offset of the present text, and the program that says so.

        While the text has a syntax error, that is the last program without one, for places that have not changed since.
        """
        if self.program is None:
            return None
        then = self.then(offset)
        found = self.program.symbols.at(then) if then is not None else None
        return (found, self.program) if found is not None else None

    def then(self, offset: int) -> int | None:
        """Where a place of the present text is in that of `program`; None if it is new."""
        shift = self._shift
        if offset <= shift.start:
            return offset
        return offset - shift.new_end + shift.old_end if offset >= shift.new_end else None

    def now(self, span: Span) -> Span | None:
        """Where a place in the text of `program` is in the present text; None if it has changed."""
        shift = self._shift
        if span.end <= shift.start:
            return span
        moved = shift.new_end - shift.old_end
        return Span(span.start + moved, span.end + moved) if span.start >= shift.old_end else None

    @cached_property
    def positions(self) -> TextPositions:
        return TextPositions(self.text)

    @cached_property
    def _shift(self) -> _Shift:
        old, new = self.program.source.text if self.program is not None else "", self.text
        limit = min(len(old), len(new))
        start = _common(old, new, limit)
        end = _common(old[::-1], new[::-1], limit - start)
        return _Shift(start, len(old) - end, len(new) - end)


def _common(one: str, other: str, limit: int) -> int:
    """How many characters at the beginning are the same, of at most `limit`: by bisection."""
    if one[:limit] == other[:limit]:
        return limit
    low, high = 0, limit
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


@cache
def prelude_program() -> Program:
    """The prelude, as a program."""
    return Program(prelude(), BUILTINS)
