"""The abstract syntax tree. Nodes are immutable, and each has the span of the text that it was parsed from.

A tree can be very deep (ten thousand nested ``if``s are a valid program), so code that walks one must not recurse on
Python's stack: see :func:`walk`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from kaleido.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Operand:
    """The base of all expressions. `parentheses` spans the outermost ``(`` around it to its ``)``, if there is one."""

    parentheses: Span | None = field(default=None, kw_only=True, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number(Operand):
    """A literal. It is not negative and not NaN, but may be infinite."""

    value: float
    span: Span


@dataclass(frozen=True, slots=True)
class Variable(Operand):
    """A use of a variable, or its name where it is bound: in a prototype, `for`, `var` or an assignment."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Assign(Operand):
    """``variable = value``. Its value is the stored value."""

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
        """The name of the function that implements this operator where a program defines it: ``unary!``."""
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
        """The name of the function that implements this operator where a program defines it: ``binary|``."""
        return "binary" + self.operator


@dataclass(frozen=True, slots=True)
class Call(Operand):
    """``callee(arguments)``."""

    callee: str
    arguments: tuple[Expression, ...]
    span: Span
    callee_span: Span


@dataclass(frozen=True, slots=True)
class If(Operand):
    """``if condition then value else value``. A condition is true if it is neither zero nor NaN."""

    condition: Expression
    then: Expression
    otherwise: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class For(Operand):
    """``for variable = start, condition, step in body``. Its value is 0.0; the default step is 1.0.

    Each iteration evaluates the body, the step, and the condition with the variable's old value, and then adds the step
    to the variable. The loop continues while the condition was true; so the body runs at least once.
    """

    variable: Variable
    start: Expression
    condition: Expression
    step: Expression | None
    body: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Binding:
    """One ``variable = value`` of a `var`; without a value, the variable begins with 0.0."""

    variable: Variable
    value: Expression | None


@dataclass(frozen=True, slots=True)
class Var(Operand):
    """``var bindings in body``. Its value is the value of the body."""

    bindings: tuple[Binding, ...]
    body: Expression
    span: Span


Expression = Number | Variable | Assign | Unary | Binary | Call | If | For | Var


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator as a prototype declares it. `precedence` is None for a prefix operator."""

    name: str
    precedence: int | None
    span: Span

    @property
    def callee(self) -> str:
        """The name of the function that implements it: ``binary|``, ``unary!``."""
        return ("unary" if self.precedence is None else "binary") + self.name


@dataclass(frozen=True, slots=True)
class Prototype:
    """A function's name and parameters. The `name` of an operator's function is such as ``binary|`` or ``unary!``."""

    name: str
    parameters: tuple[Variable, ...]
    operator: Operator | None
    span: Span

    @property
    def arity(self) -> int:
        return len(self.parameters)

    @property
    def is_assignment(self) -> bool:
        """Whether it is that of ``=``, which no function implements: it only sets a precedence."""
        return self.name == "binary="


@dataclass(frozen=True, slots=True)
class Definition:
    """``def prototype body``."""

    prototype: Prototype
    body: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class External:
    """``extern prototype``: declares a C function on doubles."""

    prototype: Prototype
    span: Span


Item = Definition | External | Expression

Walk = Generator[Any, Any, Any]


def walk(visit: Callable[..., Walk], *arguments: Any) -> Any:
    """Run a tree walk that is written as generators, with an explicit stack (a trampoline) instead of Python's.

    `visit(*arguments)` is a generator. Where a recursive function would call itself, it yields another such generator
    and receives that generator's return value. Returns the return value of the first generator.
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
