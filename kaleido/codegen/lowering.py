"""Lowering: a checked definition or expression to a unit.

A variable is an `alloca` in the frame of the function that declares it; LLVM promotes it to a register. The caller
of an expression at top level passes an array with the top-level variables that it uses: they are copied from there at
its beginning, and those that it assigns to are copied back at its end.

On-stack replacement needs no code of its own. A ``for`` loop becomes a unit: a function that runs one iteration, and
then calls itself in tail position, through its stub like any other call. Its parameters are pointers to the variables
that it uses, which stay in the frame that entered the loop. When the loop is hot, its stub jumps to optimized code, and
the next iteration runs there.

What does not work: a loop as a cycle of basic blocks. Its values are in registers, so exchanging its code while it runs
needs a map from the registers of one tier to those of the other at each iteration. LLVM has that only as experimental
stack maps, and they keep the optimizer from removing values. Variables in memory need no map, and at -O3 LLVM keeps
them in registers during a loop. Limit: a loop uses at most MAX_PARAMETERS variables from around it.

Trees are walked on an explicit stack (``nodes.walk``). A method that visits a node is a generator: it yields the visit
of a child, and receives the child's value, which is the name of an LLVM local or a constant. For a leaf, it returns
that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from kaleido.codegen.builtin_operators import ARITHMETIC, COMPARISONS, NEGATE, NOT, REMAINDER
from kaleido.codegen.checker import References
from kaleido.codegen.frame import Frame
from kaleido.codegen.mangling import signature, symbol, top_level_name, top_level_symbol
from kaleido.codegen.remainder import remainder
from kaleido.codegen.writer import FunctionWriter, constant
from kaleido.diagnostics import Source, Span
from kaleido.jit import MAX_PARAMETERS, Place, RunCounter, Signature, Unit
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

__all__ = ["Lowered", "lower_definition", "lower_expression", "place"]

# Only one frame has the address of a variable, and its memory is writable: LLVM may keep it in a register in a loop.
_POINTER = "ptr noalias nocapture nonnull writable align 8 dereferenceable(8)"

# One object for all functions without loops.
_NO_LOOPS: Mapping[str, Span] = {}

# Of expressions at top level, with top-level variables and without.
_WITH_VARIABLES, _WITHOUT = Signature("double", ("ptr",)), Signature("double", ())

# A redefined function may have a loop at the same place: the number makes its symbol unique.
_serials = count(1)


class Lowered(NamedTuple):
    """A unit, and the place of each loop in it by the name of the loop's unit."""

    unit: Unit
    loops: Mapping[str, Span]


def lower_definition(definition: Definition, source: Source, references: References) -> Lowered:
    """Lower a definition that has been checked. Its unit counts its calls."""
    name = definition.prototype.name
    parameters = definition.prototype.parameters
    begin = definition.span.start
    frame = Frame(name, symbol(name), signature(len(parameters)), place(source, definition.span), source, begin)
    lowering = _Lowering(name, symbol(name), frame, source, references)
    return lowering.lower_function(parameters, definition.body)


def lower_expression(expression: Expression, source: Source, references: References, *, cache: bool = True) -> Lowered:
    """Lower a checked expression at top level, to a function that runs once. `cache` is that of its unit.

    It has no parameters; or if it uses top-level variables, a pointer to an array with a double for each of them, in
    the order of `references`.
    """
    at = place(source, expression.span)
    line, column = at.start
    owner = top_level_name(source.name)
    name = f"{owner}:{line}:{column}"
    kind = _WITH_VARIABLES if references.variables else _WITHOUT
    begin = expression.span.start
    frame = Frame(name, f"{top_level_symbol(name)}#{next(_serials)}", kind, at, source, begin)
    frame.cache = cache
    lowering = _Lowering(owner, top_level_symbol(owner), frame, source, references)
    return lowering.lower_expression(expression)


def place(source: Source, span: Span) -> Place:
    """The place of a unit, for reports."""
    return Place(source.name, source.text, *source.positions(span))


