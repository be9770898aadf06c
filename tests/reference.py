"""The reference evaluator: the meaning of a Kaleido program, against which the tests compare every tier.

A tree walker that shares only the parser with the compiler. It is slow, exact to the last bit (it calls the same libm),
and keeps two promises of the language that are hard for an interpreter in Python:

- recursion as deep as memory allows: an evaluation is a generator that yields every expression whose value it
  needs, and `Reference._evaluate` keeps the waiting generators on a list, not on Python's stack;
- proper tail calls: `Reference._value` is one loop, and a tail call only changes what the loop looks at.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
import operator
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NoReturn

from kaleido.diagnostics import Diagnostic, KaleidoError, Problems, Source, Span
from kaleido.language.hints import WORD_OPERATORS
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
)
from kaleido.language.operators import BUILTINS, OperatorTable
from kaleido.language.parser import parse

_LIBM = ctypes.CDLL(ctypes.util.find_library("m"))
_PROCESS = ctypes.CDLL(None)
DEEPEST = 1_000_000


@dataclass(slots=True)
class Cell:
    """The storage of a variable."""

    value: float


Scope = dict[str, Cell]
_LEAVES = Number, Variable
Native = Callable[..., float]
Evaluation = Generator[tuple[Expression, Scope], float, float]


@dataclass(frozen=True, slots=True)
class Foreign:
    """A function that is not written in Kaleido: a built-in operator or a C function."""

    arity: int
    call: Native


@dataclass(frozen=True, slots=True)
class Defined:
    """A function written in Kaleido. `callees` are the names that its body calls, including its own."""

    definition: Definition
    callees: frozenset[str]

    @property
    def arity(self) -> int:
        return self.definition.prototype.arity


def _c_function(name: str, arity: int) -> Native | None:
    """The C function `name` with `arity` parameters of type double, or None if the process has none."""
    found = getattr(_LIBM, name, None) or getattr(_PROCESS, name, None)
    if found is None:
        return None
    # A cast, because ctypes returns the same object `found` to every caller.
    native = ctypes.cast(found, ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * arity))
    return lambda *arguments: float(native(*map(_canonical, arguments)))


def _canonical(value: float) -> float:
    """A value with the language's one NaN. A computation can return a NaN with a sign, which C could distinguish."""
    return math.nan if math.isnan(value) else value


def _truth(value: float) -> bool:
    return value < 0.0 or value > 0.0


def _divide(left: float, right: float) -> float:
    """IEEE division. Python raises an error for a divisor of zero, whose reciprocal is an infinity."""
    if right != 0.0:
        return left / right
    return left * math.copysign(math.inf, right)


def _remainder(left: float, right: float) -> float:
    """C's fmod. Python's raises an error where the result is NaN."""
    return math.nan if math.isinf(left) or right == 0.0 else math.fmod(left, right)


def _comparison(compare: Callable[[float, float], bool]) -> Native:
    return lambda left, right: float(compare(left, right))


OPERATORS: dict[str, Native] = {
    "binary<": _comparison(operator.lt),
    "binary>": _comparison(operator.gt),
    "binary<=": _comparison(operator.le),
    "binary>=": _comparison(operator.ge),
    "binary==": _comparison(operator.eq),
    "binary!=": _comparison(operator.ne),
    "binary+": operator.add,
    "binary-": operator.sub,
    "binary*": operator.mul,
    "binary/": _divide,
    "binary%": _remainder,
    "unary-": operator.neg,
    "unary!": lambda operand: float(not _truth(operand)),
}


def _operands(expression: Unary | Binary | Call) -> tuple[Expression, ...]:
    """The arguments of a call. Every operator, built in or not, is a function with a name."""
    match expression:
        case Unary():
            return (expression.operand,)
        case Binary():
            return (expression.left, expression.right)
        case Call():
            return expression.arguments


class OutOfSteps(Exception):
    """A program has taken more steps than :class:`Reference` was given."""


