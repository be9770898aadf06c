"""Definitions and expressions to units, checking every name on the way.

Variables live in memory, in the frame of the function that declares them; LLVM promotes them to registers. A
``for`` becomes a unit of its own, a function that runs one iteration and calls itself in tail position, through
its stub like everybody else. Its parameters are pointers to the variables it uses, which live in the frame it was
entered from. That is all there is to on-stack replacement: when the loop is hot its stub leads elsewhere, and the
next iteration is already optimized.

Trees are walked on a stack of our own (``nodes.walk``): methods that visit a node are generators, and ``yield``
the visit of a child to get its value, the name of an LLVM local or a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from kaleido.codegen.builtin_operators import ARITHMETIC, COMPARISONS, NEGATE, NOT
from kaleido.codegen.environment import Environment
from kaleido.codegen.mangling import signature, symbol
from kaleido.codegen.name_errors import check_arguments, unknown_function, unknown_variable
from kaleido.codegen.writer import FunctionWriter, constant
from kaleido.diagnostics import Span
from kaleido.jit import MAX_PARAMETERS, RunCounter, Signature, Unit
from kaleido.language.nodes import (
    Assign,
    Binary,
    Call,
    Definition,
    Expression,
    For,
    If,
    Number,
    Unary,
    Var,
    Variable,
    Walk,
    walk,
)

__all__ = ["Lowered", "Site", "lower_definition", "lower_expression"]

# A variable's memory is the frame's alone, whole and writable: LLVM may keep it in a register through a loop.
_POINTER = "ptr noalias nocapture nonnull writable align 8 dereferenceable(8)"

# Loops are told apart by more than their place: the loop of a redefined function is another loop.
_serials = count(1)


@dataclass(frozen=True)
class Site:
    """A call of a function: with how many arguments, and where."""

    arguments: int
    span: Span


@dataclass(frozen=True)
class Lowered:
    """A unit; the functions it calls, where first; the built-in operators it has inline; where each of its loops is."""

    unit: Unit
    calls: Mapping[str, Site]
    operators: frozenset[str]
    loops: Mapping[str, Span]


def lower_definition(definition: Definition, environment: Environment) -> Lowered:
    """The unit of a function; `environment` already knows the function itself.

    Raises SemanticError with everything that is wrong with the definition.
    """
    prototype = definition.prototype
    lowering = _Lowering(environment)
    names = [parameter.name for parameter in prototype.parameters]
    unit = lowering.function(prototype.name, symbol(prototype.name), names, definition.body, RunCounter.CALLS)
    environment.refuse()
    return Lowered(unit, lowering.calls, frozenset(lowering.operators), lowering.loops)


def lower_expression(expression: Expression, environment: Environment) -> Lowered:
    """The unit of an expression at top level: a function without parameters that runs once. Raises SemanticError."""
    lowering = _Lowering(environment)
    line, column = environment.source.position(expression.span.start)
    name = f"top@{line}:{column}"
    unit = lowering.function(name, f"{symbol(name)}#{next(_serials)}", [], expression, RunCounter.NONE)
    environment.refuse()
    return Lowered(unit, lowering.calls, frozenset(lowering.operators), lowering.loops)


@dataclass
class _Frame:
    """One LLVM function being written.

    `captured` are variables of the frame around it, passed in as pointers. `shadowed` has for each declaration that
    is in scope, innermost last, its name and what had that name before.
    """

    name: str
    symbol: str
    signature: Signature
    parent: _Frame | None = None
    writer: FunctionWriter = field(default_factory=FunctionWriter)
    variables: dict[str, str] = field(default_factory=dict)
    shadowed: list[tuple[str, str | None]] = field(default_factory=list)
    captured: dict[str, str] = field(default_factory=dict)
    calls: dict[str, Signature] = field(default_factory=dict)
    nested_units: list[Unit] = field(default_factory=list)

    def address(self, name: str) -> str | None:
        """Where variable `name` is, from this frame; captured from the frames around where it must be."""
        frames: list[_Frame] = []
        frame: _Frame | None = self
        while frame is not None and name not in frame.variables and name not in frame.captured:
            frames.append(frame)
            frame = frame.parent
        if frame is None:
            return None
        for inner in reversed(frames):
            inner.captured[name] = inner.writer.local(name)
        return self.variables.get(name) or self.captured[name]

    def visible(self) -> Iterator[str]:
        frame: _Frame | None = self
        while frame is not None:
            yield from frame.variables
            frame = frame.parent

    def unit(self, parameters: str, counter: RunCounter) -> Unit:
        ir = self.writer.finish(self.symbol, self.signature.result, parameters)
        return Unit(self.symbol, self.signature, ir, self.calls, {}, counter, tuple(self.nested_units), self.name)


class _Lowering:
    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._name = ""
        self._frame = _Frame("", "", signature(0))
        self._unknown: set[str] = set()
        self.calls: dict[str, Site] = {}
        self.operators: set[str] = set()
        self.loops: dict[str, Span] = {}

    @property
    def _writer(self) -> FunctionWriter:
        return self._frame.writer

    def function(self, name: str, symbol: str, parameters: list[str], body: Expression, counter: RunCounter) -> Unit:
        self._name = name
        self._frame = frame = _Frame(name, symbol, signature(len(parameters)))
        arguments = []
        for parameter in parameters:
            argument, address = frame.writer.local(parameter), frame.writer.alloca(parameter)
            frame.writer.emit(f"store double {argument}, ptr {address}")
            frame.variables[parameter] = address
            arguments.append(f"double {argument}")
        walk(self._tail, body)
        return frame.unit(", ".join(arguments), counter)

    # Tail position: the value is the function's. Each branch returns for itself, so that its calls are tail calls.

    def _tail(self, node: Expression) -> Walk:
        match node:
            case Call():
                self._return_call(node, (yield self._arguments(node)))
            case Unary() if not self._is_builtin(node.callee):
                self._return_call(node, [(yield self._value(node.operand))])
            case Binary() if not self._is_builtin(node.callee):
                self._return_call(node, [(yield self._value(node.left)), (yield self._value(node.right))])
            case If():
                then, otherwise = self._writer.local("then"), self._writer.local("else")
                self._writer.branch((yield self._truth(node.condition)), then, otherwise)
                self._writer.begin(then)
                yield self._tail(node.then)
                self._writer.begin(otherwise)
                yield self._tail(node.otherwise)
            case Var():
                yield self._bindings(node, self._tail)
            case _:
                self._writer.emit(f"ret double {(yield self._value(node))}")

    def _return_call(self, node: Call | Unary | Binary, arguments: list[str]) -> None:
        result = self._writer.local()
        marker = self._frame.signature.tail_call(signature(len(arguments)))
        self._writer.emit(f"{result} = {marker} {self._call(node, arguments)}")
        self._writer.emit(f"ret double {result}")

    # Values

    def _value(self, node: Expression) -> Walk:
        match node:
            case Number():
                return constant(node.value)
            case Variable():
                return self._writer.value(f"load double, ptr {self._address(node)}")
            case Assign():
                value = yield self._value(node.value)
                self._writer.emit(f"store double {value}, ptr {self._address(node.variable, assigned=True)}")
                return value
            case Unary():
                return (yield self._unary(node))
            case Binary():
                return (yield self._binary(node))
            case Call():
                return self._writer.value(self._call(node, (yield self._arguments(node))))
            case If():
                return (yield self._if(node))
            case For():
                return (yield self._for(node))
            case Var():
                return (yield self._bindings(node, self._value))

    def _unary(self, node: Unary) -> Walk:
        if not self._is_builtin(node.callee):
            return self._writer.value(self._call(node, [(yield self._value(node.operand))]))
        if node.callee == NEGATE:
            return self._writer.value(f"fneg double {(yield self._value(node.operand))}")
        return self._writer.value(f"uitofp i1 {(yield self._truth(node))} to double")

    def _binary(self, node: Binary) -> Walk:
        if self._is_builtin(node.callee) and node.callee in COMPARISONS:
            return self._writer.value(f"uitofp i1 {(yield self._truth(node))} to double")
        left = yield self._value(node.left)
        right = yield self._value(node.right)
        if self._is_builtin(node.callee):
            return self._writer.value(f"{ARITHMETIC[node.callee]} double {left}, {right}")
        return self._writer.value(self._call(node, [left, right]))

    def _truth(self, node: Expression) -> Walk:
        """An i1: whether the value is ordered and not zero. Comparisons need not become numbers for that."""
        if isinstance(node, Binary) and self._is_builtin(node.callee) and node.callee in COMPARISONS:
            left = yield self._value(node.left)
            right = yield self._value(node.right)
            return self._writer.value(f"fcmp {COMPARISONS[node.callee]} double {left}, {right}")
        if isinstance(node, Unary) and self._is_builtin(node.callee) and node.callee == NOT:
            return self._writer.value(f"xor i1 {(yield self._truth(node.operand))}, true")
        return self._writer.value(f"fcmp one double {(yield self._value(node))}, {constant(0.0)}")

    def _if(self, node: If) -> Walk:
        writer = self._writer
        then, otherwise, end = writer.local("then"), writer.local("else"), writer.local("end")
        writer.branch((yield self._truth(node.condition)), then, otherwise)
        arrivals = []
        for label, branch in ((then, node.then), (otherwise, node.otherwise)):
            writer.begin(label)
            value = yield self._value(branch)
            arrivals.append(f"[ {value}, %{writer.block} ]")
            writer.emit(f"br label {end}")
        writer.begin(end)
        return writer.value(f"phi double {', '.join(arrivals)}")

    # Scopes

    def _bindings(self, node: Var, visit: Callable[[Expression], Walk]) -> Walk:
        with self._scope():
            for binding in node.bindings:
                value = (yield self._value(binding.value)) if binding.value is not None else constant(0.0)
                self._declare(binding.variable.name, value)
            return (yield visit(node.body))

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """What is declared inside is forgotten afterwards, and what it shadowed is back."""
        frame, depth = self._frame, len(self._frame.shadowed)
        yield
        while len(frame.shadowed) > depth:
            name, before = frame.shadowed.pop()
            if before is None:
                del frame.variables[name]
            else:
                frame.variables[name] = before

    def _declare(self, name: str, value: str) -> None:
        address = self._writer.alloca(name)
        self._writer.emit(f"store double {value}, ptr {address}")
        self._frame.shadowed.append((name, self._frame.variables.get(name)))
        self._frame.variables[name] = address

    # Loops

    def _for(self, node: For) -> Walk:
        start = yield self._value(node.start)
        with self._scope():
            self._declare(node.variable.name, start)
            unit, captured = yield self._loop(node)
            self._frame.nested_units.append(unit)
            self._frame.calls[unit.symbol] = unit.signature
            callee = self._writer.declare(unit.symbol, unit.signature)
            pointers = ", ".join(f"ptr {self._frame.address(name)}" for name in captured)
            self._writer.emit(f"call tailcc void {callee}({pointers})")
        return constant(0.0)

    def _loop(self, node: For) -> Walk:
        """The unit of a loop, and the variables that it wants pointers to, in the order of its parameters."""
        outer = self._frame
        line, column = self._environment.source.position(node.span.start)
        name = f"{self._name}.for@{line}:{column}"
        self.loops[name] = node.span
        self._frame = frame = _Frame(name, f"{symbol(name)}#{next(_serials)}", Signature("void", ()), outer)
        variable = self._address(node.variable)
        yield self._value(node.body)
        step = (yield self._value(node.step)) if node.step is not None else constant(1.0)
        again = yield self._truth(node.condition)
        before = frame.writer.value(f"load double, ptr {variable}")
        after = frame.writer.value(f"fadd double {before}, {step}")
        frame.writer.emit(f"store double {after}, ptr {variable}")
        if len(frame.captured) > MAX_PARAMETERS:
            uses = f"uses {len(frame.captured):,} variables from around it: {MAX_PARAMETERS:,} is the most"
            self._environment.fail("too many variables", node.span, f"this loop {uses}")
        unit = self._end_loop(frame, again)
        self._frame = outer
        return unit, list(frame.captured)

    def _end_loop(self, frame: _Frame, again: str) -> Unit:
        writer, pointers = frame.writer, list(frame.captured.values())
        # How many variables it captures is known only now that its body has been read.
        frame.signature = kind = Signature("void", ("ptr",) * len(pointers))
        repeat, done = writer.local("repeat"), writer.local("done")
        writer.branch(again, repeat, done)
        writer.begin(repeat)
        frame.calls[frame.symbol] = kind
        itself = writer.declare(frame.symbol, kind)
        writer.emit(f"musttail call tailcc void {itself}({', '.join(f'ptr {pointer}' for pointer in pointers)})")
        writer.emit("ret void")
        writer.begin(done)
        writer.emit("ret void")
        return frame.unit(", ".join(f"{_POINTER} {pointer}" for pointer in pointers), RunCounter.ITERATIONS)

    # Names

    def _is_builtin(self, operator: str) -> bool:
        """Whether an operator (by its function's name) means what the language says, and not what a user said."""
        if operator in self._environment.functions:
            return False
        self.operators.add(operator)
        return True

    def _address(self, variable: Variable, *, assigned: bool = False) -> str:
        """Where a variable is. For one that there is not, something that does for going on with the check."""
        address = self._frame.address(variable.name)
        if address is None:
            if self._is_news(variable.name):
                unknown_variable(self._environment, variable, set(self._frame.visible()), assigned=assigned)
            return "null"
        return address

    def _arguments(self, node: Call) -> Walk:
        declared = self._environment.functions.get(node.callee)
        if declared is not None:
            check_arguments(self._environment, node, declared)
        elif self._is_news(node.callee + "("):
            unknown_function(self._environment, node, set(self._frame.visible()))
        arguments = []
        for argument in node.arguments:
            arguments.append((yield self._value(argument)))
        # No function takes more: whoever is given more is wrong, and has been reported.
        return arguments[:MAX_PARAMETERS]

    def _is_news(self, unknown: str) -> bool:
        """Whether an unknown name has not been reported for this item."""
        known = unknown in self._unknown
        self._unknown.add(unknown)
        return not known

    def _call(self, node: Call | Unary | Binary, arguments: list[str]) -> str:
        name, kind = node.callee, signature(len(arguments))
        self.calls.setdefault(name, Site(len(arguments), node.span))
        self._frame.calls[symbol(name)] = kind
        callee = self._writer.declare(symbol(name), kind)
        return f"call tailcc double {callee}({', '.join(f'double {argument}' for argument in arguments)})"
