"""Loops of a function in the text of a module that may count in integers: see ``counted_loops``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kaleido.jit.compiling.ir_text import Function
from kaleido.jit.compiling.loop_guard import integer

__all__ = ["ARRIVAL", "DEFINED", "NAMES", "PHI", "Exit", "Loop", "Loops"]

# Of blocks, and of instructions in a loop that is converted; and of the sum of what an iteration adds.
_MAX_BLOCKS = 32
_MAX_SIZE = 200
_LARGEST_STEP = 2**20

_NAME = r'%[-a-zA-Z$._0-9]+|%"[^"]*"'
NAMES = re.compile(rf'@"[^"]*"|{_NAME}|"[^"]*"')
DEFINED = re.compile(rf"  ({_NAME}) = ")
ARRIVAL = re.compile(rf"\[ (.+?), ({_NAME}) \]")
PHI = re.compile(rf"  ({_NAME}) = phi double (\[.*\])$")
_ADDITION = re.compile(rf"  ({_NAME}) = fadd double ({_NAME}), (\S+)$")
_NEGATION = re.compile(rf"  ({_NAME}) = fneg double ({_NAME})$")
_COMPARISON = re.compile(rf"  ({_NAME}) = fcmp [ou](lt|le|gt|ge|eq|ne) double (\S+), (\S+)$")
_CHOICE = re.compile(
    rf"  ({_NAME}) = (?:select i1 ({_NAME}), i1 ({_NAME}), i1 (false)|select i1 ({_NAME}), i1 (true), i1 ({_NAME}))$"
)
_BRANCH = re.compile(rf"  br i1 ({_NAME}), label ({_NAME}), label ({_NAME})")
_TARGET = re.compile(rf"label ({_NAME})")
_CALL = re.compile(r" (?:call|invoke) (?!.*@llvm\.)")

# What vectors are for: a processor begins an addition in each cycle, and a division in every fifth.
_SLOW = re.compile(r" = fdiv double |@llvm\.sqrt\.")

# Predicates of fcmp by their last two letters: the same one with its operands exchanged, and its opposite.
_EXCHANGED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}


@dataclass(frozen=True)
class Exit:
    """A comparison of the variable, plus `offset`, with `limit`, which leaves the loop unless it is `predicate`.

    `value` is the sum's name, `name` the comparison's; `inverted` says that the comparison is the opposite.
    """

    name: str
    value: str
    predicate: str
    limit: str
    offset: int
    inverted: bool
    always: bool

    def bounds(self, step: int) -> bool:
        """Whether it ends the loop, whatever the values are."""
        return self.always and self.predicate in (("lt", "le") if step > 0 else ("gt", "ge"))

    @property
    def is_equality(self) -> bool:
        """Whether it ends the loop where the limit is ahead."""
        return self.always and self.predicate == "ne"


@dataclass
class Loop:
    """A loop with one latch: the labels of its blocks, its variable, and the variable's steps.

    `sums` maps the names of the variable and of its sums with constants to these constants.
    """

    header: str
    preheader: str
    latch: str
    blocks: frozenset[str]
    variable: str
    start: str
    after: str
    sums: dict[str, int] = field(default_factory=dict)
    exits: list[Exit] = field(default_factory=list)

    @property
    def step(self) -> int:
        return self.sums[self.after]


class Loops:
    """The loops of a function. `blocks` is its text by labels.

    `unrolled` are the jumps that close loops which LLVM is expected to unroll: others may be around them.
    """

    def __init__(self, function: Function) -> None:
        self.blocks = function.blocks()
        lines = [line for each in self.blocks.values() for line in each]
        self.additions = {m[1]: (m[2], integer(m[3], _LARGEST_STEP)) for line in lines if (m := _ADDITION.match(line))}
        self._comparisons = {m[1]: (m[2], m[3], m[4]) for line in lines if (m := _COMPARISON.match(line))}
        self.negations = {m[1]: m[2] for line in lines if (m := _NEGATION.match(line))}
        self._choices = {m[1]: _choice(m) for line in lines if (m := _CHOICE.match(line))}
        self.successors = {label: _TARGET.findall("\n".join(each)) for label, each in self.blocks.items()}
        self._predecessors: dict[str, list[str]] = {}
        self._users: dict[str, set[str]] = {}
        for label, each in self.blocks.items():
            for target in self.successors[label]:
                self._predecessors.setdefault(target, []).append(label)
            for name in NAMES.findall("\n".join(each)):
                self._users.setdefault(name, set()).add(label)
        self.unrolled: set[tuple[str, str]] = set()

    def candidates(self) -> Iterator[Loop]:
        for label, lines in self.blocks.items():
            for line in lines:
                phi = PHI.match(line)
                if phi is None or len(arrivals := ARRIVAL.findall(phi[2])) != 2:
                    continue
                for (start, preheader), (after, latch) in (arrivals, arrivals[::-1]):
                    if after in self.additions and (blocks := self._body(label, latch, preheader)):
                        yield Loop(label, preheader, latch, blocks, phi[1], start, after)

    def _body(self, header: str, latch: str, preheader: str) -> frozenset[str]:
        """The blocks of the loop that a jump from `latch` to `header` closes; empty if it is not one to convert."""
        blocks, waiting = {header}, [latch]
        while waiting:
            block = waiting.pop()
            if block not in blocks:
                blocks.add(block)
                before = self._predecessors.get(block, [])
                if not before or len(blocks) > _MAX_BLOCKS:
                    return frozenset()
                waiting += before
        return frozenset() if preheader in blocks else frozenset(blocks)

    def analyze(self, loop: Loop) -> bool:
        """Find the sums and exits of a loop. Returns False where it cannot be converted."""
        lines = [line for block in loop.blocks for line in self.blocks[block]]
        self._find_sums(loop, lines)
        defined = {m[1] for line in lines if (m := DEFINED.match(line))}
        loop.exits = list(self._exits(loop, defined))
        return (
            len(lines) <= _MAX_SIZE
            and loop.after in loop.sums
            and loop.step != 0
            and max(map(abs, loop.sums.values())) <= _LARGEST_STEP
            and any(each.bounds(loop.step) or each.is_equality for each in loop.exits)
            and not any(_CALL.search(line) for line in lines)
            and (any(_SLOW.search(line) for line in lines) or self._counts_only(loop))
            and not self._has_cycle(loop)
            and self._is_closed(loop, defined)
            and len(self._predecessors[loop.header]) == 2
        )

    def _counts_only(self, loop: Loop) -> bool:
        """Whether no other value goes from one iteration to the next."""
        return sum(" = phi " in line for line in self.blocks[loop.header]) == 1

    def _find_sums(self, loop: Loop, lines: Sequence[str]) -> None:
        loop.sums[loop.variable] = 0
        waiting = [m[1] for line in lines if (m := _ADDITION.match(line))]
        for name in waiting:
            chain = []
            while name in self.additions and name not in loop.sums and self.additions[name][1] is not None:
                chain.append(name)
                name = self.additions[name][0]
            if name in loop.sums:
                for each in reversed(chain):
                    before, constant = self.additions[each]
                    loop.sums[each] = loop.sums[before] + (constant or 0)

    def _exits(self, loop: Loop, defined: set[str]) -> Iterator[Exit]:
        for block in sorted(loop.blocks):
            branch = _BRANCH.match(self.blocks[block][-1])
            stays = [branch[way] in loop.blocks for way in (2, 3)] if branch else [False, False]
            if branch is None or stays[0] == stays[1]:
                continue
            always = block in (loop.header, loop.latch) or not self._reaches(loop, without=block)
            for name in self._conditions(branch[1], "false" if stays[0] else "true"):
                predicate, left, right = self._comparisons[name]
                if right in loop.sums:
                    left, right, predicate = right, left, _EXCHANGED[predicate]
                if name in defined and left in loop.sums and right not in defined:
                    kept = predicate if stays[0] else OPPOSITE[predicate]
                    yield Exit(name, left, kept, right, loop.sums[left], not stays[0], always)

    def _conditions(self, name: str, leaving: str) -> list[str]:
        """The comparisons each of which makes an i1 `leaving`."""
        found, waiting = [], [name]
        while waiting:
            name = waiting.pop()
            if name in self._comparisons:
                found.append(name)
            elif (parts := self._choices.get(name)) and parts[1] == leaving:
                waiting += parts[0]
        return found

    def _reaches(self, loop: Loop, without: str) -> bool:
        """Whether an iteration can come to its end without a block."""
        seen, waiting = {without}, [loop.header]
        while waiting:
            block = waiting.pop()
            if block not in seen:
                seen.add(block)
                waiting += [each for each in self.successors[block] if each in loop.blocks and each != loop.header]
        return loop.latch in seen

    def _has_cycle(self, loop: Loop) -> bool:
        """Whether it contains a loop that LLVM does not unroll."""
        jumps_back = {(loop.latch, loop.header), *self.unrolled}
        left = {
            block: {each for each in self.successors[block] if each in loop.blocks and (block, each) not in jumps_back}
            for block in loop.blocks
        }
        while ends := [block for block, after in left.items() if not after]:
            for block in ends:
                del left[block]
            for after in left.values():
                after.difference_update(ends)
        return bool(left)

    def _is_closed(self, loop: Loop, defined: set[str]) -> bool:
        """Whether values of a loop are used outside only by phis behind its exits."""
        outside = {user for name in defined for user in self._users.get(name, ()) if user not in loop.blocks}
        for block in outside:
            for line in self.blocks[block]:
                used = [name for name in NAMES.findall(line) if name in defined]
                arriving = [value for value, label in ARRIVAL.findall(line) if label in loop.blocks]
                if used and (" = phi " not in line or not set(used) <= set(arriving)):
                    return False
        return True


def _choice(match: re.Match[str]) -> tuple[list[str], str]:
    """The operands of a logical `and` or `or`, and the value of one of them that is the result's, too."""
    return ([match[2], match[3]], match[4]) if match[4] else ([match[5], match[7]], match[6])
