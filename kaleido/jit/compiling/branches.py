"""Branches in place of selects, where a loop waits for a comparison.

LLVM makes an `if` whose ways are a few instructions a ``select``: both ways are computed, and then one is chosen. Where
the comparison depends on what was chosen in the iteration before, each iteration waits for the slower way, for the
comparison, and for the choice. A branch that the processor predicts waits only for the way that it takes. LLVM's option
for that (``two-entry-phi-node-folding-threshold``) holds for the whole process, which a library does not change for
others. So the branches are put back in the text of the optimized module, after LLVM has vectorized what it can.

A select becomes a branch if both hold:

- Its type is floating, and its condition depends on it: both are in the recurrence of a loop. Where the condition does
  not depend on it, the recurrence is one instruction longer, and that costs less than a wrong prediction. Other selects
  with the condition of one that becomes a branch follow it.
- It is not the smaller or the larger of the values that are compared: that is one instruction.

What only one way needs is moved there. The program does not tell how well a processor can predict: a predictable branch
halves the time of a loop, and a random one doubles it (see ``tests/benchmarks/LIMITS.md``). gcc
compiles such loops to branches, too.

A debugger sees a variable whose value is computed on one way only as optimized out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from kaleido.jit.compiling.ir_text import Function, functions, unused_tag
from kaleido.jit.compiling.loops import DEFINED, NAMES

__all__ = ["future_branches", "with_branches"]

_NAME = r'%[-a-zA-Z$._0-9]+|%"[^"]*"'
_VALUE = rf"{_NAME}|[^\s,]+"
_LABEL = re.compile(r'^([-a-zA-Z$._0-9]+|"[^"]*"):')
_SELECT = re.compile(
    rf"  (?:{_NAME}) = select i1 (?P<condition>{_NAME}), (?P<type>double|float) "
    rf"(?P<true>{_VALUE}), (?P=type) (?P<false>{_VALUE})"
)
_COMPARISON = re.compile(rf"  (?:{_NAME}) = fcmp (?:[a-z ]+ )?[ou][lg][te] (?:double|float) ({_VALUE}), ({_VALUE})")
_ARRIVAL = re.compile(rf"(\[ .+?, )({_NAME})( \])")

# What has no effect, and can be computed on one way only.
_MOVABLE = re.compile(
    rf"  (?:{_NAME}) = (?:(?:fadd|fsub|fmul|fdiv|fneg) |(?:tail )?call (?:double|float) @llvm\.(?!experimental))"
)
_WAYS = ("true", "false")
_RECORD = "    #dbg_"
_MOVED = "; moved"
_PLACE = re.compile(r", !dbg !\d+")

# Recurrences are looked for in functions of at most so many instructions.
_MOST = 4_000


def with_branches(module: str) -> str:
    """The text of an optimized module with its selects in recurrences as branches."""
    if " = select i1 " not in module or " = phi " not in module:
        return module
    tag = unused_tag("branch", module)
    for function in functions(module).values():
        if " = select i1 " in function.text and " = phi " in function.text:
            module = module.replace(function.text, _Selects(function, tag).as_branches())
    return module


def future_branches(function: Function) -> Collection[str]:
    """The selects of a function that become branches."""
    if " = select i1 " not in function.text or " = phi " not in function.text:
        return ()
    return _Selects(function, "").chosen()


@dataclass
class _Choice:
    """Selects of one condition in one block, which become the phis behind one branch."""

    name: str
    condition: str
    selects: dict[str, re.Match[str]] = field(default_factory=dict)

    def label(self, part: str) -> str:
        return f"%{self.name}.{part}"


class _Selects:
    """The selects of a function, which is changed in its text. `tag` is in no name of the module."""

    def __init__(self, function: Function, tag: str) -> None:
        self._function, self._tag, self._numbers = function, tag, count()
        lines = [line for line in function.body.split("\n") if line.startswith("  ") and not line.startswith(_RECORD)]
        self._defined = {m[1]: line for line in lines if (m := DEFINED.match(line))}
        self._operands = {name: NAMES.findall(line)[1:] for name, line in self._defined.items()}
        # An instruction without a value has no name.
        self._users: dict[str, list[str]] = {}
        for line in lines:
            names = NAMES.findall(line)
            user = names.pop(0) if DEFINED.match(line) else ""
            for used in names:
                self._users.setdefault(used, []).append(user)
        self._gone: set[str] = set()
        self._new_names: dict[str, str] = {}

    def as_branches(self) -> str:
        """The function's text."""
        chosen = self.chosen()
        if not chosen:
            return self._function.text
        first, _, body = self._function.text.partition("\n")
        blocks = [(lines, list(self._choices(lines, chosen))) for lines in _blocks(body)]
        ends = {f"%{lines[0].partition(':')[0]}": choices[-1].label("end") for lines, choices in blocks if choices}
        text = [first]
        for lines, choices in blocks:
            lines = [_arriving(line, ends) for line in lines]
            text += self._with_branches(lines, choices) if choices else lines
        text = [_without(line, self._gone) for line in text]
        return NAMES.sub(lambda match: self._new_names.get(match[0], match[0]), "\n".join(text))

    def chosen(self) -> dict[str, re.Match[str]]:
        """The selects that become branches, by name."""
        if len(self._defined) > _MOST:
            return {}
        selects = {name: m for name, line in self._defined.items() if (m := _SELECT.match(line))}
        selects = {name: select for name, select in selects.items() if not self._is_extreme(select)}
        conditions: set[str] = set()
        left = self._near_cycles()
        while waiting := left.intersection(selects):
            name = waiting.pop()
            recurrence = self._reached(name, self._operands, left) & self._reached(name, self._users, left)
            left -= recurrence | {name}
            own = {selects[each]["condition"] for each in recurrence.intersection(selects)}
            conditions |= own & recurrence
        return {name: select for name, select in selects.items() if select["condition"] in conditions}

    def _near_cycles(self) -> set[str]:
        """The values that are in a cycle of dependences, or between two."""
        left = set(self._defined)
        for before, after in ((self._operands, self._users), (self._users, self._operands)):
            waiting = list(left)
            while waiting:
                name = waiting.pop()
                if name in left and left.isdisjoint(before.get(name, ())):
                    left.discard(name)
                    waiting += after.get(name, ())
        return left

    def _reached(self, name: str, edges: Mapping[str, Sequence[str]], among: set[str]) -> set[str]:
        """The values that one leads to."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            new = {each for each in edges.get(waiting.pop(), ()) if each in among and each not in seen}
            seen |= new
            waiting += new
        return seen

    def _is_extreme(self, select: re.Match[str]) -> bool:
        """Whether it is the smaller or the larger of two values."""
        compared = _COMPARISON.match(self._defined.get(select["condition"], ""))
        return compared is not None and {compared[1], compared[2]} == {select["true"], select["false"]}

    def _choices(self, lines: Sequence[str], chosen: Mapping[str, re.Match[str]]) -> Iterator[_Choice]:
        """The choices in a block: successive selects of one condition are one, if their operands are there before."""
        choice: _Choice | None = None
        since: set[str] = set()
        for line in lines:
            name = _defined(line)
            if select := chosen.get(name):
                ready = since.isdisjoint((select["true"], select["false"]))
                if choice is None or choice.condition != select["condition"] or not ready:
                    if choice is not None:
                        yield choice
                    choice, since = _Choice(f"{self._tag}.{next(self._numbers)}", select["condition"]), set()
                choice.selects[name] = select
            since.add(name)
        if choice is not None:
            yield choice

    def _with_branches(self, lines: Sequence[str], choices: Sequence[_Choice]) -> list[str]:
        """The lines of a block, with branches in place of the selects of its choices."""
        choice_of = {name: choice for choice in choices for name in choice.selects}
        here = f"%{lines[0].partition(':')[0]}"
        result: list[str] = []
        places: dict[str, int] = {}
        for line in lines:
            name = _defined(line)
            choice = choice_of.get(name)
            if choice is None:
                places[name] = len(result)
                result.append(line)
            elif name == next(iter(choice.selects)):
                result += list(self._branch(result, places, choice, here, line))
                here = choice.label("end")
        return [line for line in result if line != _MOVED]

    def _branch(
        self, result: list[str], places: Mapping[str, int], choice: _Choice, here: str, select: str
    ) -> Iterator[str]:
        """The lines of a branch behind the lines `result` of a block; what moves into its ways is taken from these."""
        place = m[0] if (m := _PLACE.search(select)) else ""
        end, condition = choice.label("end"), choice.label("condition")
        moved = {way: sorted(places[name] for name in self._moved(places, choice, way)) for way in _WAYS}
        # A way without instructions needs a block of its own only if the other has none, either.
        blocks = [way for way in _WAYS if moved[way]] or ["false"]
        labels = {way: choice.label(way) if way in blocks else end for way in _WAYS}
        yield f"  {condition} = freeze i1 {choice.condition}{place}"
        yield f"  br i1 {condition}, label {labels['true']}, label {labels['false']}{place}"
        for way in blocks:
            yield from ("", f"{labels[way][1:]}:", *(result[index] for index in moved[way]), f"  br label {end}{place}")
        yield from ("", f"{end[1:]}:")
        for name, each in choice.selects.items():
            arrivals = ", ".join(f"[ {each[way]}, {labels[way] if way in blocks else here} ]" for way in _WAYS)
            yield f"  {name} = phi {each['type']} {arrivals}{place}"
        gone = {_defined(result[index]) for way in _WAYS for index in moved[way]}
        for way in _WAYS:
            for index in moved[way]:
                result[index] = _MOVED
        self._gone |= gone
        # Values without a name are numbered in the order of the text.
        numbered = (name for name in gone | choice.selects.keys() if name[1:].isdigit())
        self._new_names |= {name: f"%{self._tag}.value.{name[1:]}" for name in numbered}

    def _moved(self, before: Collection[str], choice: _Choice, way: str) -> set[str]:
        """What is computed before a branch, in its block, and needed on one way of it only."""
        other = {select[each] for select in choice.selects.values() for each in _WAYS if each != way}
        moved: set[str] = set()
        waiting = [select[way] for select in choice.selects.values()]
        while waiting:
            name = waiting.pop()
            if name in moved or name in other or name not in before or not _MOVABLE.match(self._defined[name]):
                continue
            if all(user in moved or user in choice.selects for user in self._users[name]):
                moved.add(name)
                waiting += self._operands[name]
        return moved


def _defined(line: str) -> str:
    """The name of the value of an instruction; empty if there is none."""
    return m[1] if (m := DEFINED.match(line)) else ""


def _blocks(body: str) -> Iterator[list[str]]:
    """The lines of each block, its label included."""
    block: list[str] = []
    for line in body.split("\n"):
        if block and _LABEL.match(line):
            yield block
            block = []
        block.append(line)
    yield block


def _arriving(line: str, ends: Mapping[str, str]) -> str:
    """A line, where blocks end in other blocks."""
    if " = phi " not in line:
        return line
    return _ARRIVAL.sub(lambda m: f"{m[1]}{ends.get(m[2], m[2])}{m[3]}", line)


def _without(line: str, names: Collection[str]) -> str:
    """A line; if it is a record for debuggers, without the values of these names."""
    if not line.startswith(_RECORD):
        return line
    return NAMES.sub(lambda match: "poison" if match[0] in names else match[0], line)
