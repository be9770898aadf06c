"""Counted recursion: a pure function whose calls of itself count its arguments gets a body that counts in integers.

With ``fib(n - 1) + fib(n - 2)``, copies of the function inlined into each other call it with ``(n - 1) - 2`` and with
``(n - 2) - 1``. Doubles may differ there, and LLVM calls twice. Integers do not, and one call is enough; and a
subtraction takes one cycle instead of three. So the time grows with a smaller power of the argument: see fib in
``tests/benchmarks/LIMITS.md``.

``f``                   tests its arguments: calls the next one if they are integers, and otherwise the last one
``f.counted.integers``  the function, with integers for the arguments that are counted; see ``recursion`` for its copies
``f.counted.general``   the function as it was

It is done where the function accesses no memory, and calls itself at least twice; where none of these calls is a tail
call; and where no debugger shows variables. LLVM 22 ends the process where it folds a signed integer that a debugger is
to convert to a double. A parameter is counted where each of these calls passes it on, unchanged or with a constant
integer added, and one call adds something. The other parameters stay doubles, whatever calls pass for them.

Why it is exact. Counted arguments are at most 2^50 at the beginning, and not -0.0; each call adds at most 16. To come
to 2^53, up to which doubles represent all integers, takes more than 2^48 calls inside each other. No stack is that
large, and where LLVM makes one of the calls a loop, so many iterations take a day. A sum of such doubles that is zero
is not -0.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kaleido.jit.compiling.debug_copies import DebugCopies, location
from kaleido.jit.compiling.ir_text import Function, attribute_groups, functions, renamed, unused_tag
from kaleido.jit.compiling.loop_guard import constant, integer
from kaleido.jit.compiling.loops import DEFINED, NAMES

__all__ = ["with_counted_recursion"]

_LARGEST, _LARGEST_STEP = 2.0**50, 16
_ADDITION = re.compile(r"  \S+ = fadd double (\S+), ([-+.0-9a-fA-Fx]+)(?:, !dbg !\d+)?$")
_VARIABLE = "    #dbg_"
_INTRINSIC = "declare double @llvm.fabs.f64(double)"


def with_counted_recursion(module: str) -> str:
    """The text of a simplified module, with integers in its functions whose recursion counts."""
    groups = attribute_groups(module)
    found = []
    for function in functions(module).values():
        attributes = function.attributes().split()
        pure = any("memory(none)" in groups.get(each, each) for each in attributes)
        if not pure or "noinline" in attributes or _VARIABLE in function.text:
            continue
        if (recursion := _recursion(function)) is not None:
            found.append(recursion)
    if not found:
        return module
    tag, debug = unused_tag("counted", module), DebugCopies(module)
    for recursion in found:
        module = module.replace(recursion.function.text, recursion.versions(tag, debug))
    added = "" if _INTRINSIC in module else f"\n{_INTRINSIC}\n"
    return module + added + debug.added


@dataclass
class _Recursion:
    """A function, its parameters, what its calls of itself add to each, and which are counted.

    What a call adds is None where it passes something else.
    """

    function: Function
    result: str
    parameters: Sequence[str]
    calls: Mapping[str, Sequence[int | None]]
    counted: Sequence[bool]

    def versions(self, tag: str, debug: DebugCopies) -> str:
        """The text in place of the function."""
        return "\n".join([self._choice(tag), debug.copied(self._integers(tag)), debug.copied(self._general(tag))])

    def _choice(self, tag: str) -> str:
        """The function that tests its arguments."""
        lines, arguments, place = [], [], location(self.function.text)
        for index, (name, counted) in enumerate(zip(self.parameters, self.counted, strict=True)):
            if not counted:
                arguments.append(f"double {name}")
                continue
            own = f"%{tag}.{index}"
            arguments.append(f"i64 {own}.integer")
            lines += [
                f"  {own}.size = call double @llvm.fabs.f64(double {name}){place}",
                f"  {own}.small = fcmp ole double {own}.size, {constant(_LARGEST)}",
                f"  br i1 {own}.small, label {own}.test, label %{tag}.general",
                f"{own[1:]}.test:",
                f"  {own}.integer = fptosi double {name} to i64",
                f"  {own}.back = sitofp i64 {own}.integer to double",
                f"  {own}.bits = bitcast double {own}.back to i64",
                f"  {own}.given = bitcast double {name} to i64",
                f"  {own}.same = icmp eq i64 {own}.bits, {own}.given",
                f"  br i1 {own}.same, label {own}.passed, label %{tag}.general",
                f"{own[1:]}.passed:",
            ]
        general = ", ".join(f"double {name}" for name in self.parameters)
        first = self.function.text.partition("\n")[0]
        for part, passed in (("integers", ", ".join(arguments)), ("general", general)):
            value = f"%{tag}.{part}.result"
            lines += [f"{tag}.general:"] if part == "general" else []
            lines += [
                f"  {value} = call tailcc {self.result} {self._named(tag, part)}({passed}){place}",
                f"  ret {self.result} {value}",
            ]
        return "\n".join([first, *lines, "}\n"])

    def _general(self, tag: str) -> str:
        name = self._named(tag, "general")
        parameters = ", ".join(f"double {each}" for each in self.parameters)
        return self._head(name, parameters, "noinline ") + renamed(self.function.body, {self.function.name: name})

    def _integers(self, tag: str) -> str:
        integers = [f"%{tag}.{index}" if each else "" for index, each in enumerate(self.counted)]
        both = list(zip(self.parameters, integers, strict=True))
        name = self._named(tag, "integers")
        lines = [f"  {old} = sitofp i64 {new} to double" for old, new in both if new]
        body = self.function.body.split("\n")
        # The first block may have no label.
        if not body[0].startswith("  "):
            lines.insert(0, body.pop(0))
        for line in body:
            value = m[1] if (m := DEFINED.match(line)) else ""
            if value in self.calls:
                arguments, place = [], location(self.function.text, line)
                before, _, after = line.partition(f" {self.function.name}(")
                given, _, after = after.partition(")")
                for index, (argument, step, new) in enumerate(
                    zip(given.split(", "), self.calls[value], integers, strict=True)
                ):
                    if new:
                        lines.append(f"  %{tag}.{len(lines)}.{index} = add nsw i64 {new}, {step}{place}")
                        argument = f"i64 %{tag}.{len(lines) - 1}.{index}"
                    arguments.append(argument)
                line = f"{before} {name}({', '.join(arguments)}){after}"
            lines.append(line)
        parameters = ", ".join(f"i64 {new}" if new else f"double {old}" for old, new in both)
        return self._head(name, parameters) + "\n".join(lines)

    def _head(self, name: str, parameters: str, attribute: str = "") -> str:
        attributes = f"{attribute}{self.function.attributes()}"
        return f"define internal tailcc {self.result} {name}({parameters}) {attributes} {{\n"

    def _named(self, tag: str, part: str) -> str:
        name, suffix = self.function.name, f".{tag}.{part}"
        return f'{name[:-1]}{suffix}"' if name.endswith('"') else name + suffix


def _recursion(function: Function) -> _Recursion | None:
    """The recursion of a function that counts; None for another one."""
    prototype = function.prototype()
    if prototype is None or prototype[0] == "void" or function.tail_calls():
        return None
    words = [each.split(" ") for each in prototype[1].split(", ")]
    if not all(len(each) == 2 and each[0] == "double" and not each[1][1:].isdigit() for each in words):
        return None
    parameters = [each[1] for each in words]
    lines = [line for each in function.blocks().values() for line in each]
    defined = {m[1]: line for line in lines if (m := DEFINED.match(line))}
    call = re.compile(rf"  (?:{NAMES.pattern}) = (?:tail )?call tailcc \w+ {re.escape(function.name)}\((.*?)\)")
    calls = {name: m[1].split(", ") for name, line in defined.items() if (m := call.match(line))}
    if not 2 <= len(calls) == len(function.mentions({function.name})):
        return None
    # Names may have commas.
    if any(len(given) != len(parameters) for given in calls.values()):
        return None
    steps = {
        name: [_step(*each, defined) for each in zip(given, parameters, strict=True)] for name, given in calls.items()
    }
    counted = [None not in column and any(column) for column in zip(*steps.values(), strict=True)]
    return _Recursion(function, prototype[0], parameters, steps, counted) if any(counted) else None


def _step(argument: str, parameter: str, defined: Mapping[str, str]) -> int | None:
    """What is added to a parameter to make an argument of a call; None if it is something else."""
    name = argument.removeprefix("double ")
    step = 0
    while name != parameter:
        addition = _ADDITION.match(defined.get(name, ""))
        added = integer(addition[2], _LARGEST_STEP) if addition else None
        if addition is None or added is None:
            return None
        name, step = addition[1], step + added
    return step if abs(step) <= _LARGEST_STEP else None
