"""Random expressions that mean something where they stand, and do not take too many steps there."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from kaleido.language.nodes import Assign, Binding, Expression, For, If, Var
from tests.fuzz.vocabulary import (
    BEGINNINGS,
    LEAVES,
    NOWHERE,
    SPECIAL,
    VARIABLES,
    WEIGHTS,
    Counting,
    Function,
    builtins,
    infix,
    number,
    prefix,
    variable,
)

__all__ = ["Expressions", "Frame"]

T = TypeVar("T")


@dataclass
class Frame:
    """Where an expression stands. `times` is how often it may run, `budget` the steps that are left to promise."""

    level: int
    budget: int
    scope: list[str] = field(default_factory=list)
    counting: list[str] = field(default_factory=list)
    times: int = 1
    self_calls: int = 0
    function: Function | None = None
    weights: Mapping[str, int] = field(default_factory=lambda: WEIGHTS)

    @property
    def affordable(self) -> int:
        return self.budget // self.times


class Expressions:
    """The functions there are, and expressions that use them."""

    def __init__(self, choices: random.Random) -> None:
        self._choices = choices
        self._functions = builtins()
        self._own: list[str] = []
        self._usable = {name for name, function in self._functions.items() if function.prototype.operator is not None}
        self._called: set[str] = set()
        self._frame = Frame(0, 0)

    # Choices

    def _number(self, least: int, most: int) -> int:
        return self._choices.randint(least, most)

    def _size(self, least: int, most: int) -> int:
        """A size, rather a small one: what is wrong mostly is so in small programs, too, and more of them run."""
        return min(self._number(least, most), self._number(least, most))

    def _chance(self, percent: int) -> bool:
        return self._choices.random() * 100 < percent

    def _pick(self, options: Sequence[T]) -> T:
        return self._choices.choice(options)

    def _weighted(self, weights: Mapping[T, int]) -> T:
        return self._choices.choices(list(weights), list(weights.values()))[0]

    # Expressions

    def _expression(self, size: int) -> Expression:
        self._frame.budget -= self._frame.times
        if size <= 1 or self._frame.affordable < 4:
            return self._leaf(size)
        made: Expression | None = getattr(self, f"_{self._weighted(self._frame.weights)}")(size)
        return made if made is not None else self._leaf(size)

    def _expressions(self, count: int, size: int) -> list[Expression]:
        return [self._expression((size - 1) // count) for _ in range(count)]

    def _leaf(self, size: int) -> Expression:
        match self._weighted(LEAVES):
            case "variable" if self._frame.scope:
                return variable(self._pick(self._frame.scope))
            case "special":
                return self._signed(number(self._pick(SPECIAL)))
            case "fraction":
                return self._signed(number(self._number(0, 2**53) / 2 ** self._number(0, 60)))
        return number(float(self._number(0, 9)))

    def _signed(self, value: Expression) -> Expression:
        """A value, its negative, or (dividing zero by zero) not a number."""
        kind = self._number(0, 3)
        if kind == 2 and "unary-" in self._below():
            return prefix("-", value)
        if kind == 3 and "binary/" in self._below():
            return infix("/", number(0.0), number(0.0))
        return value

    def _below(self) -> list[str]:
        """The functions that may be called here without burning fuel."""
        frame = self._frame
        return [
            name
            for name, function in self._functions.items()
            if function.level < frame.level and function.cost <= frame.affordable
            if function.prototype.operator is None or name in self._usable
        ]

    def _apply(self, name: str, size: int) -> Expression:
        function, frame = self._functions[name], self._frame
        frame.budget -= function.cost * frame.times
        self._called.add(name)
        arity = function.prototype.arity
        if not function.is_recursive:
            return function.apply(self._expressions(arity, size) if arity else [])
        if function.counting is None:
            given: list[Expression] = [number(float(self._number(0, function.fuel or 0)))]
        else:
            given = self._to_count(function.counting)[:arity]
        return function.apply([*given, *self._expressions(arity - len(given), size)])

    def _to_count(self, counting: Counting) -> list[Expression]:
        """The arguments of a function that counts: where it begins, and for a loop, where it ends."""
        limit = counting.limit if counting.exact else counting.limit + self._pick((0.0, 0.0, 0.5, 0.5, -0.25, math.nan))
        return [self._begin(counting), *([self._constant(limit)] if counting.loops else [])]

    def _begin(self, counting: Counting) -> Expression:
        """Where counting may begin: some turns before its end, or where it ends at once."""
        match "before" if counting.exact else self._weighted(BEGINNINGS):
            case "before":
                return self._constant(counting.begin(self._number(0, counting.turns)))
            case "between":
                return self._constant(counting.begin(self._number(0, counting.turns) + self._pick((0.5, 0.25, 1e-9))))
            case "behind":
                return self._constant(counting.begin(-self._number(0, 3)))
            case "infinite":
                return self._constant(-counting.sign * math.inf)
            case "moving" if "i" in self._frame.counting and not counting.is_slow:
                self._called.add("binary+" if counting.down else "binary-")
                return infix("+" if counting.down else "-", self._constant(counting.limit), variable("i"))
            case "zero" if abs(counting.limit) < 10:
                return self._constant(-0.0)
        return self._constant(math.nan)

    def _constant(self, value: float) -> Expression:
        """An expression with this value, unless its operators are redefined."""
        if math.isnan(value):
            self._called.add("binary/")
            return infix("/", number(0.0), number(0.0))
        if math.copysign(1.0, value) > 0:
            return number(value)
        self._called.add("unary-")
        return prefix("-", number(-value))

    def _among(self, kind: str) -> list[str]:
        """Operators of a kind, the user's own more often than their number says."""
        operators = [name for name in self._below() if self._functions[name].prototype.operator is not None]
        found = [name for name in operators if name.startswith(kind)]
        return found + [name for name in found if name in self._own] * 4

    def _operation(self, size: int) -> Expression | None:
        found = self._among("binary")
        return self._apply(self._pick(found), size) if found else None

    def _prefixed(self, size: int) -> Expression | None:
        found = self._among("unary")
        return self._apply(self._pick(found), size) if found else None

    def _call(self, size: int) -> Expression | None:
        frame = self._frame
        if frame.self_calls and self._chance(70):
            frame.self_calls -= 1
            return self._again(size)
        found = [name for name in self._below() if self._functions[name].prototype.operator is None]
        found += [name for name in found if name in self._own] * 8
        return self._apply(self._pick(found), size) if found else None

    def _output(self, size: int) -> Expression | None:
        call = self._apply(self._pick(("printd", "putchard")), size)
        if "binary:" not in self._below():
            return call
        return infix(":", call, self._expression(size // 2))

    def _assignment(self, size: int) -> Expression | None:
        """To any variable, but seldom to one that ends a loop or a recursion."""
        free = [name for name in self._frame.scope if name not in self._frame.counting]
        names = self._frame.scope if self._chance(3) else free
        return Assign(variable(self._pick(names)), self._expression(size - 1), NOWHERE) if names else None

    def _conditional(self, size: int) -> Expression:
        condition, then, otherwise = self._expressions(3, size)
        return If(condition, then, otherwise, NOWHERE)

    def _block(self, size: int) -> Expression:
        with self._scope():
            bindings = self._bindings(size // 2)
            return Var(bindings, self._expression(size // 2), NOWHERE)

    def _bindings(self, size: int) -> tuple[Binding, ...]:
        found: list[Binding] = []
        for _ in range(self._number(1, 3)):
            free = [name for name in VARIABLES if all(name != other.variable.name for other in found)]
            name = self._pick(free)
            value = self._expression(size // 2) if self._chance(75) else None
            found.append(Binding(variable(name), value))
            self._shadow(name)
        return tuple(found)

    @contextmanager
    def _scope(self) -> Iterator[None]:
        frame = self._frame
        scope, counting, times = list(frame.scope), list(frame.counting), frame.times
        yield
        frame.scope, frame.counting, frame.times = scope, counting, times

    def _shadow(self, name: str) -> None:
        frame = self._frame
        frame.counting = [other for other in frame.counting if other != name]
        frame.scope = [*(other for other in frame.scope if other != name), name]

    def _loop(self, size: int) -> Expression | None:
        if not {"binary<", "unary-"} <= set(self._below()):
            return None
        name, rounds = self._pick(VARIABLES), self._number(1, 8)
        down = self._chance(25)
        start: Expression = number(float(rounds if down else 0))
        if self._chance(10):
            start = infix("<", self._expression(size // 4), start)
        step = self._step(down)
        with self._scope():
            self._shadow(name)
            self._frame.counting.append(name)
            self._frame.times *= rounds + 2
            body = self._expression(size // 2)
            condition: Expression = variable(name) if down else infix("<", variable(name), number(float(rounds)))
            if self._chance(15) and "binary:" in self._below():
                condition = infix(":", self._expression(size // 4), condition)
        return For(variable(name), start, condition, step, body, NOWHERE)

    def _step(self, down: bool) -> Expression | None:
        if down:
            return prefix("-", number(1.0))
        return self._pick((None, number(1.0), number(2.5)))

    def _again(self, size: int) -> Expression:
        """A call that burns one unit of fuel."""
        own = self._frame.function
        assert own is not None
        function = self._functions[self._pick((own.name, *own.partners))]
        self._called.add(function.name)
        less = infix("-", variable(own.prototype.parameters[0].name), number(1.0))
        return function.apply([less, *self._expressions(function.prototype.arity - 1, size)])
