"""The units of Typed: each builder makes one, with `llvmlite.ir`. `typed.py` says what the language is."""

from __future__ import annotations

import ast
from contextlib import suppress
from itertools import count

from llvmlite import ir

from kaleido.jit import LEAVE_JIT, PROBED, REENTER_JIT, Data, RunCounter, Signature, Unit

INT, FLOAT, TRUTH, POINTER, VOID = ir.IntType(64), ir.DoubleType(), ir.IntType(1), ir.PointerType(), ir.VoidType()
TYPES = {"int": INT, "float": FLOAT}
ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}

# The pending error: its line, times 4, plus the number of its message. No name in a program has a dot.
ERROR = Data("typed.error", "i64")
MESSAGES = ("", "the index is out of range", "the divisor is not positive", "print has failed")

_serials = count(1)  # the loops of a new version have other symbols than those of the old one


class TypedError(Exception):
    """A mistake in a program, or an error at run time. Its text begins with the line."""

    def __init__(self, place: ast.AST | int, message: str) -> None:
        super().__init__(f"line {place if isinstance(place, int) else getattr(place, 'lineno', 1)}: {message}")


class Builder:
    """Builds the unit of a function, a constant, a loop, or the top level. `names` are those of the top level."""

    def __init__(self, names: dict[str, ir.Type], symbol: str, kind: ir.FunctionType, counter: RunCounter) -> None:
        self.names, self.symbol, self.kind, self.counter = names, symbol, kind, counter
        self.module = ir.Module()
        self.variables: dict[str, tuple[ir.Type, ir.Value]] = {}
        self.calls: dict[str, Signature] = {}
        self.data: set[str] = set()
        self.loops: list[Unit] = []
        self.function = self.declare(f"{symbol}.impl", kind, "tailcc")
        set.update(self.function.attributes, ("nounwind", PROBED))  # llvmlite does not know the second
        self.code = ir.IRBuilder(self.function.append_basic_block())

    def unit(self) -> Unit:
        """The unit, when all of its code has been built."""
        if not self.code.block.is_terminated:
            self.leave()
        loops, data = tuple(self.loops), frozenset(self.data)
        return Unit(self.symbol, signature(self.kind), str(self.module), self.calls, {}, self.counter, loops, data=data)

    def block(self, statements: list[ast.stmt]) -> None:
        outer = dict(self.variables)
        for each in statements:
            if not self.code.block.is_terminated:
                self.statement(each)
        self.variables = outer

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(ast.Call(ast.Name("print"), arguments, [])):
                self.write(node, arguments)
            case ast.Expr(value):
                self.value(value)
            case ast.Assign([target], value):
                self.assign(target, self.value(value))
            case ast.AugAssign(ast.Name() as target, operator, right):
                self.assign(target, self.binary(node, operator, self.value(target), self.value(right)))
            case ast.If(test, then, otherwise):
                with self.code.if_else(self.truth(test)) as branches:
                    for branch, statements in zip(branches, (then, otherwise), strict=True):
                        with branch:
                            self.block(statements)
            case ast.While(orelse=[]):
                self.loop(node)
            case ast.For(ast.Name() as target, ast.Call(ast.Name("range"), [limit], []), body, orelse=[]):
                self.count(node, target, self.convert(limit, self.value(limit), INT), body)
            case ast.Return(value) if self.counter is RunCounter.CALLS:
                self.leave(value and self.convert(node, self.value(value), self.kind.return_type))
            case _:
                raise TypedError(node, f"{type(node).__name__} cannot be used here")

    def assign(self, target: ast.expr, value: ir.Value) -> None:
        if isinstance(target, ast.Name) and target.id not in self.variables:
            if value.type not in TYPES.values():
                raise TypedError(target, f"{name_of(value.type)} cannot be assigned")
            with self.code.goto_entry_block():
                self.variables[target.id] = value.type, self.code.alloca(value.type)
        kind, address = self.place(target)
        self.code.store(self.convert(target, value, kind), address)

    def place(self, node: ast.expr) -> tuple[ir.Type, ir.Value]:
        """Type and address of a variable, or of an item of an array."""
        match node:
            case ast.Name(name) if name in self.variables:
                return self.variables[name]
            case ast.Subscript(ast.Name(name), index) if isinstance(array := self.names.get(name), ir.ArrayType):
                item = self.convert(node, self.value(index), INT)
                self.require(node, self.code.icmp_unsigned("<", item, INT(array.count)), 1)
                return array.element, self.code.gep(self.shared(name, array), [INT(0), item])
        raise TypedError(node, f"`{ast.unparse(node)}` is not defined here")

    def loop(self, node: ast.While) -> None:
        """Build a loop as a unit: one iteration, and then a tail call of itself, which passes its stub."""
        used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        captured = {name: variable for name, variable in self.variables.items() if name in used}
        kind = ir.FunctionType(VOID, [POINTER] * len(captured))
        inner = Builder(self.names, f"{self.symbol}.{next(_serials)}", kind, RunCounter.ITERATIONS)
        inner.calls[inner.symbol] = signature(kind)
        for name, argument in zip(captured, inner.function.args, strict=True):
            argument.add_attribute("noalias")  # the pointers are those of different variables
            inner.variables[name] = captured[name][0], argument
        with inner.code.if_then(inner.truth(node.test)):
            inner.block(node.body)
            again = inner.declare(inner.symbol, kind, "tailcc")
            inner.code.call(again, inner.function.args, cconv="tailcc", tail="musttail")
            inner.code.ret_void()
        self.loops.append(inner.unit())
        self.call(inner.symbol, kind, [address for _, address in captured.values()])

    def count(self, node: ast.For, target: ast.Name, limit: ir.Value, body: list[ast.stmt]) -> None:
        """Build a `for` as a `while` over two variables that no program can name."""
        following, end = (ast.Name(f".{each}.{node.lineno}.{node.col_offset}") for each in ("next", "end"))
        self.assign(following, INT(0))
        self.assign(end, limit)
        begin = [ast.Assign([target], following), ast.AugAssign(following, ast.Add(), ast.Constant(1))]
        loop = ast.While(ast.Compare(following, [ast.Lt()], [end]), [*begin, *body], [])
        self.loop(ast.fix_missing_locations(ast.copy_location(loop, node)))

    def leave(self, value: ir.Value | None = None) -> None:
        kind = self.kind.return_type
        self.code.ret_void() if kind == VOID else self.code.ret(value or kind(0))

    def require(self, node: ast.AST, condition: ir.Value, message: int) -> None:
        """Unless a condition is true, there is a pending error, and this function returns."""
        with self.code.if_then(self.code.not_(condition), likely=False):
            self.code.store(INT(getattr(node, "lineno", 1) * 4 + message), self.shared(ERROR.symbol, INT))
            self.leave()

    def write(self, node: ast.stmt, arguments: list[ast.expr]) -> None:
        for each in arguments:
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                self.outside(node, "typed.write.text", *self.text(each.value))
            else:
                value = self.value(each)
                self.outside(node, f"typed.write.{name_of(value.type)}", value)
        self.outside(node, "typed.write.text", *self.text("\n"))

    def outside(self, node: ast.stmt, name: str, *arguments: ir.Value) -> None:
        """Call Python, which may take long, and needs stack."""
        thread = self.code.call(self.declare(LEAVE_JIT, ir.FunctionType(POINTER, [])), [])
        failed = self.code.call(self.declare(name, ir.FunctionType(INT, [each.type for each in arguments])), arguments)
        self.code.call(self.declare(REENTER_JIT, ir.FunctionType(VOID, [POINTER])), [thread])
        self.require(node, self.code.icmp_signed("==", failed, INT(0)), 3)

    def value(self, node: ast.expr) -> ir.Value:
        match node:
            case ast.Constant() | ast.UnaryOp(ast.USub(), ast.Constant()):
                return number(node)
            case ast.Name(name) if name not in self.variables and isinstance(self.names.get(name), ir.FunctionType):
                return self.call(name, self.names[name], [])
            case ast.Name() | ast.Subscript():
                kind, address = self.place(node)
                return self.code.load(address, typ=kind)
            case ast.UnaryOp(ast.USub(), operand):
                return self.binary(node, ast.Mult(), INT(-1), self.value(operand))
            case ast.BinOp(left, operator, right):
                return self.binary(node, operator, self.value(left), self.value(right))
            case ast.Call(ast.Name(name), arguments, []) if isinstance(kind := self.names.get(name), ir.FunctionType):
                if len(arguments) != len(kind.args):
                    raise TypedError(node, f"{name} takes {len(kind.args)} arguments, not {len(arguments)}")
                values = zip(map(self.value, arguments), kind.args, strict=True)
                return self.call(name, kind, [self.convert(node, *each) for each in values])
        raise TypedError(node, f"`{ast.unparse(node)}` cannot be used here")

    def binary(self, node: ast.AST, operator: ast.operator, left: ir.Value, right: ir.Value) -> ir.Value:
        kind = FLOAT if isinstance(operator, ast.Div) or FLOAT in (left.type, right.type) else INT
        left, right = self.convert(node, left, kind), self.convert(node, right, kind)
        if type(operator) in ARITHMETIC:
            return getattr(self.code, ("f" if kind == FLOAT else "") + ARITHMETIC[type(operator)])(left, right)
        if kind == FLOAT or not isinstance(operator, ast.Mod | ast.FloorDiv):
            raise TypedError(node, f"{type(operator).__name__} is not defined for {name_of(kind)}")
        self.require(node, self.code.icmp_signed(">", right, INT(0)), 2)
        rest = self.code.srem(left, right)
        below = self.code.icmp_signed("<", rest, INT(0))
        if isinstance(operator, ast.Mod):
            return self.code.select(below, self.code.add(rest, right), rest)
        return self.code.sub(self.code.sdiv(left, right), self.code.zext(below, INT))

    def truth(self, node: ast.expr) -> ir.Value:
        match node:
            case ast.Compare(left, [operator], [right]) if type(operator) in COMPARISONS:
                values, sign = [self.value(left), self.value(right)], COMPARISONS[type(operator)]
                if values[0].type == values[1].type == INT:
                    return self.code.icmp_signed(sign, *values)
                compare = self.code.fcmp_unordered if sign == "!=" else self.code.fcmp_ordered
                return compare(sign, *(self.convert(node, each, FLOAT) for each in values))
        return self.code.icmp_signed("!=", self.convert(node, self.value(node), INT), INT(0))

    def convert(self, node: ast.AST, value: ir.Value, kind: ir.Type) -> ir.Value:
        if (value.type, kind) == (INT, FLOAT):
            return self.code.sitofp(value, FLOAT)
        if value.type != kind:
            raise TypedError(node, f"this is {name_of(value.type)}, and {name_of(kind)} is needed")
        return value

    def call(self, symbol: str, kind: ir.FunctionType, arguments: list[ir.Value]) -> ir.Value:
        """Call a unit. If there is a pending error afterwards, this function returns."""
        self.calls[symbol] = signature(kind)
        result = self.code.call(self.declare(symbol, kind, "tailcc"), arguments, cconv="tailcc")
        pending = self.code.load(self.shared(ERROR.symbol, INT), typ=INT)
        with self.code.if_then(self.code.icmp_signed("!=", pending, INT(0)), likely=False):
            self.leave()
        return result

    def declare(self, name: str, kind: ir.FunctionType, convention: str = "") -> ir.Function:
        function = self.module.globals.get(name) or ir.Function(self.module, kind, name)
        function.calling_convention = convention
        return function

    def shared(self, name: str, kind: ir.Type) -> ir.Value:
        """The address of data."""
        self.data.add(name)
        return self.module.globals.get(name) or ir.GlobalVariable(self.module, kind, name)

    def text(self, text: str) -> tuple[ir.Value, ir.Value]:
        """Address and length of a constant. It is freed with this version of the unit, so callbacks copy it."""
        data = bytearray(text.encode("utf-8", "surrogatepass"))
        constant = ir.GlobalVariable(self.module, ir.ArrayType(ir.IntType(8), len(data)), f".text.{next(_serials)}")
        constant.linkage, constant.global_constant = "private", True
        constant.initializer = ir.Constant(constant.value_type, data)
        return self.code.ptrtoint(constant, INT), INT(len(data))


def number(node: ast.expr) -> ir.Constant:
    with suppress(ValueError, TypeError):
        value = ast.literal_eval(node)
        if type(value) is float or (type(value) is int and -(1 << 63) <= value < 1 << 63):
            return TYPES[type(value).__name__](value)
    raise TypedError(node, f"`{ast.unparse(node)}` is no number of 64 bits")


def signature(kind: ir.FunctionType) -> Signature:
    return Signature(str(kind.return_type), tuple(map(str, kind.args)))


def name_of(kind: ir.Type) -> str:
    return next((name for name, each in TYPES.items() if each == kind), "nothing")
