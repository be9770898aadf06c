"""Counted loops: a loop that counts in doubles counts in an integer, so that LLVM knows how often it runs.

LLVM's loop passes know induction variables that are integers. For a loop whose variable is a double, nothing tells them
the number of iterations: it is neither vectorized nor unrolled. With an integer, the divisions and square roots of four
iterations become vectors, while a sum still adds in order (``force-ordered-reductions``, see ``llvm.py``); and an
addition to the variable takes one cycle instead of three.

A loop is converted where the following holds. Everything that is not known when it is compiled is tested before the
loop, and the loop as it was follows for the case that the test fails.

- The variable begins as an integer, and is not -0.0. Each iteration adds an integer constant: the *step*.
- It, or its sum with an integer constant, is compared with a value that does not change, the *limit*. That comparison
  is made in every iteration, leaves the loop, and bounds the variable: it is with ``<`` or ``<=`` for a positive step,
  with ``>`` or ``>=`` for a negative one; or it is ``==``, the limit is ahead, and a multiple of the step away.

Why it is exact. The beginning and all limits are at most 2^50, a step and the constants of a loop's additions together
at most 2^20 each. So every value that the variable has before the loop is left is at most 2^50 + 2^21. Doubles of that
size represent all integers, their additions are exact, and no sum of them is -0.0. A comparison of an integer with a
limit that is none is that with the next integer.

An integer n below 2^51 becomes a double as the bits of 1.5 * 2^52, plus n, taken for a double, minus 1.5 * 2^52: an
addition and a subtraction, also for vectors. For these, x86-64 has an instruction only since AVX-512.

A variable that only changes its sign in each iteration depends on the previous one, too. In a converted loop its sign
is computed from the number of iterations.

It is done where it pays: where a loop has a division or a square root, or nothing but its variable goes from one
iteration to the next. Sums of anything else wait for their own additions. Only innermost loops without calls are
converted, and those around loops of a constant number of iterations, which LLVM
unrolls. In others, the time of an addition does not count.

LLVM unrolls a loop whose number of iterations it knows, by another factor for each number. In a loop with branches in
place of selects (see ``branches``) that gains nothing, and by some factors the loop is slower: ``a = (if a < 2 then
a * 1.5 else a - 1.25) : sum = sum + a / i`` takes, on a Zen 4, 1.00 times as long unrolled by 2 and 8, and 1.09 by 4,
5, 10 and 16. So such a loop is not unrolled, except where all of it is.

A debugger sees the variable where its double is computed, and elsewhere that it is optimized out. A record of the
integer, with an expression that converts it (``DW_OP_LLVM_convert``), was tried. LLVM's strength reduction changes
where the integer begins without changing the record: GDB showed 0, 10, 20 for 1, 11, 21. And before version 5 of
DWARF, which linkers do not merge correctly, LLVM leaves the conversion out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import count

from kaleido.jit.compiling.branches import future_branches
from kaleido.jit.compiling.ir_text import Function, functions, strongly_connected, unused_tag
from kaleido.jit.compiling.loop_guard import Guard, bits, constant
from kaleido.jit.compiling.loops import ARRIVAL, DEFINED, NAMES, PHI, Loop, Loops
from kaleido.jit.unit import Unit

__all__ = ["may_count", "with_integer_counters"]

# The doubles from 2^52 to 2^53 are integers, and so are their bits: this one is in the middle.
_ORIGIN = 1.5 * 2.0**52

# The most iterations of a loop that LLVM is expected to unroll completely.
_MAX_UNROLLED = 64

# A label where a block begins, or where a branch leads to.
_LABELS = re.compile(r'^([-a-zA-Z$._0-9]+|"[^"]*"):|label (%[-a-zA-Z$._0-9]+|%"[^"]*")', re.MULTILINE)

# Where an instruction comes from; and what a debugger is told about variables.
_PLACE, _RECORD = re.compile(r", !dbg !\d+"), re.compile(r"^ *#dbg_.*\n", re.MULTILINE)

_METADATA = ", !llvm.loop !"

_NODE = re.compile(r"^!(\d+) = ", re.MULTILINE)

_INTRINSICS = ("fabs", "ceil", "floor")


def may_count(units: Sequence[Unit]) -> bool:
    """Whether there may be such a loop in units that are linked: in the IR of one, or by calls of each other."""
    if not any("fcmp " in unit.ir and ("fadd double" in unit.ir or "fsub double" in unit.ir) for unit in units):
        return False
    edges = {unit.symbol: unit.calls for unit in units}
    known = {symbol: [name for name in calls if name in edges] for symbol, calls in edges.items()}
    return any(strongly_connected(known)) or any(_jumps_back(unit.ir) for unit in units)


def _jumps_back(ir: str) -> bool:
    """Whether a block leads to one that is above it in the text, or to itself."""
    seen: set[str] = set()
    for label, target in _LABELS.findall(ir):
        seen.add(f"%{label}")
        if target in seen:
            return True
    return False


def with_integer_counters(module: str) -> str:
    """The text of a simplified module, with its counted loops converted.

    Loops have preheaders, and what is defined in a loop and used after it is used by phis there (LCSSA).
    """
    if " = type " in module:
        return module
    tag = unused_tag("counter", module)
    before = module
    for function in functions(module).values():
        if "fcmp " in function.text and " = phi double " in function.text:
            module = module.replace(function.text, _converted(function, tag))
    if module == before:
        return module
    declared = (f"declare double @llvm.{name}.f64(double)" for name in _INTRINSICS)
    module = "\n".join([module, *(each for each in declared if each not in module), ""])
    return _with_loop_nodes(module, tag)


def _rolled(tag: str) -> str:
    """What ends the latch of a loop that is not unrolled, until the node that says so has its number in the module."""
    return f"{_METADATA}{tag}"


def _with_loop_nodes(module: str, tag: str) -> str:
    """The text of a module in which each loop that is not unrolled has a node of its own."""
    if _rolled(tag) not in module:
        return module
    numbers = count(1 + max(map(int, _NODE.findall(module)), default=-1))
    nodes: list[str] = []

    def numbered(_: re.Match[str]) -> str:
        number = next(numbers)
        nodes.append(f'!{number} = distinct !{{!{number}, !{{!"llvm.loop.unroll.disable"}}}}\n')
        return f"{_METADATA}{number}"

    return re.sub(f"{_rolled(tag)}$", numbered, module, flags=re.MULTILINE) + "".join(nodes)


def _converted(function: Function, tag: str) -> str:
    """The text of a function with its loops converted. Places in the source stay with the instructions that stay."""
    plain = Function(_RECORD.sub("", _PLACE.sub("", function.text)), function.name)
    text = _Conversion(plain, tag).converted()
    if text == plain.text:
        return function.text
    return "\n".join(_with_debug_information(text.split("\n"), function.text.split("\n"), tag))


def _with_debug_information(lines: Sequence[str], before: Sequence[str], tag: str) -> list[str]:
    """The lines of a converted function, with the places and the records of its lines `before`.

    A copy of a loop has the records of the loop, about its own values.
    """
    prefix, rolled = _copy_prefix(tag), _rolled(tag)
    places: dict[str, str] = {}
    records: dict[str, list[str]] = {}
    last = ""
    for line in before:
        if _RECORD.match(line + "\n"):
            records.setdefault(last, []).append(line)
            continue
        last = _key(_PLACE.sub("", line))
        if found := _PLACE.search(line):
            places[last] = found[0]
    defined = {m[1] for line in lines if (m := DEFINED.match(line))}

    def copied(match: re.Match[str]) -> str:
        name = _copied(match[0], prefix)
        return name if name in defined else match[0]

    result: list[str] = []
    waiting: list[str] = []
    for line in lines:
        line, *ending = (line.removesuffix(rolled), rolled) if line.endswith(rolled) else (line,)
        key = _key(line.replace(prefix, ""))
        if waiting and " = phi " not in line:
            # Records follow the phis of a block.
            result += waiting
            waiting = []
        result.append("".join([line, places.get(key, ""), *ending]))
        kept = records.get(key, [])
        waiting += [NAMES.sub(copied, each) for each in kept] if prefix in line else kept
    return result + waiting


def _key(line: str) -> str:
    """What an instruction defines; of one that defines nothing, its text."""
    return m[1] if (m := DEFINED.match(line)) else line


def _copy_prefix(tag: str) -> str:
    """What the names in copies of loops begin with."""
    return f"{tag}.copy."


def _copied(name: str, prefix: str) -> str:
    """The name in a copy of a loop."""
    return f'%"{prefix}{name[2:]}' if name.startswith('%"') else f"%{prefix}{name[1:]}"


class _Conversion:
    """The loops of a function are converted in its text. `tag` is in no name of the module."""

    def __init__(self, function: Function, tag: str) -> None:
        self._function, self._tag = function, tag
        self._loops = Loops(function)
        self._blocks = self._loops.blocks
        self._numbers = count()

    def converted(self) -> str:
        """The function's text."""
        found = sorted(self._loops.candidates(), key=lambda loop: len(loop.blocks))
        done: set[str] = set()
        for loop in found:
            if loop.header not in done and self._convert(loop):
                done.add(loop.header)
        if not done:
            return self._function.text
        texts = (f"{label[1:]}:\n" * bool(label) + "\n".join(lines) for label, lines in self._blocks.items())
        return "\n".join([self._function.text.partition("\n")[0], *texts, "}\n"])

    def _convert(self, loop: Loop) -> bool:
        if not self._loops.analyze(loop):
            return False
        guard = Guard(self._fresh)
        if not guard.test(loop):
            return False
        blocks = self._counting(loop, guard)
        is_unrolled = not guard.conditions and guard.iterations(loop) <= _MAX_UNROLLED
        if not is_unrolled and self._waits_for_branches(loop) and _METADATA not in blocks[loop.latch][-1]:
            blocks[loop.latch][-1] += _rolled(self._tag)
        before = self._blocks[self._key(loop.preheader)]
        if not guard.conditions:
            self._blocks.update(blocks)
            if is_unrolled:
                self._loops.unrolled.add((loop.latch, loop.header))
            before[-1:] = [*guard.lines, before[-1]]
            return True
        names = self._copied_names(blocks)
        before[-1:] = [*guard.lines, *guard.branch(names[loop.header], loop.header)]
        self._add_arrivals(loop, names)
        self._blocks.update(
            {names[label]: [_renamed(line, names) for line in lines] for label, lines in blocks.items()}
        )
        return True

    @cached_property
    def _future_branches(self) -> Collection[str]:
        return future_branches(self._function)

    def _waits_for_branches(self, loop: Loop) -> bool:
        """Whether selects in it become branches."""
        lines = (line for block in loop.blocks for line in self._blocks[block])
        return any((m := DEFINED.match(line)) and m[1] in self._future_branches for line in lines)

    def _counting(self, loop: Loop, guard: Guard) -> dict[str, list[str]]:
        """The blocks of a loop that counts in an integer."""
        integers = {name: self._fresh() for name in loop.sums}
        comparisons = {each.name: each for each in loop.exits}
        negations = self._loops.negations
        result = {}
        for label in loop.blocks:
            phis: list[str] = []
            rest: list[str] = []
            for line in self._blocks[label]:
                name = m[1] if (m := DEFINED.match(line)) else ""
                phi = PHI.match(line) if label == loop.header else None
                arriving = {block: value for value, block in ARRIVAL.findall(phi[2])} if phi else {}
                if name == loop.variable:
                    arrivals = f"[ {guard.start}, {loop.preheader} ], [ {integers[loop.after]}, {loop.latch} ]"
                    phis.append(f"  {integers[name]} = phi i64 {arrivals}")
                    rest[:0] = self._as_double(name, integers[name])
                elif phi and negations.get(arriving[loop.latch]) == name:
                    phis.append(self._iterations(loop, rest, name, arriving[loop.preheader]))
                elif name in loop.sums:
                    before, constant = self._loops.additions[name]
                    rest.append(f"  {integers[name]} = add nsw i64 {integers[before]}, {constant}")
                    rest += self._as_double(name, integers[name])
                elif name in comparisons:
                    each = comparisons[name]
                    rest.append(f"  {name} = {guard.comparison(each, integers[each.value])}")
                else:
                    (phis if " = phi " in line else rest).append(line)
            result[label] = phis + rest
        return result

    def _as_double(self, name: str, integer: str) -> list[str]:
        shifted, large = self._fresh(), self._fresh()
        return [
            f"  {shifted} = add nsw i64 {integer}, {bits(_ORIGIN)}",
            f"  {large} = bitcast i64 {shifted} to double",
            f"  {name} = fsub double {large}, {constant(_ORIGIN)}",
        ]

    def _iterations(self, loop: Loop, rest: list[str], name: str, start: str) -> str:
        """Compute `name`, whose sign changes in each iteration, in `rest`. Returns the phi for that."""
        number, after, sign, old, changed = (self._fresh() for _ in range(5))
        rest[:0] = [
            f"  {after} = add nuw nsw i64 {number}, 1",
            f"  {sign} = shl i64 {number}, 63",
            f"  {old} = bitcast double {start} to i64",
            f"  {changed} = xor i64 {old}, {sign}",
            f"  {name} = bitcast i64 {changed} to double",
        ]
        return f"  {number} = phi i64 [ 0, {loop.preheader} ], [ {after}, {loop.latch} ]"

    def _copied_names(self, blocks: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """The names of a copy's blocks, and of what it defines."""
        defined = [m[1] for lines in blocks.values() for line in lines if (m := DEFINED.match(line))]
        prefix = _copy_prefix(self._tag)
        return {name: _copied(name, prefix) for name in (*blocks, *defined)}

    def _add_arrivals(self, loop: Loop, names: Mapping[str, str]) -> None:
        """Make the phis behind a loop's exits those of its copy, too."""
        exits = {each for block in loop.blocks for each in self._loops.successors[block]} - loop.blocks
        for block in exits:
            for index, line in enumerate(self._blocks[block]):
                new = [
                    f"[ {_renamed(value, names)}, {names[label]} ]"
                    for value, label in ARRIVAL.findall(line)
                    if " = phi " in line and label in loop.blocks
                ]
                self._blocks[block][index] = ", ".join([line, *new])

    def _key(self, label: str) -> str:
        return label if label in self._blocks else ""

    def _fresh(self) -> str:
        return f"%{self._tag}.{next(self._numbers)}"


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return NAMES.sub(lambda match: names.get(match[0], match[0]), text)
