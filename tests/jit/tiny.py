"""Tiny: s-expressions over 64-bit integers. An example of all that the engine requires of a language.

A function is ``(define (gcd a b) (if (= b 0) a (gcd b (% a b))))``. A name carries its type when that is not
i64: ``x:double``, ``p:ptr``. A function's name carries the type of its result, in definitions and in calls:
``(clear:void p)``.

===========================  ================================================================
``1``  ``1.5``  ``x``         integer, double, variable (every variable lives in memory)
``(+ a b)``  ``(< a b)``      also ``- * % =``; both operands of one type; truth is 0 or 1
``(if c a b)``  ``(do a b)``  choice, sequence
``(let x a b c)``             a new variable, then `b` and `c` in its scope
``(set x a)``                 assignment
``(while c a b)``             a loop, which is a unit of its own: see ``_Function._loop``
``(load p)``  ``(store p a)`` an integer in memory
``(real a)``                  integer to double
``(foreign f a)``             a call of a C function
``(f a b)``                   a call; in tail position, a tail call
===========================  ================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import count
from typing import NamedTuple, TypeAlias

from kaleido.jit import LEAVE_JIT, PROBED, REENTER_JIT, RunCounter, Signature, Unit

__all__ = ["unit", "units"]

Tree: TypeAlias = "str | list[Tree]"

OPERATORS = {
    "+": ("add", "fadd"), "-": ("sub", "fsub"), "*": ("mul", "fmul"), "%": ("srem", "frem"),
    "<": ("icmp slt", "fcmp olt"), "=": ("icmp eq", "fcmp oeq"),
}  # fmt: skip

# Numbers of loops. The loop of a redefined function has another symbol than the old one.
_serials = count(1)


def units(text: str, externals: Mapping[str, int] | None = None, counter: RunCounter = RunCounter.CALLS) -> list[Unit]:
    """One unit for each function in `text`."""
    return [_definition(form, externals or {}, counter) for form in _read(text)]


def unit(text: str, externals: Mapping[str, int] | None = None, counter: RunCounter = RunCounter.CALLS) -> Unit:
    [only] = units(text, externals, counter)
    return only


def _read(text: str) -> list[Tree]:
    stack: list[list[Tree]] = [[]]
    for token in re.findall(r"[()]|[^\s()]+", text):
        if token == "(":
            stack.append([])
        elif token == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    [forms] = stack
    return forms


def _typed(name: Tree) -> tuple[str, str]:
    assert isinstance(name, str)
    plain, _, kind = name.partition(":")
    return plain, kind or "i64"


def _definition(form: Tree, externals: Mapping[str, int], counter: RunCounter) -> Unit:
    assert isinstance(form, list) and form[0] == "define" and isinstance(form[1], list)
    _, prototype, *body = form
    (symbol, result), *parameters = map(_typed, prototype)
    signature = Signature(result, tuple(kind for _, kind in parameters))
    function = _Function(symbol, signature, {})
    for name, kind in parameters:
        function.declare(name, _Value(kind, f"%{name}"))
    function.tail(["do", *body])
    arguments = ", ".join(f"{kind} %{name}" for name, kind in parameters)
    used = {name: address for name, address in externals.items() if name in function.foreign}
    return function.unit(symbol, signature, arguments, used, counter)


class _Value(NamedTuple):
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind} {self.text}"


_NOTHING = _Value("void", "")


class _Function:
    """Writes one LLVM function. `variables` are those of the enclosing frame, passed as pointers."""

    def __init__(self, symbol: str, signature: Signature, variables: Mapping[str, _Value]) -> None:
        self.symbol, self.signature, self.result = symbol, signature, signature.result
        self.variables = dict(variables)
        self.calls: dict[str, Signature] = {}
        self.foreign: set[str] = set()
        self._nested_units: list[Unit] = []
        self._locals = count(1)
        self._entry: list[str] = []
        self._lines: list[str] = []
        self._declarations: dict[str, str] = {}

    def unit(
        self, symbol: str, kind: Signature, arguments: str, externals: Mapping[str, int], counter: RunCounter
    ) -> Unit:
        lines = ["entry:", *self._entry, *self._lines]
        head = f'define tailcc {kind.result} @"{symbol}.impl"({arguments}) nounwind {PROBED} {{'
        ir = "\n".join([head, *lines, "}", *self._declarations.values(), ""])
        label = re.sub(r"#\d+", "", symbol)
        return Unit(symbol, kind, ir, self.calls, externals, counter, tuple(self._nested_units), label)

    def declare(self, name: str, value: _Value) -> None:
        address = self._local()
        self._entry.append(f"  {address} = alloca {value.kind}")
        self._emit(f"store {value}, ptr {address}")
        self.variables[name] = _Value(value.kind, address)

    def tail(self, tree: Tree) -> None:
        """Write `tree` in tail position."""
        match tree:
            case ["do", *before, last]:
                for each in before:
                    self.value(each)
                self.tail(last)
            case ["let", name, value, *body]:
                self.declare(_typed(name)[0], self.value(value))
                self.tail(["do", *body])
            case ["if", condition, then, otherwise]:
                labels = self._branch(condition)
                for label, branch in zip(labels, (then, otherwise), strict=True):
                    self._begin(label)
                    self.tail(branch)
            case [str(head), *arguments] if self._is_call(head) and _typed(head)[1] == self.result:
                self._return(self._call(head, arguments, "jump"))
            case _:
                result = self.value(tree)
                self._return(result if self.result != "void" else _NOTHING)

    def value(self, tree: Tree) -> _Value:
        match tree:
            case str(text) if text in self.variables:
                kind, address = self.variables[text]
                return self._result(kind, f"load {kind}, ptr {address}")
            case str(text):
                return _Value("double" if "." in text else "i64", text)
            case ["do", *before, last]:
                for each in before:
                    self.value(each)
                return self.value(last)
            case ["let", name, value, *body]:
                self.declare(_typed(name)[0], self.value(value))
                return self.value(["do", *body])
            case ["set", str(name), value]:
                self._emit(f"store {self.value(value)}, ptr {self.variables[name].text}")
                return _NOTHING
            case ["if", condition, then, otherwise]:
                return self._choice(condition, then, otherwise)
            case ["while", condition, *body]:
                return self._loop(condition, body)
            case ["load", pointer]:
                return self._result("i64", f"load i64, {self.value(pointer)}")
            case ["store", pointer, value]:
                self._emit(f"store {self.value(value)}, {self.value(pointer)}")
                return _NOTHING
            case ["real", value]:
                return self._result("double", f"sitofp {self.value(value)} to double")
            case ["foreign", str(head), *arguments]:
                return self._foreign(head, arguments)
            case [str(operator), left, right] if operator in OPERATORS:
                return self._operation(operator, self.value(left), self.value(right))
            case [str(head), *arguments]:
                return self._call(head, arguments, "call tailcc")
        raise SyntaxError(str(tree))

    def _operation(self, operator: str, left: _Value, right: _Value) -> _Value:
        instruction = OPERATORS[operator][left.kind == "double"]
        if "cmp" not in instruction:
            return self._result(left.kind, f"{instruction} {left}, {right.text}")
        truth = self._result("i1", f"{instruction} {left}, {right.text}")
        return self._result("i64", f"zext {truth} to i64")

    def _choice(self, condition: Tree, then: Tree, otherwise: Tree) -> _Value:
        labels, end = self._branch(condition), self._local()
        address = self._local()
        for label, branch in zip(labels, (then, otherwise), strict=True):
            self._begin(label)
            value = self.value(branch)
            if value.kind != "void":
                self._emit(f"store {value}, ptr {address}")
            self._emit(f"br label {end}")
        self._begin(end)
        if value.kind == "void":
            return _NOTHING
        self._entry.append(f"  {address} = alloca {value.kind}")
        return self._result(value.kind, f"load {value.kind}, ptr {address}")

    def _loop(self, condition: Tree, body: list[Tree]) -> _Value:
        """Write a loop as a nested unit: a function that runs one iteration and then calls itself through its stub."""
        kinds = {name: kind for name, (kind, _) in self.variables.items()}
        symbol = f"{self.symbol}.loop#{next(_serials)}"
        signature = Signature("void", ("ptr",) * len(kinds))
        inner = _Function(symbol, signature, {name: _Value(kind, f"%{name}") for name, kind in kinds.items()})
        again, done = inner._branch(condition)
        inner._begin(again)
        for each in body:
            inner.value(each)
        pointers = [_Value("ptr", f"%{name}") for name in kinds]
        inner._return(inner._call_by(symbol, signature, pointers, "musttail call tailcc"))
        inner._begin(done)
        inner._return(_NOTHING)
        arguments = ", ".join(map(str, pointers))
        self._nested_units.append(inner.unit(symbol, signature, arguments, {}, RunCounter.ITERATIONS))
        captured = [_Value("ptr", address) for _, address in self.variables.values()]
        return self._call_by(symbol, signature, captured, "call tailcc")

    def _foreign(self, head: str, arguments: list[Tree]) -> _Value:
        """Write a call into C, which may need much time and stack: the thread leaves JIT code, and reenters it."""
        self.foreign.add(_typed(head)[0])
        self._declarations |= {
            LEAVE_JIT: f"declare ptr @{LEAVE_JIT}()",
            REENTER_JIT: f"declare void @{REENTER_JIT}(ptr)",
        }
        native_thread = self._result("ptr", f"call ptr @{LEAVE_JIT}()")
        value = self._call(head, arguments, "call")
        self._emit(f"call void @{REENTER_JIT}({native_thread})")
        return value

    def _call(self, head: str, arguments: list[Tree], how: str) -> _Value:
        name, result = _typed(head)
        values = [self.value(argument) for argument in arguments]
        return self._call_by(name, Signature(result, tuple(value.kind for value in values)), values, how)

    def _call_by(self, name: str, signature: Signature, values: list[_Value], how: str) -> _Value:
        convention = ""
        if how == "jump":
            how = f"{self.signature.tail_call(signature)} call tailcc"
        if "tailcc" in how:
            convention = "tailcc"
            self.calls[name] = signature
        self._declarations[name] = f"declare {signature.prototype(name, convention)}"
        arguments = ", ".join(map(str, values))
        return self._result(signature.result, f'{how} {signature.result} @"{name}"({arguments})')

    def _is_call(self, head: str) -> bool:
        return head not in OPERATORS and head not in {"set", "while", "load", "store", "real", "foreign"}

    def _branch(self, condition: Tree) -> tuple[str, str]:
        truth = self._result("i1", f"icmp ne {self.value(condition)}, 0")
        then, otherwise = self._local(), self._local()
        self._emit(f"br {truth}, label {then}, label {otherwise}")
        return then, otherwise

    def _result(self, kind: str, instruction: str) -> _Value:
        if kind == "void":
            self._emit(instruction)
            return _NOTHING
        value = _Value(kind, self._local())
        self._emit(f"{value.text} = {instruction}")
        return value

    def _return(self, value: _Value) -> None:
        self._emit(f"ret {value}")

    def _local(self) -> str:
        return f"%.{next(self._locals)}"

    def _begin(self, label: str) -> None:
        self._lines.append(f"{label[1:]}:")

    def _emit(self, instruction: str) -> None:
        self._lines.append("  " + instruction)
