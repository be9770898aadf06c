"""What each name and operator of a program refers to.

A function is one symbol, with all its definitions: a redefinition replaces the function for every caller. A function
has one name space, variables another. Nothing recurses on Python's stack.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from kaleido.diagnostics import Span
from kaleido.language.nodes import (
    Assign,
    Binary,
    Call,
    Definition,
    Expression,
    External,
    For,
    If,
    Item,
    Number,
    Prototype,
    Unary,
    Var,
    Variable,
    Walk,
    walk,
)
from kaleido.language.operators import ASSIGNMENT

__all__ = ["Kind", "Occurrence", "Symbol", "Symbols"]


class Kind(Enum):
    """What a symbol is."""

    FUNCTION = "function"
    OPERATOR = "operator"
    PARAMETER = "parameter"
    LOCAL = "variable"
    TOP_LEVEL = "top-level variable"


class Symbol:
    """A function, an operator or a variable.

    `name`         its name; that of an operator's function, such as ``binary|``
    `definitions`  where the program defines it; empty for the prelude's
    `visible`      where a local variable may be used; None for the others
    """

    def __init__(self, name: str, kind: Kind, visible: Span | None = None) -> None:
        self.name, self.kind, self.visible = name, kind, visible
        self.definitions: list[Span] = []

    @property
    def text(self) -> str:
        """Its name as it is written where it is used."""
        return self.name.removeprefix("binary").removeprefix("unary") if self.kind is Kind.OPERATOR else self.name


class Occurrence(NamedTuple):
    """A place where a symbol is named: its definition, or a use."""

    span: Span
    symbol: Symbol
    is_definition: bool


class Symbols:
    """The symbols of the items of a text, and where they occur."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.functions: dict[str, Symbol] = {}
        self.variables: dict[str, Symbol] = {}
        self.locals: list[Symbol] = []
        self._found: list[Occurrence] = []
        items = list(items)
        # A function may be called above its definition, and a variable is known to all expressions at top level.
        for item in items:
            if isinstance(item, Definition | External):
                self._define(item.prototype)
        for item in items:
            walk(self._item, item)
        self.occurrences: Sequence[Occurrence] = sorted(self._found, key=lambda each: each.span)
        self._starts = [each.span.start for each in self.occurrences]

    def at(self, offset: int) -> Occurrence | None:
        """The occurrence that contains an offset, or ends there."""
        index = bisect_right(self._starts, offset)
        near = self.occurrences[max(0, index - 2) : index]
        found = [each for each in near if each.span.start <= offset <= each.span.end]
        return found[-1] if found else None

    def of(self, symbol: Symbol) -> Iterator[Occurrence]:
        """The occurrences of a symbol, in the order of the text."""
        return (each for each in self.occurrences if each.symbol is symbol)

    def visible(self, offset: int) -> dict[str, Symbol]:
        """The variables that may be used at an offset of a definition or expression, by name."""
        inner = {each.name: each for each in self.locals if each.visible and _contains(each.visible, offset)}
        return self.variables | inner

    # Functions

    def _define(self, prototype: Prototype) -> None:
        operator = prototype.operator
        span = Span(prototype.span.start, prototype.span.start + len(prototype.name))
        if operator is not None:
            span = Span(operator.span.end - len(operator.name), operator.span.end)
        symbol = self._function(prototype.name, operator is not None)
        symbol.definitions.append(span)
        self._found.append(Occurrence(span, symbol, is_definition=True))

    def _function(self, name: str, is_operator: bool) -> Symbol:
        kind = Kind.OPERATOR if is_operator else Kind.FUNCTION
        return self.functions.setdefault(name, Symbol(name, kind))

    def _use_function(self, name: str, span: Span, *, is_operator: bool) -> None:
        self._found.append(Occurrence(span, self._function(name, is_operator), is_definition=False))

    # Variables

    def _bind(self, variable: Variable, kind: Kind, visible: Span) -> Symbol:
        symbol = Symbol(variable.name, kind, visible)
        symbol.definitions.append(variable.span)
        self.locals.append(symbol)
        self._found.append(Occurrence(variable.span, symbol, is_definition=True))
        return symbol

    def _use(self, variable: Variable, scope: _Scope, *, assigned: bool = False) -> None:
        symbol = scope.find(variable.name)
        if symbol is None and scope.is_top_level:
            symbol = self.variables.get(variable.name)
            if symbol is None and assigned:
                symbol = self.variables[variable.name] = Symbol(variable.name, Kind.TOP_LEVEL)
        if symbol is not None:
            is_definition = assigned and symbol.kind is Kind.TOP_LEVEL
            if is_definition:
                symbol.definitions.append(variable.span)
            self._found.append(Occurrence(variable.span, symbol, is_definition))

    # The tree

    def _item(self, item: Item) -> Walk:
        match item:
            case Definition(prototype, body):
                scope = _Scope(is_top_level=False)
                for parameter in prototype.parameters:
                    scope = scope.binding(self._bind(parameter, Kind.PARAMETER, item.span))
                yield self._expression(body, scope)
            case External(prototype):
                for parameter in prototype.parameters:
                    self._bind(parameter, Kind.PARAMETER, item.span)
            case _:
                yield self._expression(item, _Scope(is_top_level=True))

    def _expression(self, node: Expression, scope: _Scope) -> Walk:
        match node:
            case Number():
                pass
            case Variable():
                self._use(node, scope)
            case Assign(variable, value):
                yield self._expression(value, scope)
                self._use(variable, scope, assigned=True)
            case Unary(_, operand):
                self._use_function(node.callee, node.operator_span, is_operator=True)
                yield self._expression(operand, scope)
            case Binary():
                yield self._chain(node, scope)
            case Call(callee, arguments):
                self._use_function(callee, node.callee_span, is_operator=False)
                for argument in arguments:
                    yield self._expression(argument, scope)
            case If(condition, then, otherwise):
                for part in (condition, then, otherwise):
                    yield self._expression(part, scope)
            case For(variable, start, condition, step, body):
                yield self._expression(start, scope)
                inner = scope.binding(self._bind(variable, Kind.LOCAL, Span(condition.span.start, node.span.end)))
                for each in (condition, step, body):
                    if each is not None:
                        yield self._expression(each, inner)
            case Var(bindings, body):
                for binding in bindings:
                    if binding.value is not None:
                        yield self._expression(binding.value, scope)
                    visible = Span(binding.variable.span.end, node.span.end)
                    scope = scope.binding(self._bind(binding.variable, Kind.LOCAL, visible))
                yield self._expression(body, scope)

    def _chain(self, node: Binary, scope: _Scope) -> Walk:
        self._use_function(node.callee, node.operator_span, is_operator=True)
        yield self._expression(node.left, scope)
        yield self._expression(node.right, scope)


class _Scope:
    """The local variables in force: a linked list, because trees are deep and scopes share their outer parts."""

    __slots__ = ("_outer", "_symbol", "is_top_level")

    def __init__(self, *, is_top_level: bool, symbol: Symbol | None = None, outer: _Scope | None = None) -> None:
        self.is_top_level, self._symbol, self._outer = is_top_level, symbol, outer

    def binding(self, symbol: Symbol) -> _Scope:
        """This scope with one more variable."""
        return _Scope(is_top_level=self.is_top_level, symbol=symbol, outer=self)

    def find(self, name: str) -> Symbol | None:
        scope: _Scope | None = self
        while scope is not None:
            if scope._symbol is not None and scope._symbol.name == name:
                return scope._symbol
            scope = scope._outer
        return None


def _contains(span: Span, offset: int) -> bool:
    return span.start <= offset <= span.end


def is_assignment(symbol: Symbol) -> bool:
    """Whether a symbol is that of ``=``, which a program can only give a precedence."""
    return symbol.name == "binary" + ASSIGNMENT
