"""Random expressions of the shapes that the compiler rewrites at -O3, which other random expressions seldom have.

See ``rewritings`` for how often that happens.
"""

from __future__ import annotations

from kaleido.language.nodes import Assign, Binding, Expression, For, If, Var, Variable
from tests.fuzz.expressions import Expressions
from tests.fuzz.vocabulary import (
    DIVISORS,
    LIMITS,
    NOWHERE,
    OTHER_STEPS,
    PURE_WEIGHTS,
    STEPS,
    VARIABLES,
    Counting,
    Function,
    infix,
    variable,
)

__all__ = ["Shapes"]


class Shapes(Expressions):
    """Recursion and loops that count, loops whose values depend on a comparison of those before, and remainders."""

    def _new_counting(self, steps: int, *, loops: bool = False) -> Counting:
        limit = self._pick(LIMITS)
        # Beyond 2^53, a double is the same with 1 more.
        least = 4.0 if limit > 2.0**53 else 2.0 if limit >= 2.0**53 - 3 else 0.0
        possible = [step for step in (STEPS if self._chance(80) else OTHER_STEPS) if step >= least]
        # Small steps are the most frequent ones. Calls with the same step are mostly one call.
        chosen = [possible[self._number(0, self._number(0, len(possible) - 1))] for _ in range(steps)]
        if len({*chosen}) < steps <= len(possible) and self._chance(70):
            chosen = self._choices.sample(possible, steps)
        return Counting(limit, self._chance(50), tuple(chosen), loops, exact=loops and self._chance(20))

    def _pure(self, size: int) -> Expression:
        """An expression without loops, output and assignments, but for those in operators that are redefined."""
        weights, self._frame.weights = self._frame.weights, PURE_WEIGHTS
        made = self._expression(size)
        self._frame.weights = weights
        return made

    def _continues(self, counting: Counting, value: Expression, limit: Expression) -> Expression:
        """Whether a value has not come to the limit; not where one of them is none."""
        self._called |= {"binary<", "binary<=", "binary!="}
        name = "!=" if counting.exact else self._pick(("<", "<", "<=")) if counting.loops else "<"
        return infix(name, *((limit, value) if counting.down else (value, limit)))

    # Recursion

    def _counted_recursion(self, function: Function, counting: Counting) -> Expression:
        """A body that calls itself once for each of the steps, mostly with its parameters and constants alone."""
        self._called |= {"binary-", "binary+"}
        first = function.prototype.parameters[0].name
        # Most results tell where the recursion has ended, and how often.
        if self._chance(20):
            base = self._expression(5)
        else:
            base = self._pick((variable(first), self._arithmetic(variable(first), self._leaf(1)), self._pure(5)))
        self._frame.times = 60
        made, *others = [self._counted_call(function, counting, step) for step in counting.steps]
        for other in others:
            made = self._combined(made, other)
        if self._chance(30):
            made = infix("+", made, self._pure(4))
        self._frame.times = 1
        again = self._continues(counting, variable(first), self._constant(counting.limit))
        return If(again, made, base, NOWHERE)

    def _counted_call(self, function: Function, counting: Counting, step: float) -> Expression:
        called = self._functions[self._pick((function.name, function.name, *function.partners))]
        self._called.add(called.name)
        first, *others = [variable(each.name) for each in function.prototype.parameters]
        given: list[Expression] = []
        for index in range(called.prototype.arity - 1):
            other: Expression = others[index] if index < len(others) else first
            match self._weighted({"same": 16, "counted": 4, "other": 1}):
                case "counted":
                    other = infix(
                        self._pick(("+", "-")), other, self._constant(self._pick((1.0, 2.0, 3.0, 16.0, 17.0)))
                    )
                case "other":
                    other = self._pure(4)
            given.append(other)
        return called.apply([infix("-" if counting.down else "+", first, self._constant(step)), *given])

    def _combined(self, left: Expression, right: Expression) -> Expression:
        if self._chance(70):
            return self._operated(self._pick(("+", "+", "-", "*")), left, right)
        name = self._pick([each for each in self._among("binary") if each != "binary:"] or ["binary+"])
        self._called.add(name)
        return self._functions[name].apply([left, right])

    # Loops

    def _counted_loop(self, size: int) -> Expression | None:
        """A loop whose end is special, and what it has computed."""
        if not {"binary:", "binary<", "binary<=", "binary!=", "unary-", "binary+", "binary/"} <= set(self._below()):
            return None
        counting = self._new_counting(1, loops=True)
        begin, limit = self._to_count(counting)
        return self._loop_with_result(counting, begin, limit, size)

    def _loop_function(self, function: Function, counting: Counting) -> Expression:
        """A body that is a loop from the first parameter to the second, if there is one."""
        first, *others = [variable(each.name) for each in function.prototype.parameters]
        limit = others[0] if others else self._constant(counting.limit)
        return self._loop_with_result(counting, first, limit, self._size(2, 12))

    def _loop_with_result(self, counting: Counting, begin: Expression, limit: Expression, size: int) -> Expression:
        """The value of a variable that a loop has changed."""
        used = [each.name for each in (begin, limit) if isinstance(each, Variable)]
        name, target = self._choices.sample([each for each in VARIABLES if each not in used], 2)
        first = self._leaf(1)
        with self._scope():
            self._shadow(target)
            again = self._continues(counting, variable(name), limit)
            step = self._constant(-counting.sign * counting.steps[0])
            with self._scope():
                self._shadow(name)
                self._frame.counting.append(name)
                self._frame.times *= 12
                made = self._pure(size // 2) if self._chance(70) else self._expression(size // 2)
                body = Assign(variable(target), self._next(variable(name), variable(target), made), NOWHERE)
            loop = For(variable(name), begin, again, step, body, NOWHERE)
            self._called.add("binary:")
            shown = infix(":", loop, variable(target))
        return Var((Binding(variable(target), first),), shown, NOWHERE)

    def _next(self, counted: Expression, target: Expression, other: Expression) -> Expression:
        """What is assigned to a variable in each iteration of a loop."""
        match self._weighted({"sum": 5, "choice": 5, "other": 2}):
            case "sum":
                return self._operated("+", target, self._operated("/", other, counted))
            case "choice":
                condition = self._operated("<", target, self._pick((counted, self._leaf(1))))
                otherwise = self._pick((target, self._arithmetic(target, other)))
                return If(condition, self._arithmetic(target, counted), otherwise, NOWHERE)
        return self._arithmetic(target, other)

    # Arithmetic

    def _arithmetic(self, left: Expression, right: Expression) -> Expression:
        name = self._pick([each for each in ("+", "-", "*", "/", "%") if f"binary{each}" in self._below()] or ["+"])
        return self._operated(name, left, self._pick((right, self._leaf(1))))

    def _operated(self, name: str, left: Expression, right: Expression) -> Expression:
        self._called.add(f"binary{name}")
        return infix(name, left, right)

    def _remainder(self, size: int) -> Expression | None:
        """One whose quotient is nearly an integer, or too large for its digits to be one."""
        if "binary%" not in self._below():
            return None
        divisor = self._pick(DIVISORS)
        match self._weighted({"multiple": 3, "huge": 2, "other": 3}):
            case "multiple":
                times = self._number(-20, 20)
                dividend: Expression = self._constant(self._pick((divisor * times, float(times))))
            case "huge":
                dividend = self._constant(self._pick((1.0, -1.0)) * float(self._number(1, 2 ** self._number(50, 70))))
            case _:
                dividend = self._expression(size - 1)
        return self._operated("%", dividend, self._pick((self._constant(divisor), self._leaf(1))))
