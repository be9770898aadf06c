"""Recursive inlining: a function that calls itself gets copies of itself inlined.

LLVM's inliner leaves recursion alone; gcc's does not, and was up to six times as fast at it. A cycle of functions that
call each other is expanded after LLVM has simplified it: callees are inlined by then and self tail calls are loops, so
that size and calls are those that count. Then, for each function ``f`` of the cycle:

``f.rest``   the function. Its recursive calls lead to a copy, the copy's to the next, those of the last to ``f.leaf``
``f.1`` …    the copies, inlined always
``f.leaf``   the test for the base case, inlined always, and otherwise a call of ``f.rest``: a recursion of two calls a
             level has as many leaves as inner nodes, and a leaf costs a comparison instead of a call. The base case is
             marked as the likely one. That also keeps values in registers up to the call: without the mark, LLVM
             takes the block of the innermost call for the hottest one
``f``        the same as ``f.leaf``, for other callers

Inside, the convention is ``fastcc``, where no call in the cycle is a tail call: a ``tailcc`` function pops its
arguments, and its caller adjusts the stack pointer after each call.

How many copies: as many as keep the bodies in one frame within ``Policy.recursion_bodies`` (a function that calls
itself twice has 1 + 2 of them with one copy, 1 + 2 + 4 with two), and their instructions within
``Policy.recursion_size``; and three at most. The limits were measured on the kernels of ``python -m tests.benchmarks
kernels --clock cpu --kernels fib,tak,ackermann,hofstadter,even_odd_deep``, with shorter arguments, at -O3, with other
values in ``policy.py``, and without the limit of three. The figures are times relative to gcc 12 -O3, minima of two
alternating runs on a busy machine, and differ by more than a tenth from run to run; those of fib are for code that
makes all of its calls (see ``counted_recursion``):

=============  =====  ====  ====  ====  ===================
bodies             1     2     4     8  31, of 800 in size
=============  =====  ====  ====  ====  ===================
fib             1.55  1.52  1.00  0.90  0.75
tak             0.92  0.98  0.65  0.61  0.68
Hofstadter      1.37  1.31  1.28  1.21  1.30
Ackermann       1.98  1.38  1.29  1.67  2.81
even/odd        0.69  0.70  0.69  0.68  0.69
=============  =====  ====  ====  ====  ===================

Eight bodies are best where a call leads to several; 31 gain on fib alone, and are more to compile. The copies of
Ackermann's function are loops inside each other: it is slower with more than four.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kaleido.jit.compiling.debug_copies import DebugCopies, location
from kaleido.jit.compiling.ir_text import (
    Function,
    attribute_groups,
    functions,
    mentioned,
    reachable,
    renamed,
    strongly_connected,
    unused_tag,
)
from kaleido.jit.policy import Policy
from kaleido.jit.unit import Unit, quoted

__all__ = ["may_recur", "original_name", "with_copies"]

# Instructions that may run twice, and that have no effect: all that may come before the test for the base case.
_PURE = re.compile(r'  (?:%[-a-zA-Z$._0-9]+|%"[^"]*") = (\w+) ')
_ARITHMETIC = frozenset(["fadd", "fsub", "fmul", "fdiv", "fneg", "add", "sub", "mul", "and", "or", "xor"])
_PURE_OPCODES = _ARITHMETIC | {"fcmp", "icmp", "select", "zext", "sext", "sitofp", "uitofp"}
_MAX_PURE = 10
_MAX_LEVELS = 4

# Bytes, a cache line: a function takes the same time in an executable as in the memory of a process. Beginning 16 to 48
# bytes behind one cost Ackermann's 1.02 to 1.04 on an AMD processor of the kind Zen 4, and fib up to 1.12 on a Zen 3.
_ALIGNMENT = 64
_LABEL = r'label (%[-a-zA-Z$._0-9]+|%"[^"]*")'
_BRANCH = re.compile(rf"  br i1 ([^,]+), {_LABEL}, {_LABEL}")
_CALL = re.compile(r'^(  (?:(?:%[-a-zA-Z$._0-9]+|%"[^"]*") = )?(?:tail |notail )?call )tailcc ')


def may_recur(units: Sequence[Unit]) -> bool:
    """Whether some of `units` call themselves or each other in a cycle, by calls that are not marked as tail calls."""
    known = {unit.symbol: unit for unit in units}
    edges = {unit.symbol: [name for name in unit.calls if name in known] for unit in units}
    return any(
        _has_plain_call(known[symbol].ir, cycle) for cycle in strongly_connected(edges) for symbol in sorted(cycle)
    )


def original_name(name: str) -> str:
    """The name of the function that a function of an expanded module is a copy of; its own name if it is no copy."""
    return re.sub(r"(\.(recursion|counted)\d*\.\w+)+$", "", name)


def _has_plain_call(ir: str, callees: Collection[str]) -> bool:
    names = {quoted(callee) + "(" for callee in callees} | {f"@{callee}(" for callee in callees}
    calls = (line for line in ir.split("\n") if "call " in line and "tail call " not in line)
    return any(name in line for line in calls for name in names)


def with_copies(module: str, policy: Policy) -> tuple[str, int]:
    """The text of a simplified module with its recursive functions expanded, and the most calls that one frame holds.

    No edge between blocks in the module is critical. A cycle stays as it is where one of its functions has another
    convention than a unit, or other types, or is never to be inlined.
    """
    levels = 1
    known = functions(module)
    edges = {name: function.mentions(known) for name, function in known.items()}
    debug = DebugCopies(module)
    attributes = attribute_groups(module)
    for names in strongly_connected(edges):
        cycle = [known[name] for name in sorted(names)]
        if all(each.prototype() is not None and not _is_never_inlined(each, attributes) for each in cycle):
            tag = unused_tag("recursion", module)
            expansion = _Expansion(cycle, tag, policy, debug)
            levels = max(levels, expansion.levels)
            for function in cycle:
                module = module.replace(function.text, expansion.of(function))
    return module + debug.added, levels


def _is_never_inlined(function: Function, groups: Mapping[str, str]) -> bool:
    """Whether an attribute, in the function's first line or in a group that it names, forbids to inline it."""
    words = function.attributes().split()
    return any({"noinline", "optnone"} & {word, *groups.get(word, "").split()} for word in words)


