"""Typed: Python's syntax with static types, compiled. A front end for `kaleido.jit` that builds IR with `llvmlite.ir`.

    SIZE = 100                             # a constant
    squares = [0] * 100                    # an array of int, or of float with [0.0]

    def mean(n: int) -> float:             # int is i64, which wraps around; float is double
        total = 0.0                        # a variable belongs to the block that first assigns it
        for i in range(n):
            squares[i] = i * i
            total += squares[i]
        return total / n                   # not in a loop; without `return`, the value is 0

    print("the mean is ", mean(10))        # statements at the top level run at once

There are `while`, `if` and comparisons, too. Texts can only be printed. `//` and `%` take a positive divisor.

What it shows of the engine, here and in `typed_units.py`, which builds the units:

- an array is `Data`; defined again with the same length, it keeps its items;
- a constant is a unit without parameters. Optimized code folds it, and is deoptimized when it is defined anew;
- a loop is a nested unit that gets the variables of its function *by pointer*. ``noalias`` says that they are different
  variables, and LLVM keeps them in registers;
- `print` is callbacks into Python, called between LEAVE_JIT and REENTER_JIT;
- an error at run time is *pending*: a number in memory, tested after each call, so that every function returns.

Run ``python typed.py FILE``, or ``python typed.py`` for a prompt.
"""

from __future__ import annotations

import ast
import ctypes
import sys
from contextlib import suppress
from itertools import groupby
from typing import TextIO

from llvmlite import ir
from typed_units import ERROR, FLOAT, INT, MESSAGES, TYPES, VOID, Builder, TypedError, number

from kaleido.jit import Data, Engine, Policy, RunCounter, StackOverflow, Unit

MOST_ITEMS = 1 << 24


def declared(node: ast.stmt) -> tuple[str, ir.Type]:
    """The name that a statement defines, and its type: of a function, of a constant as a function, or of an array."""
    match node:
        case ast.FunctionDef(name, ast.arguments([], parameters, None, [], [], None, []), decorator_list=[]):
            result = VOID if node.returns is None else type_of(node.returns)
            return name, ir.FunctionType(result, [type_of(each.annotation or each) for each in parameters])
        case ast.Assign([ast.Name(name)], ast.BinOp(ast.List([ast.Constant(0 as zero)]), ast.Mult(), length)):
            size = number(length)
            if size.type != INT or not 0 < size.constant <= MOST_ITEMS:
                raise TypedError(node, f"an array has 1 to {MOST_ITEMS:,} items")
            return name, ir.ArrayType(FLOAT if isinstance(zero, float) else INT, size.constant)
        case ast.Assign([ast.Name(name)], value):
            return name, ir.FunctionType(number(value).type, [])
    raise TypedError(node, "this defines neither a function nor a number nor an array")


def definition(node: ast.stmt, names: dict[str, ir.Type]) -> Unit | Data:
    name, kind = declared(node)
    if isinstance(kind, ir.ArrayType):
        return Data(name, str(kind))
    builder = Builder(names, name, kind, RunCounter.CALLS)
    if isinstance(node, ast.FunctionDef):
        for parameter, argument in zip(node.args.args, builder.function.args, strict=True):
            builder.assign(ast.Name(parameter.arg), argument)
        builder.block(node.body)
    elif isinstance(node, ast.Assign):
        builder.leave(number(node.value))
    return builder.unit()


def type_of(node: ast.AST) -> ir.Type:
    if isinstance(node, ast.Name) and node.id in TYPES:
        return TYPES[node.id]
    raise TypedError(node, "a type is int or float")


class Typed:
    """An engine with the names of the top level. Close it, or use it as a context manager.

    `output` gets what programs print.
    """

    def __init__(self, policy: Policy | None = None, output: TextIO | None = None) -> None:
        self._output = output or sys.stdout
        self._names: dict[str, ir.Type] = {}
        self._failure: BaseException | None = None
        integer, real, pointer = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p
        # They must live as long as code may call them.
        self._callbacks = {
            "typed.write.int": ctypes.CFUNCTYPE(integer, integer)(lambda number: self._write(str(number))),
            "typed.write.float": ctypes.CFUNCTYPE(integer, real)(lambda number: self._write(repr(number))),
            "typed.write.text": ctypes.CFUNCTYPE(integer, integer, integer)(
                lambda address, length: self._write(ctypes.string_at(address, length).decode("utf-8", "surrogatepass"))
            ),
        }
        addresses = {name: ctypes.cast(each, pointer).value or 0 for name, each in self._callbacks.items()}
        self.engine = Engine(policy, externals=addresses)
        self.engine.define(ERROR)

    def __enter__(self) -> Typed:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    def run(self, text: str) -> None:
        """Run a program: definitions without another statement between them take effect together, or not at all.

        Raises TypedError, StackOverflow, and Interrupted at Ctrl-C. What came before in the text has run then.
        """
        try:
            tree = ast.parse(text)
            for defines, group in groupby(tree.body, lambda each: isinstance(each, ast.FunctionDef | ast.Assign)):
                (self._define if defines else self._execute)(list(group))
        except (SyntaxError, ValueError) as error:
            raise TypedError(getattr(error, "lineno", 1) or 1, getattr(error, "msg", str(error))) from None
        except StackOverflow:
            raise
        except RecursionError:
            raise TypedError(1, "this is nested too deeply") from None

    def _define(self, statements: list[ast.stmt]) -> None:
        names = dict(self._names)
        for each in statements:
            names.update([declared(each)])
        self.engine.define(*[definition(each, names) for each in statements])
        self._names = names

    def _execute(self, statements: list[ast.stmt]) -> None:
        builder = Builder(self._names, "typed.main", ir.FunctionType(VOID, []), RunCounter.NONE)
        builder.block(statements)
        self.engine.define(builder.unit())
        pending = ctypes.c_int64.from_address(self.engine.data(ERROR.symbol))
        try:
            self.engine.call("typed.main")
            if pending.value:
                raise TypedError(pending.value // 4, MESSAGES[pending.value % 4]) from self._failure
        finally:
            pending.value, self._failure = 0, None
            # It would be a caller that keeps functions from getting another type.
            self.engine.remove("typed.main")

    def _write(self, text: str) -> int:
        """Called by native code. ctypes would only show an exception: it is kept, and raised when the call returns."""
        try:
            self._output.write(text)
        except BaseException as failure:
            self._failure = failure
        return int(self._failure is not None)


def main() -> None:
    with Typed() as typed, suppress(EOFError):
        texts = [open(path, encoding="utf-8").read() for path in sys.argv[1:]]
        for text in texts or iter(lambda: input("typed> "), "quit"):
            try:
                typed.run(text)
            except (TypedError, RecursionError, KeyboardInterrupt) as error:
                print(error)


if __name__ == "__main__":
    main()
