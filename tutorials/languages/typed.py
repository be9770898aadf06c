"""Typed: some of Python with static types, compiled. A front end for `kaleido.jit` that builds IR with `llvmlite.ir`.

    squares: list[int] = [0] * 100         # an array, of int or float, which all functions share

    def mean(n: int) -> float:             # int is i64, which wraps around; float is double
        i = 0                              # a variable belongs to the block that first assigns it
        total = 0.0
        while i < n:
            squares[i] = i * i
            total += squares[i]
            i += 1
        return total / n                   # not in a loop; without `return`, the value is 0

    if mean(10) > 28: print("large")       # without `else`; runs at once, when what the text defines is in effect

A function becomes a unit by `Unit.from_function`; so does a loop, which gets the variables around it *by pointer*, and
calls itself through its stub. An array is `Data`. `print` is a `Callback`; so is an error, which ends the native code.
"""

import ast
import re
import sys
from contextlib import suppress
from ctypes import string_at
from functools import partial
from itertools import count
from typing import Any, NoReturn, TextIO

from llvmlite import ir

from kaleido.jit import LEAVE_JIT, REENTER_JIT, Callback, Data, Engine, Policy, RunCounter, Signature, Unit

INT, FLOAT, TRUTH, POINTER, VOID = ir.IntType(64), ir.DoubleType(), ir.IntType(1), ir.PointerType(), ir.VoidType()
TYPES = {"int": INT, "float": FLOAT}
ARITHMETIC: dict[type, str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
COMPARISONS: dict[type, str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}

FUNCTION = re.compile(r"def (\w+)\(((?:(?:, )?\w+: (?:int|float))*)\)(?: -> (int|float))?:")
ARRAY = re.compile(r"(\w+): list\[(int|float)\] = \[0\] \* ([1-9]\d*)")
_serials = count(1)  # the loops of a new version have other symbols; no name in a program has a space or a dot


class TypedError(Exception):
    """A mistake in a program, or an error at run time. Its text begins with ``line:column``; a column is a byte."""

    def __init__(self, node: Any, message: str) -> None:
        super().__init__(f"{node.lineno}:{node.col_offset + 1}: {message}")


class Builder:
    """Builds the unit of a function, a loop, or a main program. `names` are functions and arrays, with types."""

    def __init__(self, names: dict[str, ir.Type], symbol: str, kind: ir.FunctionType) -> None:
        self.names, self.module, self.loops = names, ir.Module(), list[Unit]()
        self.variables: dict[str, tuple[ir.Type, ir.Value]] = {}
        self.function = self.declare(symbol, kind, "tailcc")
        self.code = ir.IRBuilder(self.function.append_basic_block())

    def unit(self, statements: list[ast.stmt], counter: RunCounter) -> Unit:
        self.block(statements)
        if not self.code.block.is_terminated:
            self.code.ret(self.function.return_value.type(0))
        arrays = frozenset(each for each in self.module.globals if isinstance(self.names.get(each), ir.ArrayType))
        return Unit.from_function(self.function, counter=counter, nested_units=tuple(self.loops), data=arrays)

    def block(self, statements: list[ast.stmt]) -> None:
        outer = dict(self.variables)
        for each in statements:
            if not self.code.block.is_terminated:
                self.statement(each)
        self.variables = outer

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(ast.Call(ast.Name("print"), [ast.Constant(str(text))], [])):
                self.outside("print.ptr", self.text(text))
            case ast.Expr(ast.Call(ast.Name("print"), [argument], [])):
                value = self.value(argument)
                kind = FLOAT if value.type == FLOAT else INT
                self.outside(f"print.{kind}", self.convert(argument, value, kind))
            case ast.Expr(value):
                self.value(value)
            case ast.Assign([target], value):
                self.assign(target, self.value(value))
            case ast.AugAssign(target, operator, value):
                self.assign(target, self.value(ast.copy_location(ast.BinOp(target, operator, value), node)))
            case ast.If(test, body, []):
                with self.code.if_then(self.convert(test, self.value(test), TRUTH)):
                    self.block(body)
            case ast.While(orelse=[]):
                self.loop(node)
            case ast.Return(ast.expr() as value) if self.function.name in self.names:
                self.code.ret(self.convert(value, self.value(value), self.function.return_value.type))
            case _:
                raise TypedError(node, f"{type(node).__name__} cannot be used here")

    def assign(self, target: ast.expr, value: ir.Value) -> None:
        if isinstance(target, ast.Name) and target.id not in self.variables:
            kind = FLOAT if value.type == FLOAT else INT
            with self.code.goto_entry_block():
                self.variables[target.id] = kind, self.code.alloca(kind)
        kind, address = self.place(target)
        self.code.store(self.convert(target, value, kind), address)

    def place(self, node: ast.expr) -> tuple[ir.Type, ir.Value]:
        """Type and address of a variable, or of an item of an array."""
        match node:
            case ast.Name(name) if name in self.variables:
                return self.variables[name]
            case ast.Subscript(ast.Name(name), index) if isinstance(array := self.names.get(name), ir.ArrayType):
                item = self.convert(index, self.value(index), INT)
                with self.code.if_then(self.code.icmp_unsigned(">=", item, INT(array.count)), likely=False):
                    self.outside("fail", INT(node.lineno), INT(node.col_offset))
                    self.code.unreachable()
                items = self.module.globals.get(name) or ir.GlobalVariable(self.module, array, name)
                return array.element, self.code.gep(items, [INT(0), item])
        raise TypedError(node, f"`{ast.unparse(node)}` is not defined here")

    def loop(self, node: ast.While) -> None:
        """Build a loop as a unit: one iteration, and then a tail call of itself, which passes its stub."""
        kind = ir.FunctionType(INT, [POINTER] * len(self.variables))
        inner = Builder(self.names, f"loop {next(_serials)} at {node.lineno}:{node.col_offset + 1}", kind)
        for (name, (of, _)), argument in zip(self.variables.items(), inner.function.args, strict=True):
            argument.add_attribute("noalias")  # the pointers are those of different variables
            inner.variables[name] = of, argument
        with inner.code.if_then(inner.convert(node.test, inner.value(node.test), TRUTH)):
            inner.block(node.body)
            inner.code.ret(inner.code.call(inner.function, inner.function.args, tail="musttail"))
        self.loops.append(inner.unit([], RunCounter.ITERATIONS))
        callee = self.declare(inner.function.name, kind, "tailcc")
        self.code.call(callee, [address for _, address in self.variables.values()])

    def value(self, node: ast.expr) -> ir.Value:
        match node:
            case ast.Constant(value) if type(value) is float or (type(value) is int and value < 1 << 63):
                return TYPES[type(value).__name__](value)
            case ast.Name() | ast.Subscript():
                kind, address = self.place(node)
                return self.code.load(address, typ=kind)
            case ast.UnaryOp(ast.USub(), operand):
                return self.binary(node, ast.Mult(), INT(-1), self.value(operand))
            case ast.BinOp(left, operator, right) | ast.Compare(left, [operator], [right]):
                return self.binary(node, operator, self.value(left), self.value(right))
            case ast.Call(ast.Name(name), arguments, []) if isinstance(kind := self.names.get(name), ir.FunctionType):
                if len(arguments) != len(kind.args):
                    raise TypedError(node, f"{name} takes {len(kind.args)} arguments, not {len(arguments)}")
                values = [self.convert(each, self.value(each), kind.args[n]) for n, each in enumerate(arguments)]
                return self.code.call(self.declare(name, kind, "tailcc"), values)
        raise TypedError(node, f"`{ast.unparse(node)}` cannot be used here")

    def binary(self, node: ast.AST, operator: ast.operator | ast.cmpop, left: ir.Value, right: ir.Value) -> ir.Value:
        kind = FLOAT if isinstance(operator, ast.Div) or FLOAT in (left.type, right.type) else INT
        left, right = self.convert(node, left, kind), self.convert(node, right, kind)
        if name := ARITHMETIC.get(type(operator)):
            return getattr(self.code, name if kind == INT else f"f{name}")(left, right)
        if sign := COMPARISONS.get(type(operator)):
            floats = self.code.fcmp_unordered if sign == "!=" else self.code.fcmp_ordered
            return (self.code.icmp_signed if kind == INT else floats)(sign, left, right)
        raise TypedError(node, f"{type(operator).__name__} is not defined")

    def convert(self, node: ast.AST, value: ir.Value, kind: ir.Type) -> ir.Value:
        if (value.type, kind) == (INT, FLOAT):
            return self.code.sitofp(value, FLOAT)
        if value.type != kind:
            raise TypedError(node, f"this is {value.type}, and {kind} is needed")
        return value

    def outside(self, name: str, *arguments: ir.Value) -> None:
        """Call Python, which may take long, and needs stack. REENTER_JIT does not return if it has raised."""
        thread = self.code.call(self.declare(LEAVE_JIT, ir.FunctionType(POINTER, [])), [])
        self.code.call(self.declare(name, ir.FunctionType(VOID, [each.type for each in arguments])), arguments)
        self.code.call(self.declare(REENTER_JIT, ir.FunctionType(VOID, [POINTER])), [thread])

    def declare(self, name: str, kind: ir.FunctionType, convention: str = "") -> ir.Function:
        function = self.module.globals.get(name) or ir.Function(self.module, kind, name)
        function.calling_convention = convention
        return function

    def text(self, text: str) -> ir.Value:
        """The address of a constant, which is freed with this version of the unit: Python copies it."""
        data = bytearray(text.replace("\0", "").encode("utf-8", "replace") + b"\0")
        constant = ir.GlobalVariable(self.module, ir.ArrayType(ir.IntType(8), len(data)), f"text.{next(_serials)}")
        constant.linkage, constant.global_constant = "private", True
        constant.initializer = ir.Constant(constant.value_type, data)
        return self.code.inttoptr(constant.ptrtoint(INT), POINTER)


def declared(node: ast.stmt) -> tuple[str, ir.Type]:
    """The name that a statement defines, and its type: of a function, or of an array."""
    header, *_ = ast.unparse(node).split("\n")
    if found := FUNCTION.fullmatch(header):
        return found[1], ir.FunctionType(TYPES[found[3] or "int"], [*map(TYPES.get, re.findall(r": (\w+)", found[2]))])
    if found := ARRAY.fullmatch(header):
        return found[1], ir.ArrayType(TYPES[found[2]], int(found[3]))
    raise TypedError(node, "the types of parameters and items are int or float, and items begin as 0")


def definition(node: ast.stmt, names: dict[str, ir.Type]) -> Unit | Data:
    name, kind = declared(node)
    if not isinstance(node, ast.FunctionDef):
        return Data(name, str(kind))
    builder = Builder(names, name, kind)
    for parameter, argument in zip(node.args.args, builder.function.args, strict=True):
        builder.assign(ast.Name(parameter.arg), argument)
    return builder.unit(node.body, RunCounter.CALLS)


class Typed(Engine):
    """An engine that runs programs. `output` gets what they print."""

    def __init__(self, policy: Policy | None = None, output: TextIO | None = None) -> None:
        self.names: dict[str, ir.Type] = {}
        show = partial(print, file=output)

        def fail(line: int, column: int) -> NoReturn:
            raise TypedError(ast.Pass(lineno=line, col_offset=column), "the index is out of range")

        self.callbacks = {  # they must live as long as code may call them
            "print.i64": Callback(show, Signature("void", ("i64",))),
            "print.double": Callback(show, Signature("void", ("double",))),
            "print.ptr": Callback(lambda text: show(string_at(text).decode()), Signature("void", ("ptr",))),
            "fail": Callback(fail, Signature("void", ("i64", "i64"))),
        }
        super().__init__(policy, externals={name: each.address for name, each in self.callbacks.items()})

    def run(self, text: str) -> None:
        """Raises TypedError, StackOverflow, Interrupted at Ctrl-C, and what `output` raises."""
        try:
            statements = ast.parse(text).body
            definitions = [each for each in statements if isinstance(each, ast.FunctionDef | ast.AnnAssign)]
            names = self.names | dict(map(declared, definitions))
            rest = [each for each in statements if each not in definitions]
            main = Builder(names, "main program", ir.FunctionType(INT, [])).unit(rest, RunCounter.NONE)
            self.define(*(definition(each, names) for each in definitions), main)
        except (SyntaxError, ValueError, RecursionError) as error:
            place = ast.Pass(lineno=getattr(error, "lineno", 0) or 1, col_offset=(getattr(error, "offset", 0) or 1) - 1)
            raise TypedError(place, getattr(error, "msg", str(error))) from None
        self.names = names
        self.call("main program")


if __name__ == "__main__":
    with Typed() as language, suppress(EOFError):
        texts = [open(path, encoding="utf-8").read() for path in sys.argv[1:]]
        for text in texts or iter(lambda: input("typed> "), "quit"):
            try:
                language.run(text)
            except (TypedError, RecursionError, KeyboardInterrupt) as error:
                print(error)