@dataclass(frozen=True)
class _Test:
    """The branch at the end of a function's first block, one way of which leads to no recursive call.

    `condition` is an i1, `recursive` whether it is true where the function is not at its base case.
    """

    line: str
    condition: str
    base: str
    recursive: bool

    def decided(self) -> str:
        """The branch where the test has been made."""
        return self.line.replace(f"br i1 {self.condition}, ", f"br i1 {str(self.recursive).lower()}, ", 1)

    def leading_to(self, label: str) -> str:
        """The branch with `label` for the recursive way, as the unlikely one."""
        ways = [f"label {label}", f"label {self.base}"]
        weights = ["i32 1", "i32 31"]
        if not self.recursive:
            ways, weights = ways[::-1], weights[::-1]
        place = self.line[self.line.find(", !dbg ") :] if ", !dbg " in self.line else ""
        return f'  br i1 {self.condition}, {", ".join(ways)}{place}, !prof !{{!"branch_weights", {", ".join(weights)}}}'


def _test(function: Function, cycle: Collection[str]) -> _Test | None:
    blocks = function.blocks()
    *before, last = next(iter(blocks.values()))
    found = _BRANCH.match(last)
    pure = len(before) <= _MAX_PURE and all((m := _PURE.match(line)) and m[1] in _PURE_OPCODES for line in before)
    if found is None or not pure:
        return None
    recursive = [any(mentioned(line, cycle) for line in reachable(blocks, found[way])) for way in (2, 3)]
    if recursive[0] == recursive[1]:
        return None
    return _Test(last, found[1], found[3 if recursive[0] else 2], recursive[0])


class _Expansion:
    """How the functions of a cycle are expanded. `tag` is in no name of the module."""

    def __init__(self, cycle: Sequence[Function], tag: str, policy: Policy, debug: DebugCopies) -> None:
        self._names = frozenset(function.name for function in cycle)
        self._tag, self._debug = tag, debug
        self._fast = not any(function.tail_calls() for function in cycle)
        self.levels = self._levels(cycle, policy)

    def _levels(self, cycle: Sequence[Function], policy: Policy) -> int:
        """How many calls one frame holds: that of the function itself and those of its copies."""
        calls = max(len(function.mentions(self._names)) for function in cycle)
        size = max(sum(map(len, function.blocks().values())) for function in cycle)
        limit = min(policy.recursion_bodies, policy.recursion_size // size)
        levels, bodies = 1, 1
        while levels < _MAX_LEVELS and bodies + calls**levels <= limit:
            bodies += calls**levels
            levels += 1
        return levels

    def of(self, function: Function) -> str:
        """The text in place of a function. It begins with what replaces it: object code begins with what it exports."""
        test = _test(function, self._names)
        first = function.text.partition("\n")[0]
        leaf = self._leaf(function, test)
        rest = function.body if test is None else function.body.replace(test.line, test.decided(), 1)
        inner = [self._level(function, body, n) for n, body in enumerate([rest] + [function.body] * (self.levels - 1))]
        copies = [*inner, self._head(function, "leaf", inline=True) + "\n" + leaf]
        return "\n".join([first, leaf, *map(self._debug.copied, copies)])

    def _level(self, function: Function, body: str, number: int) -> str:
        callee = str(number + 1) if number + 1 < self.levels else "leaf"
        names = {name: self._named(name, callee) for name in self._names}
        lines = (self._called(line) if mentioned(line, self._names) else line for line in body.split("\n"))
        return self._head(function, str(number), inline=number > 0) + "\n" + renamed("\n".join(lines), names)

    def _called(self, line: str) -> str:
        return _CALL.sub(rf"\1{self._convention} ", line) if self._fast else line

    def _leaf(self, function: Function, test: _Test | None) -> str:
        """The body of a function that tests for the base case, and otherwise calls level 0."""
        result, arguments = function.prototype() or ("", "")
        marker = "" if self._fast else "musttail "
        place = location(function.text, test.line if test is not None else "")
        call = f"{marker}call {self._convention} {result} {self._named(function.name, '0')}({arguments}){place}"
        value = f"%{self._tag}.result"
        returning = f"  {call}\n  ret void" if result == "void" else f"  {value} = {call}\n  ret {result} {value}"
        returning += f"{place}\n"
        if test is None:
            return returning + "}\n"
        body = function.body.replace(test.line, test.leading_to(f"%{self._tag}"), 1)
        return body.rstrip().removesuffix("}") + f"{self._tag}:\n{returning}}}\n"

    @property
    def _convention(self) -> str:
        return "fastcc" if self._fast else "tailcc"

    def _head(self, function: Function, part: str, *, inline: bool) -> str:
        result, arguments = function.prototype() or ("", "")
        attributes, described, place = function.attributes().partition(" !dbg ")
        if not inline and " align " not in attributes:
            attributes += f" align {_ALIGNMENT}"
        name = self._named(function.name, part)
        head = f"define internal {self._convention} {result} {name}({arguments})"
        return f"{head} {'alwaysinline ' * inline}{attributes}{described}{place} {{"

    def _named(self, name: str, part: str) -> str:
        suffix = f".{self._tag}.{part}"
        return f'{name[:-1]}{suffix}"' if name.endswith('"') else name + suffix
