"""Random programs that mean something: every name is known, every call has its arguments, every run ends soon.

That runs end is arranged, not proved:

- every function has a *level*, and calls only functions of lower levels; so whatever is redefined, later and in
  whatever order, no cycle comes about. Built-in operators, once redefined, have levels too;
- cycles are made on purpose, and burn *fuel*: their first parameter counts down; or it is *counting* to a limit, in
  each of several calls of the function by itself;
- every function has a *cost*, the steps that one call may take, and no body promises more.

What redefinition does to a countdown (a new `-`, say) nobody looks at: a few programs run for ever, and whoever runs
them first lets the reference evaluator find out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from kaleido.language.nodes import (
    Assign,
    Call,
    Definition,
    Expression,
    External,
    For,
    If,
    Item,
    Operator,
    Prototype,
    Var,
)
from tests.fuzz.expressions import Frame
from tests.fuzz.shapes import Shapes
from tests.fuzz.trees import replaced
from tests.fuzz.vocabulary import (
    ACTIONS,
    ARITIES,
    EXPRESSION_COST,
    EXTERNS,
    FUEL,
    FUNCTIONS,
    INFIX,
    LIBRARY_LEVEL,
    NOWHERE,
    ORDER,
    ORDINARY_LEVEL,
    PRECEDENCES,
    PREFIX,
    TOP_WEIGHTS,
    VARIABLES,
    Function,
    infix,
    number,
    prototype,
    variable,
)

__all__ = ["random_program"]


class Generator(Shapes):
    """One program in the making."""

    def __init__(self, choices: random.Random) -> None:
        super().__init__(choices)
        self._items: list[Item] = []
        self._callees: dict[str, set[str]] = {}
        self._shown: list[Expression] = []
        self._variables: list[str] = []
        self._declared: set[str] = set()

    def program(self, actions: random.Random) -> list[Item]:
        """Functions, and what `actions` chooses to do with them."""
        self._invent()
        waiting = list(self._own)
        while waiting:
            self._define(waiting.pop(self._number(0, len(waiting) - 1)))
        self._choices = actions
        for _ in range(self._number(1, 6)):
            getattr(self, f"_{self._weighted(ACTIONS)}")()
        return self._items

    # Functions

    def _invent(self) -> None:
        """Decide which functions there will be, before any of them has a body: bodies may call ahead."""
        for index in range(self._number(1, 4)):
            self._add(prototype(FUNCTIONS[index], self._weighted(ARITIES)), ORDINARY_LEVEL + index)
        for name in self._some(INFIX):
            operator = Operator(name, self._pick(PRECEDENCES), NOWHERE)
            self._add(prototype(operator.callee, 2, operator), ORDINARY_LEVEL + self._number(0, 4))
        for name in self._some(PREFIX):
            operator = Operator(name, None, NOWHERE)
            self._add(prototype(operator.callee, 1, operator), ORDINARY_LEVEL + self._number(0, 4))
        self._pair_up()

    def _some(self, names: Sequence[str]) -> list[str]:
        return [self._pick(names)] if self._chance(40) else []

    def _add(self, head: Prototype, level: int) -> None:
        function = Function(head, level, 60 * (level - ORDINARY_LEVEL + 1) ** 2)
        if head.arity and head.operator is None and self._chance(35):
            loops = self._chance(45)
            counting = self._new_counting(1 if loops else self._pick((2, 2, 2, 2, 3, 1)), loops=loops)
            function = replace(function, counting=counting, cost=function.cost + (200 if loops else 1000))
        elif head.arity and self._chance(50):
            self_calls = self._pick((1, 0, 2))
            fuel, turns = FUEL[self_calls]
            cost = function.cost + 20 * turns
            function = replace(function, fuel=fuel, turns=turns, self_calls=self_calls, cost=cost)
        self._functions[head.name] = function
        self._own.append(head.name)

    def _pair_up(self) -> None:
        """Let functions that burn fuel call each other as they call themselves."""
        own = [self._functions[name] for name in self._own]
        counted = [each for each in own if each.counting and not each.counting.loops]
        if len(counted) >= 2 and self._chance(60):
            first, second = counted[:2]
            for each, other in ((first, second), (second, first)):
                self._functions[each.name] = replace(
                    each, level=first.level, counting=first.counting, partners=(other.name,)
                )
        burning = [each for each in own if each.fuel and each.self_calls < 2 and each.prototype.operator is None]
        if len(burning) >= 2 and self._chance(60):
            first, second = burning[:2]
            low = replace(first, self_calls=0, fuel=FUEL[0][0], turns=FUEL[0][1], partners=(second.name,))
            self._functions[first.name] = low
            self._functions[second.name] = replace(
                second, level=low.level, self_calls=0, fuel=low.fuel, turns=low.turns, partners=(first.name,)
            )

    def _define(self, name: str) -> None:
        function = self._functions[name]
        if name in self._own and name not in self._callees and self._chance(15):
            self._extern(function.prototype)
        if function.prototype.operator is not None:
            self._usable.add(name)
        self._called = set()
        self._frame = Frame(function.level, function.cost, function=function)
        self._frame.scope = [parameter.name for parameter in function.prototype.parameters]
        if function.counting is not None:
            counted = self._loop_function if function.counting.loops else self._counted_recursion
            body = counted(function, function.counting)
        elif function.fuel is not None:
            body = self._recursion(function)
        else:
            body = self._expression(self._size(1, 16))
        self._callees[name] = self._called
        self._emit(Definition(function.prototype, body, NOWHERE))

    def _extern(self, head: Prototype) -> None:
        self._declared.add(head.name)
        self._emit(External(head, NOWHERE))

    def _emit(self, item: Item) -> None:
        self._items.append(item)

    def _recursion(self, function: Function) -> Expression:
        frame = self._frame
        fuel = function.prototype.parameters[0].name
        frame.counting.append(fuel)
        base = self._expression(self._number(1, 4))
        frame.times, frame.self_calls = function.turns, function.self_calls
        step = self._expression(self._size(2, 12)) if function.self_calls else self._tail(self._size(2, 16))
        frame.times, frame.self_calls = 1, 0
        self._called |= {"binary<", "binary-"}
        return If(infix("<", number(0.0), variable(fuel)), step, base, NOWHERE)

    def _tail(self, size: int) -> Expression:
        """An expression that ends in calls of its own function, or of a partner, in tail position."""
        kind = self._weighted({"again": 2, "if": 2, "var": 1, "leave": 1}) if size > 3 else "again"
        if kind == "if":
            condition = self._expression(size // 3)
            return If(condition, self._tail(size // 3), self._tail(size // 3), NOWHERE)
        if kind == "var":
            with self._scope():
                bindings = self._bindings(size // 2)
                return Var(bindings, self._tail(size // 2), NOWHERE)
        return self._expression(size) if kind == "leave" else self._again(size)

    # What a program does at top level

    def _top(self) -> None:
        self._frame = Frame(1000, EXPRESSION_COST, scope=list(self._variables), weights=TOP_WEIGHTS)
        self._called = set()

    def _result(self, expression: Expression) -> None:
        self._shown.append(expression)
        self._emit(expression)

    def _show(self) -> None:
        self._top()
        self._result(self._expression(self._size(2, 16)))

    def _assign(self) -> None:
        """Create a top-level variable, or change one; sometimes two at once."""
        self._top()
        value = self._expression(self._number(1, 8))
        for _ in range(1 + self._chance(20)):
            name = self._pick(VARIABLES)
            value = Assign(variable(name), value, NOWHERE)
            self._variables = [*(other for other in self._variables if other != name), name]
        self._result(value)

    def _affordable_own(self) -> list[str]:
        below = self._below()
        return [name for name in self._own if name in below] or ["sin"]

    def _churn(self) -> None:
        """Heat a function, redefine one that it calls, and do the same again."""
        pairs = [(name, callee) for name in self._own for callee in self._callees[name] if callee in self._own]
        if not pairs:
            self._heat()
            return
        # To redefine a function deoptimizes what has inlined it, mostly others than itself.
        others = [(name, callee) for name, callee in pairs if callee != name]
        name, callee = self._pick(sorted(others if others and self._chance(80) else pairs))
        self._heat(name)
        again = self._shown[-1]
        self._redefine(callee)
        if self._shown:
            self._result(again)

    def _heat(self, name: str = "") -> None:
        """Call one function often enough for any small threshold: from a loop, or several times in one expression."""
        self._top()
        name = name or self._pick(self._affordable_own())
        # A loop is compiled with the function inlined, and again for other tiers: half the time of many programs.
        if self._chance(80):
            made = self._shown_call(name, 4)
            self._called.add("binary:")
            for _ in range(self._number(3, 6)):
                made = infix(":", made, self._shown_call(name, 4))
            self._result(made)
            return
        with self._scope():
            self._shadow("i")
            self._frame.counting.append("i")
            self._frame.times = 12
            body = self._shown_call(name, 8)
        condition = infix("<", variable("i"), number(10.0))
        self._result(For(variable("i"), number(0.0), condition, None, body, NOWHERE))

    def _shown_call(self, name: str, size: int) -> Expression:
        return Call("printd", (self._apply(name, size),), NOWHERE, NOWHERE)

    def _repeat(self) -> None:
        if self._shown:
            self._result(self._pick(self._shown))
        else:
            self._heat()

    def _redefine(self, name: str = "") -> None:
        """A new body; sometimes a new precedence, or another number of parameters where nobody calls it."""
        function = self._functions[name or self._pick(self._own)]
        head, name = function.prototype, function.name
        operator = head.operator
        if operator is not None and operator.precedence is not None and self._chance(30):
            head = replaced(head, operator=replaced(operator, precedence=self._pick(PRECEDENCES)))
        # An `extern` beside the new definition would contradict it.
        fixed = name in self._declared or any(
            name in callees for caller, callees in self._callees.items() if caller != name
        )
        if operator is None and not function.is_recursive and not fixed and self._chance(30):
            head = prototype(name, self._weighted(ARITIES))
            self._shown = []
        if function.is_recursive and self._chance(20):
            function = replace(function, fuel=None, counting=None, partners=())
        self._functions[name] = replace(function, prototype=head)
        self._define(name)

    def _redefine_builtin(self) -> None:
        name = self._pick(ORDER)
        function = self._functions[name]
        head = function.prototype
        assert head.operator is not None
        if head.operator.precedence is not None and self._chance(50):
            head = replaced(head, operator=replaced(head.operator, precedence=self._pick(PRECEDENCES)))
        self._functions[name] = replace(function, prototype=head, cost=10)
        self._define(name)

    def _redefine_library(self) -> None:
        name = self._pick(("sin", "pow", "floor", "fmin", "exp"))
        self._functions[name] = replace(self._functions[name], cost=20)
        self._define(name)

    def _declare(self) -> None:
        """A C function; or a function that is defined, which says nothing new."""
        if self._chance(30):
            self._extern(self._functions[self._pick(self._own)].prototype)
            return
        name, arity = self._pick(tuple(EXTERNS.items()))
        head = prototype(name, arity)
        self._functions.setdefault(name, Function(head, LIBRARY_LEVEL, 2))
        self._emit(External(head, NOWHERE))


def random_program(seed: str, variant: int = 0) -> list[Item]:
    """Items to be read with the operators of TABLE, the prelude's; the same for the same seed and variant.

    Variants begin with the same definitions, which are compiled once, and do something else with them.
    """
    return Generator(random.Random(seed)).program(random.Random(f"{seed} {variant}"))