class Reference:
    """Runs a program. `output` is the standard output so far.

    It raises OutOfSteps after `steps` values and calls, and RecursionError at DEEPEST waiting evaluations.
    """

    def __init__(self, prelude: Source | None = None, steps: float = math.inf) -> None:
        self.output = bytearray()
        self._steps = steps
        self._source = Source("<nothing>", "")
        self._operators = BUILTINS
        self._forward: dict[str, Prototype] = {}
        self._new: dict[str, Prototype] = {}
        self._declared: dict[str, Prototype] = {}
        self._variables: dict[str, float] = {}
        self._assigned: set[str] = set()
        self._running = Span(0, 0)
        self._functions: dict[str, Foreign | Defined] = {
            name: Foreign(2 if name.startswith("binary") else 1, call) for name, call in OPERATORS.items()
        }
        if prelude is not None:
            self.run(prelude)

    def run(self, source: Source) -> None:
        """Execute the items of a text in order. Raises KaleidoError at the first one with an error."""
        items = parse(source, self._operators)
        prototypes = [item.prototype for item in items if isinstance(item, Definition)]
        self._source = source
        self._operators = _operators_after(items, self._operators)
        self._assigned = {
            name for item in items if not isinstance(item, Definition | External) for name in _targets(item)[0]
        }
        self._forward = {
            prototype.name: prototype for prototype in reversed(prototypes) if prototype.name not in self._functions
        }
        for is_run, step in groupby(items, lambda item: isinstance(item, Definition | External)):
            if is_run:
                self._define_together(list(step))
                continue
            expressions = list(step)
            for index, item in enumerate(expressions):
                assert not isinstance(item, Definition | External)
                self._check_word(item, expressions[index + 1 : index + 2])
                value = self._evaluate_item(item)
                if not isinstance(item, For):
                    self.output += f"{value!r}\n".encode()

    def defined(self) -> list[Defined]:
        """The functions that are written in Kaleido now, in the order of their first definitions."""
        return [each for each in self._functions.values() if isinstance(each, Defined)]

    def call(self, name: str, *arguments: float, steps: float = math.inf) -> float:
        """Call a function, as Python code does. Raises OutOfSteps after `steps` values and calls."""
        self._steps, nowhere = steps, Span(0, 0)
        numbers = tuple(Number(each, nowhere) for each in arguments)
        return _canonical(self._evaluate(Call(name, numbers, nowhere, nowhere), {}))

    def _check_word(self, item: Expression, following: Sequence[Item]) -> None:
        """An unknown word such as the `and` of ``3 and 4`` is an error before the expression to its left runs."""
        for word in following:
            gap = self._source.text[item.span.end : word.span.start] if isinstance(word, Variable) else "no word"
            if isinstance(word, Variable) and word.name in WORD_OPERATORS and not gap.strip(" \t"):
                self._check(word, frozenset(self._variables), is_top_level=True)

    def _evaluate_item(self, item: Expression) -> float:
        """Evaluate an expression at top level. What it assigns to top-level variables takes effect at its end."""
        targets, assigned = _targets(item)
        # A variable that is created is not in scope in what is assigned to it.
        self._check(assigned, frozenset(self._variables), is_top_level=True)
        self._running = item.span
        scope = {name: Cell(value) for name, value in self._variables.items()}
        scope |= {name: Cell(0.0) for name in targets if name not in scope}
        value = self._evaluate(item, scope)
        self._variables = {name: cell.value for name, cell in scope.items()}
        return value

    def _fail(self, title: str, span: Span) -> NoReturn:
        raise KaleidoError(Diagnostic(title, self._source, span))

    # Definitions, and what is checked before anything runs

    def _define_together(self, items: list[Item]) -> None:
        """Define a run of definitions, all or none of them. Of several with one name, the last one counts."""
        definitions = {item.prototype.name: item for item in items if isinstance(item, Definition)}
        before, self._new = dict(self._functions), {name: item.prototype for name, item in definitions.items()}
        try:
            defined = {}
            for item in items:
                if isinstance(item, External):
                    self._declare(item)
                elif isinstance(item, Definition) and definitions[item.prototype.name] is item:
                    self._check_callers(item.prototype)
                    names = frozenset(parameter.name for parameter in item.prototype.parameters)
                    defined[item.prototype.name] = Defined(item, self._check(item.body, names))
            self._functions |= defined
        except KaleidoError:
            self._functions = before
            raise
        finally:
            self._new = {}

    def _check_callers(self, prototype: Prototype) -> None:
        """Refuse another number of parameters while functions outside the run call with the old one."""
        old = self._functions.get(prototype.name)
        if old is None or old.arity == prototype.arity:
            return
        for name, function in self._functions.items():
            if name not in self._new and isinstance(function, Defined) and prototype.name in function.callees:
                wanted = _count(prototype.arity, "parameter")
                title = f"`{prototype.name}` cannot take {wanted} now: it is called with {old.arity}"
                self._fail(title, prototype.span)

    def _declare(self, external: External) -> None:
        """An extern declares a C function. One with the name of a definition is only checked."""
        prototype = external.prototype
        name, arity = prototype.name, prototype.arity
        known = self._functions.get(name)
        present = known if isinstance(known, Defined) else None
        definition = self._new.get(name) or present or (self._forward.get(name) if known is None else None)
        if definition is not None:
            if definition.arity != arity:
                wanted = _count(definition.arity, "parameter")
                self._fail(f"`{name}` is defined with {wanted}, not {arity}", prototype.span)
            return
        if known is not None and known.arity != arity:
            self._fail(f"C's `{name}` takes {_count(known.arity, 'parameter')}, not {arity}", prototype.span)
        runtime: dict[str, Native] = {"printd": self._printd, "putchard": self._putchard}
        function = runtime.get(name) or _c_function(name, arity)
        if function is None:
            self._declared[name] = prototype
            return
        self._functions[name] = Foreign(arity, function)

    def _check(
        self, expression: Expression, parameters: frozenset[str], *, is_top_level: bool = False
    ) -> frozenset[str]:
        """Refuse unknown names and wrong numbers of arguments. Returns the names of the called functions."""
        callees: set[str] = set()
        problems = Problems(self._source)
        hidden = dict[str, str]()
        if not is_top_level:
            at_top_level = self._variables.keys() | self._assigned
            hidden = {name: f"`{name}` is a top-level variable: functions do not see it" for name in at_top_level}
        pending = [(expression, parameters)]
        while pending:
            node, names = pending.pop()
            children: list[Expression] = []
            match node:
                case Number():
                    pass
                case Variable():
                    if node.name not in names:
                        problems.report(hidden.get(node.name, f"unknown variable `{node.name}`"), node.span)
                case Assign():
                    children = [node.variable, node.value]
                case If():
                    children = [node.condition, node.then, node.otherwise]
                case For():
                    pending.append((node.start, names))
                    names |= {node.variable.name}
                    children = (
                        [node.condition, node.body] if node.step is None else [node.condition, node.step, node.body]
                    )
                case Var():
                    for binding in node.bindings:
                        if binding.value is not None:
                            pending.append((binding.value, names))
                        names |= {binding.variable.name}
                    children = [node.body]
                case Unary() | Binary() | Call():
                    self._check_call(node, problems)
                    callees.add(node.callee)
                    children = list(_operands(node))
            pending += [(child, names) for child in reversed(children)]
        if problems.found:
            raise KaleidoError(*problems.in_order())
        return frozenset(callees)

    def _check_call(self, call: Unary | Binary | Call, problems: Problems) -> None:
        name, given = call.callee, len(_operands(call))
        function = (
            self._new.get(name) or self._functions.get(name) or self._forward.get(name) or self._declared.get(name)
        )
        if function is None:
            problems.report(f"unknown function `{name}`", call.span)
        elif function.arity != given:
            problems.report(f"`{name}` takes {_count(function.arity, 'argument')}, not {given}", call.span)

    # Evaluation

    def _evaluate(self, expression: Expression, scope: Scope) -> float:
        """Run an evaluation, and all those that it waits for."""
        waiting = [self._value(expression, scope)]
        value: Any = None
        while waiting:
            self._count_step()
            try:
                wanted, scope = waiting[-1].send(value)
            except StopIteration as finished:
                waiting.pop()
                value = finished.value
                continue
            match wanted:
                case Number():
                    value = wanted.value
                case Variable():
                    value = scope[wanted.name].value
                case _:
                    if len(waiting) == DEEPEST:
                        raise RecursionError("too deep for the reference evaluator")
                    waiting.append(self._value(wanted, scope))
                    value = None
        return float(value)

    def _value(self, expression: Expression, scope: Scope) -> Evaluation:
        """The value of an expression. One in tail position is not yielded: the loop evaluates it next."""
        while True:
            self._count_step()
            match expression:
                case Unary() | Binary() | Call():
                    arguments = []
                    for operand in _operands(expression):
                        value = self._at_once(operand, scope)
                        arguments.append((yield operand, scope) if value is None else value)
                    function = self._functions.get(expression.callee)
                    if function is None:
                        later = expression.callee in self._forward
                        reason = "called before it is defined" if later else "declared, and not defined"
                        self._fail(f"`{expression.callee}` is {reason}", self._running)
                    if isinstance(function, Foreign):
                        return function.call(*arguments)
                    parameters = function.definition.prototype.parameters
                    scope = {
                        parameter.name: Cell(argument)
                        for parameter, argument in zip(parameters, arguments, strict=True)
                    }
                    expression = function.definition.body
                case If():
                    condition = self._at_once(expression.condition, scope)
                    if condition is None:
                        condition = yield expression.condition, scope
                    expression = expression.then if _truth(condition) else expression.otherwise
                case Number():
                    return expression.value
                case Variable():
                    return scope[expression.name].value
                case Assign():
                    value = yield expression.value, scope
                    scope[expression.variable.name].value = value
                    return value
                case Var():
                    scope = dict(scope)
                    for binding in expression.bindings:
                        value = 0.0 if binding.value is None else (yield binding.value, scope)
                        scope[binding.variable.name] = Cell(value)
                    expression = expression.body
                case For():
                    variable = Cell((yield expression.start, scope))
                    scope = {**scope, expression.variable.name: variable}
                    again = True
                    while again:
                        yield expression.body, scope
                        step = 1.0 if expression.step is None else (yield expression.step, scope)
                        again = _truth((yield expression.condition, scope))
                        variable.value += step
                    return 0.0

    def _at_once(self, expression: Expression, scope: Scope) -> float | None:
        """The value of an operand that needs no evaluation of its own, as most do not: otherwise None.

        These are numbers, variables, and a built-in operator between two of them. A match statement takes longer.
        """
        kind = type(expression)
        if kind is Variable:
            return scope[expression.name].value  # type: ignore[union-attr]
        if kind is Number:
            return expression.value  # type: ignore[union-attr, return-value]
        if isinstance(expression, Binary):
            left, right = expression.left, expression.right
            function = self._functions.get(expression.callee)
            if isinstance(left, _LEAVES) and isinstance(right, _LEAVES) and isinstance(function, Foreign):
                self._count_step()
                return function.call(
                    left.value if isinstance(left, Number) else scope[left.name].value,
                    right.value if isinstance(right, Number) else scope[right.name].value,
                )
        return None

    def _count_step(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise OutOfSteps

    def _printd(self, value: float) -> float:
        self.output += b"%f\n" % value
        return 0.0

    def _putchard(self, value: float) -> float:
        code = 0.0 if math.isnan(value) else min(max(value, -(2.0**31)), 2.0**31 - 1)
        self.output.append(int(code) & 0xFF)
        return 0.0


def _targets(item: Expression) -> tuple[list[str], Expression]:
    """The variables that an item at top level assigns to, as in ``x = y = 5``, and what it assigns to them."""
    names = []
    # `_` is the last value, which only the prompt has.
    while isinstance(item, Assign) and item.variable.name != "_":
        names.append(item.variable.name)
        item = item.value
    return names, item


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _operators_after(items: Sequence[Item], operators: OperatorTable) -> OperatorTable:
    """The operator table after a text: with every operator that the text declares."""
    for item in items:
        if isinstance(item, Definition | External) and item.prototype.operator is not None:
            operators = operators.with_operator(item.prototype.operator)
    return operators
