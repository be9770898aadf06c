"""The abstract syntax tree. Each node has the span of the text that it was parsed from, and never changes.

A tree can be very deep (ten thousand nested ``if``s are a valid program), so code that walks one must not recurse on
Python's stack: see :func:`walk`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from copy import copy
from types import GeneratorType
from typing import Any, Self

from kaleido.diagnostics import Span


class Node:
    """The base of all nodes: a node has the positional arguments of its class as attributes, and is equal by them."""

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._values == [getattr(other, name) for name in self.__match_args__]

    def __hash__(self) -> int:
        return hash((type(self), *self._values))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._values))})"

    @property
    def _values(self) -> list[Any]:
        return [getattr(self, name) for name in self.__match_args__]


class Operand(Node):
    """The base of all expressions. `parentheses` spans the outermost ``(`` around it to its ``)``, if there is one."""

    __slots__ = ("parentheses",)

    def __init__(self) -> None:
        self.parentheses: Span | None = None

    def in_parentheses(self, span: Span) -> Self:
        """This expression in parentheses, or in more of them: `span` is from the outermost ``(`` to its ``)``."""
        found = copy(self)
        found.parentheses = span
        return found


class Number(Operand):
    """A literal. It is not negative and not NaN, but may be infinite."""

    __slots__ = __match_args__ = ("value", "span")

    def __init__(self, value: float, span: Span) -> None:
        super().__init__()
        self.value, self.span = value, span


class Variable(Operand):
    """A use of a variable, or its name where it is bound: in a prototype, `for`, `var` or an assignment."""

    __slots__ = __match_args__ = ("name", "span")

    def __init__(self, name: str, span: Span) -> None:
        super().__init__()
        self.name, self.span = name, span


class Assign(Operand):
    """``variable = value``. Its value is the stored value."""

    __slots__ = __match_args__ = ("variable", "value", "span")

    def __init__(self, variable: Variable, value: Expression, span: Span) -> None:
        super().__init__()
        self.variable, self.value, self.span = variable, value, span


class Unary(Operand):
    __slots__ = __match_args__ = ("operator", "operand", "span", "operator_span")

    def __init__(self, operator: str, operand: Expression, span: Span, operator_span: Span) -> None:
        super().__init__()
        self.operator, self.operand, self.span, self.operator_span = operator, operand, span, operator_span

    @property
    def callee(self) -> str:
        """The name of the function that implements this operator where a program defines it: ``unary!``."""
        return "unary" + self.operator


class Binary(Operand):
    __slots__ = __match_args__ = ("operator", "left", "right", "span", "operator_span")

    def __init__(self, operator: str, left: Expression, right: Expression, span: Span, operator_span: Span) -> None:
        super().__init__()
        self.operator, self.left = operator, left
        self.right, self.span, self.operator_span = right, span, operator_span

    @property
    def callee(self) -> str:
        """The name of the function that implements this operator where a program defines it: ``binary|``."""
        return "binary" + self.operator


class Call(Operand):
    """``callee(arguments)``."""

    __slots__ = __match_args__ = ("callee", "arguments", "span", "callee_span")

    def __init__(self, callee: str, arguments: tuple[Expression, ...], span: Span, callee_span: Span) -> None:
        super().__init__()
        self.callee, self.arguments, self.span, self.callee_span = callee, arguments, span, callee_span


class If(Operand):
    """``if condition then value else value``. A condition is true if it is neither zero nor NaN."""

    __slots__ = __match_args__ = ("condition", "then", "otherwise", "span")

    def __init__(self, condition: Expression, then: Expression, otherwise: Expression, span: Span) -> None:
        super().__init__()
        self.condition, self.then, self.otherwise, self.span = condition, then, otherwise, span


class For(Operand):
    """``for variable = start, condition, step in body``. Its value is 0.0; the default step is 1.0.

    Each iteration evaluates the body, the step, and the condition with the variable's old value, and then adds the step
    to the variable. The loop continues while the condition was true; so the body runs at least once.
    """

    __slots__ = __match_args__ = ("variable", "start", "condition", "step", "body", "span")

    def __init__(
        self,
        variable: Variable,
        start: Expression,
        condition: Expression,
        step: Expression | None,
        body: Expression,
        span: Span,
    ) -> None:
        super().__init__()
        self.variable, self.start, self.condition = variable, start, condition
        self.step, self.body, self.span = step, body, span


class Binding(Node):
    """One ``variable = value`` of a `var`; without a value, the variable begins with 0.0."""

    __slots__ = __match_args__ = ("variable", "value")

    def __init__(self, variable: Variable, value: Expression | None) -> None:
        self.variable, self.value = variable, value


class Var(Operand):
    """``var bindings in body``. Its value is the value of the body."""

    __slots__ = __match_args__ = ("bindings", "body", "span")

    def __init__(self, bindings: tuple[Binding, ...], body: Expression, span: Span) -> None:
        super().__init__()
        self.bindings, self.body, self.span = bindings, body, span


Expression = Number | Variable | Assign | Unary | Binary | Call | If | For | Var


class Operator(Node):
    """An operator as a prototype declares it. `precedence` is None for a prefix operator."""

    __slots__ = __match_args__ = ("name", "precedence", "span")

    def __init__(self, name: str, precedence: int | None, span: Span) -> None:
        self.name, self.precedence, self.span = name, precedence, span

    @property
    def callee(self) -> str:
        """The name of the function that implements it: ``binary|``, ``unary!``."""
        return ("unary" if self.precedence is None else "binary") + self.name


class Prototype(Node):
    """A function's name and parameters. The `name` of an operator's function is such as ``binary|`` or ``unary!``."""

    __slots__ = __match_args__ = ("name", "parameters", "operator", "span")

    def __init__(self, name: str, parameters: tuple[Variable, ...], operator: Operator | None, span: Span) -> None:
        self.name, self.parameters, self.operator, self.span = name, parameters, operator, span

    @property
    def arity(self) -> int:
        return len(self.parameters)

    @property
    def is_assignment(self) -> bool:
        """Whether it is that of ``=``, which no function implements: it only sets a precedence."""
        return self.name == "binary="


class Definition(Node):
    """``def prototype body``."""

    __slots__ = __match_args__ = ("prototype", "body", "span")

    def __init__(self, prototype: Prototype, body: Expression, span: Span) -> None:
        self.prototype, self.body, self.span = prototype, body, span


class External(Node):
    """``extern prototype``: declares a C function on doubles."""

    __slots__ = __match_args__ = ("prototype", "span")

    def __init__(self, prototype: Prototype, span: Span) -> None:
        self.prototype, self.span = prototype, span


Item = Definition | External | Expression

Walk = Generator[Any, Any, Any]


def walk(visit: Callable[..., Walk | Any], *arguments: Any) -> Any:
    """Run a tree walk that is written as generators, with an explicit stack (a trampoline) instead of Python's.

    `visit(*arguments)` is a generator. Where a recursive function would call itself, it yields another such generator
    and receives that generator's return value. Returns the return value of the first generator. What is no generator
    is its own value: a leaf of the tree needs none.
    """
    stack: list[Walk] = []
    result = visit(*arguments)
    while True:
        if isinstance(result, GeneratorType):
            stack.append(result)
            result = None
        elif not stack:
            return result
        try:
            result = stack[-1].send(result)
        except StopIteration as finished:
            stack.pop()
            result = finished.value