class _Lowering:
    """One walk over a body; `_frame` is the function that is written, that of the innermost loop.

    The names of loops begin with `name`, and their symbols with `symbol`.
    """

    def __init__(self, name: str, symbol: str, frame: Frame, source: Source, references: References) -> None:
        self._name, self._symbol = name, symbol
        self._source = source
        self._references = references
        self._frame = frame
        self._loops: dict[str, Span] = {}

    @property
    def _writer(self) -> FunctionWriter:
        return self._frame.writer

    def _at(self, node: Expression) -> FunctionWriter:
        """The writer, for instructions that come from `node` itself: ask for it when its operands have been visited."""
        writer = self._frame.writer
        source_map = writer.source_map
        span = node.operator_span if isinstance(node, Binary) else node.span
        source_map.place = span.start, source_map.scope
        return writer

    def lower_function(self, parameters: Sequence[Variable], body: Expression) -> Lowered:
        frame, arguments = self._frame, []
        for number, parameter in enumerate(parameters, 1):
            argument = frame.writer.local(parameter.name)
            frame.declare_parameter(parameter.name, argument, number, parameter.span.start)
            arguments.append(f"double {argument}")
        walk(self._tail, body)
        return Lowered(frame.unit(", ".join(arguments), RunCounter.CALLS), self._loops or _NO_LOOPS)

    def lower_expression(self, expression: Expression) -> Lowered:
        frame, parameter = self._frame, ""
        if self._references.variables:
            cells = frame.writer.local("variables")
            parameter = f"ptr {cells}"
            self._load_variables(cells)
        if self._references.assigned:
            value = walk(self._value, expression)
            self._at(expression)
            self._store_variables(cells)
            frame.writer.emit(f"ret double {value}")
        else:
            walk(self._tail, expression)
        return Lowered(frame.unit(parameter, RunCounter.NONE), self._loops)

    # Top-level variables are copied: LLVM takes quadratic time for a large block that uses them where they are.

    def _load_variables(self, cells: str) -> None:
        for index, name in enumerate(self._references.variables):
            self._frame.declare(name, self._writer.value(f"load double, ptr {self._cell(cells, index)}"))

    def _store_variables(self, cells: str) -> None:
        for index, name in enumerate(self._references.variables):
            if name in self._references.assigned:
                value = self._writer.value(f"load double, ptr {self._frame.address(name)}")
                self._writer.emit(f"store double {value}, ptr {self._cell(cells, index)}")

    def _cell(self, cells: str, index: int) -> str:
        return self._writer.value(f"getelementptr double, ptr {cells}, i64 {index}")

    # Tail position: the value is the function's result. Each branch ends in its own `ret`: its calls are tail calls.

    def _tail(self, node: Expression) -> Walk:
        match node:
            case Call():
                self._return_call(node, (yield self._arguments(node)))
            case Unary() if not self._is_builtin(node):
                self._return_call(node, [(yield self._value(node.operand))])
            case Binary() if not self._is_builtin(node):
                self._return_call(node, [(yield self._value(node.left)), (yield self._value(node.right))])
            case If():
                then, otherwise = self._writer.local("then"), self._writer.local("else")
                condition = yield self._truth(node.condition)
                self._at(node).branch(condition, then, otherwise)
                self._writer.begin(then)
                yield self._tail(node.then)
                self._writer.begin(otherwise)
                yield self._tail(node.otherwise)
            case Var():
                yield self._bindings(node, self._tail)
            case _:
                value = yield self._value(node)
                self._at(node).emit(f"ret double {value}")

    def _return_call(self, node: Call | Unary | Binary, arguments: list[str]) -> None:
        writer = self._at(node)
        result = writer.local()
        marker = self._frame.signature.tail_call(signature(len(arguments)))
        writer.emit(f"{result} = {marker} {self._call(node, arguments)}")
        writer.emit(f"ret double {result}")

    # Values

    def _value(self, node: Expression) -> Walk | str:
        match node:
            case Number():
                return constant(node.value)
            case Variable():
                return self._at(node).value(f"load double, ptr {self._frame.address(node.name)}")
            case Assign():
                return self._assign(node)
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Call():
                return self._called(node)
            case If():
                return self._if(node)
            case For():
                return self._for(node)
            case Var():
                return self._bindings(node, self._value)

    def _assign(self, node: Assign) -> Walk:
        value = yield self._value(node.value)
        self._at(node).emit(f"store double {value}, ptr {self._frame.address(node.variable.name)}")
        return value

    def _called(self, node: Call) -> Walk:
        arguments = yield self._arguments(node)
        return self._at(node).value(self._call(node, arguments))

    def _unary(self, node: Unary) -> Walk:
        if not self._is_builtin(node):
            operand = yield self._value(node.operand)
            return self._at(node).value(self._call(node, [operand]))
        if node.callee == NEGATE:
            operand = yield self._value(node.operand)
            return self._at(node).value(f"fneg double {operand}")
        truth = yield self._truth(node)
        return self._at(node).value(f"uitofp i1 {truth} to double")

    def _binary(self, node: Binary) -> Walk:
        callee, is_builtin = node.callee, self._is_builtin(node)
        if is_builtin and callee in COMPARISONS:
            truth = yield self._truth(node)
            return self._at(node).value(f"uitofp i1 {truth} to double")
        left = yield self._value(node.left)
        right = yield self._value(node.right)
        writer = self._at(node)
        if not is_builtin:
            return writer.value(self._call(node, [left, right]))
        if callee == REMAINDER:
            return remainder(writer, left, right, node.right.value if isinstance(node.right, Number) else None)
        return writer.value(f"{ARITHMETIC[callee]} double {left}, {right}")

    def _truth(self, node: Expression) -> Walk:
        """An i1: false for zero and NaN. The i1 of a comparison or of ``!`` is used as it is."""
        if isinstance(node, Binary) and self._is_builtin(node) and node.callee in COMPARISONS:
            left = yield self._value(node.left)
            right = yield self._value(node.right)
            return self._at(node).value(f"fcmp {COMPARISONS[node.callee]} double {left}, {right}")
        if isinstance(node, Unary) and self._is_builtin(node) and node.callee == NOT:
            truth = yield self._truth(node.operand)
            return self._at(node).value(f"xor i1 {truth}, true")
        value = yield self._value(node)
        return self._at(node).value(f"fcmp one double {value}, {constant(0.0)}")

    def _if(self, node: If) -> Walk:
        writer = self._writer
        then, otherwise, end = writer.local("then"), writer.local("else"), writer.local("end")
        condition = yield self._truth(node.condition)
        self._at(node).branch(condition, then, otherwise)
        arrivals = []
        for label, branch in ((then, node.then), (otherwise, node.otherwise)):
            writer.begin(label)
            value = yield self._value(branch)
            arrivals.append(f"[ {value}, %{writer.block} ]")
            writer.emit(f"br label {end}")
        writer.begin(end)
        return self._at(node).value(f"phi double {', '.join(arrivals)}")

    # Variables

    def _bindings(self, node: Var, visit: Callable[[Expression], Walk | str]) -> Walk:
        with self._frame.block():
            for binding in node.bindings:
                value = (yield self._value(binding.value)) if binding.value is not None else constant(0.0)
                self._at(binding.variable)
                self._frame.declare(binding.variable.name, value, binding.variable.span.start)
            return (yield visit(node.body))

    # Loops

    def _for(self, node: For) -> Walk:
        start = yield self._value(node.start)
        frame = self._frame
        with frame.block():
            self._at(node.variable)
            frame.declare(node.variable.name, start, node.variable.span.start)
            unit, captured = yield self._loop(node)
            frame.nested_units.append(unit)
            callee = frame.call(unit.symbol, unit.signature)
            pointers = ", ".join(f"ptr {frame.address(name)}" for name in captured)
            self._at(node).emit(f"call tailcc void {callee}({pointers})")
        return constant(0.0)

    def _loop(self, node: For) -> Walk:
        """Return the unit of a loop, and the variables whose addresses it takes, in the order of its parameters."""
        outer = self._frame
        line, column = self._source.position(node.span.start)
        suffix = f".for@{line}:{column}"
        name = self._name + suffix
        self._loops[name] = node.span
        unique = f"{self._symbol}{suffix}#{next(_serials)}"
        at = place(self._source, node.span)
        self._frame = frame = Frame(name, unique, Signature("void", ()), at, self._source, node.span.start, outer)
        variable = frame.address(node.variable.name)
        yield self._value(node.body)
        step = (yield self._value(node.step)) if node.step is not None else constant(1.0)
        again = yield self._truth(node.condition)
        before = self._at(node).value(f"load double, ptr {variable}")
        after = frame.writer.value(f"fadd double {before}, {step}")
        frame.writer.emit(f"store double {after}, ptr {variable}")
        unit = self._end_loop(frame, again)
        self._frame = outer
        return unit, list(frame.captured)

    def _end_loop(self, frame: Frame, again: str) -> Unit:
        writer, pointers = frame.writer, list(frame.captured.values())
        # The signature is known only now: lowering the body has found the variables that the loop captures.
        frame.signature = kind = Signature("void", ("ptr",) * len(pointers))
        repeat, done = writer.local("repeat"), writer.local("done")
        writer.branch(again, repeat, done)
        writer.begin(repeat)
        itself = frame.call(frame.symbol, kind)
        writer.emit(f"musttail call tailcc void {itself}({', '.join(f'ptr {pointer}' for pointer in pointers)})")
        writer.emit("ret void")
        writer.begin(done)
        writer.emit("ret void")
        return frame.unit(", ".join(f"{_POINTER} {pointer}" for pointer in pointers), RunCounter.ITERATIONS)

    # Functions and operators

    def _is_builtin(self, node: Unary | Binary) -> bool:
        """Whether an operator has its built-in meaning, not one that the program defines."""
        return node.callee in self._references.operators

    def _arguments(self, node: Call) -> Walk:
        arguments = []
        for argument in node.arguments:
            arguments.append((yield self._value(argument)))
        # Only a call of a function whose declaration has an error can have more, and its unit is never compiled.
        return arguments[:MAX_PARAMETERS]

    def _call(self, node: Call | Unary | Binary, arguments: list[str]) -> str:
        kind = signature(len(arguments))
        callee = self._frame.call(symbol(node.callee), kind)
        return f"call tailcc double {callee}({', '.join(f'double {argument}' for argument in arguments)})"
