"""Random expressions of the shapes that the compiler rewrites at -O3, which other random expressions seldom have.

See ``rewritings`` for how often that happens.
"""

from __future__ import annotations

from kaleido.language.nodes import Assign, Expression, For, If
from tests.fuzz.expressions import Expressions
from tests.fuzz.vocabulary import LIMITS, NOWHERE, PURE_WEIGHTS, STEPS, VARIABLES, Counting, Function, infix, variable

__all__ = ["Shapes"]


class Shapes(Expressions):
    """Recursion and loops that count, and loops whose values depend on a comparison of the values before."""

    def _new_counting(self, steps: int) -> Counting:
        limit = self._pick(LIMITS)
        # Beyond that, a double is the same with 1 more.
        possible = [step for step in STEPS if step >= 2] if limit >= 2.0**53 - 3 else STEPS
        return Counting(limit, self._chance(60), tuple(self._pick(possible) for _ in range(steps)))

    def _pure(self, size: int) -> Expression:
        """An expression without loops, output and assignments, but for those in operators that are redefined."""
        weights, self._frame.weights = self._frame.weights, PURE_WEIGHTS
        made = self._expression(size)
        self._frame.weights = weights
        return made

    def _continues(self, counting: Counting, value: Expression, *, strictly: bool = True) -> Expression:
        """Whether a value has not come to the limit; not where it is none."""
        limit = self._constant(counting.limit)
        self._called |= {"binary<", "binary<="}
        return infix("<" if strictly else "<=", *((limit, value) if counting.down else (value, limit)))

    # Recursion

    def _counted_recursion(self, function: Function, counting: Counting) -> Expression:
        """A body that calls itself once for each of the steps, mostly with its parameters and constants alone."""
        self._called |= {"binary-", "binary+"}
        first = function.prototype.parameters[0].name
        base = self._pure(self._number(1, 5))
        self._frame.times = 60
        made, *others = [self._counted_call(function, counting, step) for step in counting.steps]
        for other in others:
            name = self._pick([each for each in self._among("binary") if each != "binary:"] or ["binary+"])
            self._called.add(name)
            made = self._functions[name].apply([made, other])
        if self._chance(30):
            made = infix("+", made, self._pure(4))
        self._frame.times = 1
        return If(self._continues(counting, variable(first)), made, base, NOWHERE)

    def _counted_call(self, function: Function, counting: Counting, step: float) -> Expression:
        called = self._functions[self._pick((function.name, function.name, *function.partners))]
        self._called.add(called.name)
        first, *others = [variable(each.name) for each in function.prototype.parameters]
        given: list[Expression] = []
        for index in range(called.prototype.arity - 1):
            other: Expression = others[index] if index < len(others) else first
            match self._weighted({"same": 14, "counted": 4, "other": 2}):
                case "counted":
                    other = infix(self._pick(("+", "-")), other, self._constant(self._pick((1.0, 2.0, 16.0, 0.5))))
                case "other":
                    other = self._pure(4)
            given.append(other)
        return called.apply([infix("-" if counting.down else "+", first, self._constant(step)), *given])

    # Loops

    def _counted_loop(self, size: int) -> Expression | None:
        """A loop whose end is special, or not known to the compiler."""
        if not {"binary<", "binary<=", "binary!=", "unary-", "binary+", "binary/"} <= set(self._below()):
            return None
        name, counting, rounds = self._pick(VARIABLES), self._new_counting(1), self._number(0, 8)
        start = self._begin(counting) if self._chance(50) else self._constant(counting.begin(rounds))
        step = self._constant(-counting.sign * counting.steps[0])
        with self._scope():
            self._shadow(name)
            self._frame.counting.append(name)
            self._frame.times *= 12
            body = self._pure(size // 2) if self._chance(50) else self._expression(size // 2)
            free = [each for each in self._frame.scope if each not in self._frame.counting]
            if free and self._chance(70):
                target = variable(self._pick(free))
                body = Assign(target, self._next(variable(name), target, body), NOWHERE)
            condition = self._continues(counting, variable(name), strictly=self._chance(70))
        return For(variable(name), start, condition, step, body, NOWHERE)

    def _next(self, counted: Expression, target: Expression, other: Expression) -> Expression:
        """What is assigned to a variable in each iteration of a loop."""
        self._called |= {"binary+", "binary/", "binary<"}
        if self._chance(40):
            return infix("+", target, infix("/", other, counted))
        otherwise = self._pick((target, self._arithmetic(target, other)))
        return If(infix("<", target, self._leaf(1)), self._arithmetic(target, counted), otherwise, NOWHERE)

    def _arithmetic(self, left: Expression, right: Expression) -> Expression:
        name = self._pick([each for each in ("+", "-", "*", "/", "%") if f"binary{each}" in self._below()] or ["+"])
        self._called.add(f"binary{name}")
        return infix(name, *self._pick(((left, right), (left, self._leaf(1)))))
