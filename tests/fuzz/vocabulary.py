"""What the random programs are made of: names, operators, numbers, and how often each is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaleido.diagnostics import Source, Span
from kaleido.language.nodes import (
    Binary,
    Call,
    Definition,
    Expression,
    External,
    Item,
    Number,
    Operator,
    Prototype,
    Unary,
    Variable,
)
from kaleido.language.operators import BUILTINS, OperatorTable
from kaleido.language.parser import parse
from tests.test_language import PRELUDE

# How often each kind of expression is taken, where there is room for more than a leaf.
WEIGHTS = {
    "leaf": 4, "operation": 14, "prefixed": 4, "call": 14, "assignment": 6, "conditional": 6, "loop": 4,
    "counted_loop": 3, "remainder": 2, "block": 6, "output": 3,
}  # fmt: skip
LEAVES = {"variable": 6, "integer": 3, "special": 3, "fraction": 1}
# The same for expressions at top level: loops there are compiled with all that they call.
TOP_WEIGHTS = {**WEIGHTS, "loop": 1, "counted_loop": 1}
# The same for what is to have no effects.
PURE_WEIGHTS = {"leaf": 6, "operation": 12, "remainder": 2, "prefixed": 2, "conditional": 4}
# What the program does when its functions are there.
ACTIONS = {"show": 6, "heat": 5, "repeat": 2, "churn": 8, "redefine": 4, "redefine_builtin": 2, "redefine_library": 1,
           "declare": 1, "assign": 6}  # fmt: skip

VARIABLES = ("a", "b", "c", "d", "x", "i", "j", "été")
FUNCTIONS = ("f", "g", "h", "p", "q", "r", "_s", "sum2")
INFIX = ("@", "**", "<>", "~>", "&&", "..", "÷", "--", "<<=", "=>")
PREFIX = ("~", "!!", "@", "++", "--", "$.")
ARITIES = {0: 1, 1: 6, 2: 6, 3: 3, 4: 1, 9: 1, 12: 1}
PRECEDENCES = (30, 1, 2, 5, 10, 20, 40, 60, 100)
EXTERNS = {
    "erf": 1, "log1p": 1, "expm1": 1, "copysign": 2, "fdim": 2, "remainder": 2, "lgamma": 1, "nextafter": 2,
    "fma": 3, "nearbyint": 1, "logb": 1, "atan2": 2,
}  # fmt: skip
SPECIAL = (0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 0.1, 1 / 3, 1e16, 9007199254740993.0, 1e308, float("inf"))

# Where counting ends: the compiler counts in integers up to 2^50, and doubles are integers up to 2^53.
LIMITS = (0.0, 0.0, 1.0, 2.0, 5.0, -3.0, 0.5, 2.0**50 - 2, 2.0**50, -(2.0**50), 2.0**53 - 3, 2.0**53, 2.0**54)
DIVISORS = (0.1, 0.7, 1 / 3, 3.0, 49.0, 1.0, 2.0, 0.25, 5e-324, 1e-300, 1e308)
# Where counting begins, in relation to its limit.
BEGINNINGS = {"before": 12, "moving": 8, "between": 3, "behind": 2, "infinite": 1, "none": 2, "zero": 4}
# What one turn adds to what counts, and steps that a recursion does not count: no integers, and larger ones than 16.
STEPS, OTHER_STEPS = (1, 2, 3, 4, 7, 16), (1, 2, 17, 0.5, 2.5, 1000)

NOWHERE = Span(0, 0)
# Redefinable operators, each in terms of those before it. What counts down and up in loops comes first.
ORDER = ["binary:", "binary<", "unary-", "binary-", "binary|", "binary&", "unary!", "binary+", "binary*", "binary>",
         "binary/", "binary==", "binary%", "binary<=", "binary!=", "binary>="]  # fmt: skip
LIBRARY_LEVEL = 20
ORDINARY_LEVEL = 30

EXPRESSION_COST = 20_000
# How many calls of itself fuel amounts to, by how often a body calls itself (0: only in tail position).
FUEL = {0: (60, 60), 1: (12, 12), 2: (4, 31)}


@dataclass(frozen=True)
class Counting:
    """What counts by one of `steps` in each turn, `down` or up, as long as it has not come to `limit`.

    It is a recursion, or it `loops`: then a second parameter is the limit. If it is `exact`, it comes to the limit.
    """

    limit: float
    down: bool
    steps: tuple[float, ...]
    loops: bool = False
    exact: bool = False

    @property
    def sign(self) -> int:
        return 1 if self.down else -1

    @property
    def turns(self) -> int:
        """How many it may take: each calls as often as there are steps."""
        return {1: 8, 2: 7}.get(len(self.steps), 4)

    @property
    def is_slow(self) -> bool:
        """Whether some ten turns are too many."""
        return len(self.steps) > 2 or self.steps.count(min(self.steps)) > 1

    def begin(self, turns: float) -> float:
        """A number that takes at most about so many turns."""
        return self.limit + self.sign * turns * min(self.steps)


@dataclass(frozen=True)
class Function:
    """A function that can be called. `fuel` is the most that its first argument may be, None where it burns none.

    Where it is `counting`, its first argument is what counts.
    """

    prototype: Prototype
    level: int
    cost: int
    fuel: int | None = None
    turns: int = 1
    self_calls: int = 0
    partners: tuple[str, ...] = ()
    counting: Counting | None = None

    @property
    def is_recursive(self) -> bool:
        return self.fuel is not None or self.counting is not None

    @property
    def name(self) -> str:
        return self.prototype.name

    def apply(self, arguments: Sequence[Expression]) -> Expression:
        operator = self.prototype.operator
        if operator is None:
            return Call(self.name, tuple(arguments), NOWHERE, NOWHERE)
        if operator.precedence is None:
            return Unary(operator.name, arguments[0], NOWHERE, NOWHERE)
        return Binary(operator.name, arguments[0], arguments[1], NOWHERE, NOWHERE)


def variable(name: str) -> Variable:
    return Variable(name, NOWHERE)


def number(value: float) -> Number:
    return Number(value, NOWHERE)


def infix(name: str, left: Expression, right: Expression) -> Binary:
    return Binary(name, left, right, NOWHERE, NOWHERE)


def prefix(name: str, operand: Expression) -> Unary:
    return Unary(name, operand, NOWHERE, NOWHERE)


def prototype(name: str, arity: int, operator: Operator | None = None) -> Prototype:
    names = ["n", *VARIABLES, *(f"v{index}" for index in range(arity))][:arity]
    return Prototype(name, tuple(map(variable, names)), operator, NOWHERE)


def _declared_by(items: Sequence[Item], operators: OperatorTable) -> OperatorTable:
    for item in items:
        if isinstance(item, Definition | External) and item.prototype.operator is not None:
            operators = operators.with_operator(item.prototype.operator)
    return operators


_PRELUDE = parse(Source("prelude", PRELUDE.read_text("utf-8")))
TABLE = _declared_by(_PRELUDE, BUILTINS)


def builtins() -> dict[str, Function]:
    """What can be called before anything is defined."""
    operators = [Operator(name, precedence, NOWHERE) for name, precedence in TABLE.infix.items() if name != "="]
    operators += [Operator(name, None, NOWHERE) for name in sorted(TABLE.prefix)]
    found = [
        Function(prototype(each.callee, 1 if each.precedence is None else 2, each), ORDER.index(each.callee) + 1, 2)
        for each in operators
    ]
    for item in _PRELUDE:
        if isinstance(item, External):
            output = item.prototype.name in ("printd", "putchard")
            found.append(Function(item.prototype, 0 if output else LIBRARY_LEVEL, 2))
    return {function.name: function for function in found}
