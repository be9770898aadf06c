"""The abstract syntax tree: frozen, every node with the span of the text it was read from.

Trees can be very deep (ten thousand nested ``if``s are a program), so whoever walks one must not recurse
on Python's stack: see :func:`walk`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from kaleido.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Operand:
    """What may stand in parentheses: `parentheses` is from the outermost ``(`` to its ``)``."""

    parentheses: Span | None = field(default=None, kw_only=True, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number(Operand):
    value: float
    span: Span


@dataclass(frozen=True, slots=True)
class Variable(Operand):
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Assign(Operand):
    """``variable = value``; its value is the value stored."""

    variable: Variable
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Unary(Operand):
    operator: str
    operand: Expression
    span: Span
    operator_span: Span

    @property
    def callee(self) -> str:
        """The name of the function that a user's definition of this operator has."""
        return "unary" + self.operator


@dataclass(frozen=True, slots=True)
class Binary(Operand):
    operator: str
    left: Expression
    right: Expression
    span: Span
    operator_span: Span

    @property
    def callee(self) -> str:
        """The name of the function that a user's definition of this operator has."""
        return "binary" + self.operator


@dataclass(frozen=True, slots=True)
class Call(Operand):
    callee: str
    arguments: tuple[Expression, ...]
    span: Span
    callee_span: Span


@dataclass(frozen=True, slots=True)
class If(Operand):
    condition: Expression
    then: Expression
    otherwise: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class For(Operand):
    """Body, step, condition on the old value, increment; again while the condition was true. Worth 0.0."""

    variable: Variable
    start: Expression
    condition: Expression
    step: Expression | None
    body: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Binding:
    variable: Variable
    value: Expression | None


@dataclass(frozen=True, slots=True)
class Var(Operand):
    bindings: tuple[Binding, ...]
    body: Expression
    span: Span


Expression = Number | Variable | Assign | Unary | Binary | Call | If | For | Var


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator as declared. `precedence` is None for a prefix operator."""

    name: str
    precedence: int | None
    span: Span

    @property
    def callee(self) -> str:
        """The name of the function that defines it: ``binary|``, ``unary!``."""
        return ("unary" if self.precedence is None else "binary") + self.name


@dataclass(frozen=True, slots=True)
class Prototype:
    """A function's name and parameters. `name` is ``binary|`` or ``unary!`` for an operator's function."""

    name: str
    parameters: tuple[Variable, ...]
    operator: Operator | None
    span: Span

    @property
    def arity(self) -> int:
        return len(self.parameters)


@dataclass(frozen=True, slots=True)
class Definition:
    prototype: Prototype
    body: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class External:
    prototype: Prototype
    span: Span


Item = Definition | External | Expression

Walk = Generator[Any, Any, Any]


def walk(visit: Callable[..., Walk], *arguments: Any) -> Any:
    """Run a tree walk written as generators, on a stack of its own instead of Python's.

    `visit(*arguments)` is a generator; wherever a plain recursive function would call itself it yields
    another such generator and receives that one's return value. Returns what the first generator returns.
    """
    stack = [visit(*arguments)]
    result: Any = None
    while stack:
        try:
            child = stack[-1].send(result)
        except StopIteration as finished:
            stack.pop()
            result = finished.value
        else:
            stack.append(child)
            result = None
    return result
