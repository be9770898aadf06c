"""Places in the source that LLVM's passes have taken from instructions, found again by the names of values.

A debugger should not step back into a loop at an instruction that was moved out of it, so LLVM takes its location away.
A reader of the code wants to know where it comes from. LLVM keeps the name of a value, and adds to its end: so the name
begins with the number of its unit and the line of that unit's IR.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from kaleido.jit.debug_info import DebugInfo
from kaleido.jit.unit import Unit

__all__ = ["ShownNames", "with_lost_places", "with_origins"]

_VALUE = re.compile(r'"[^"]*"|%[-a-zA-Z$._0-9]*[-a-zA-Z$._][-a-zA-Z$._0-9]*')
_RESULT = re.compile(r"  (%[-a-zA-Z$._0-9]*[-a-zA-Z$._][-a-zA-Z$._0-9]*) = ")
_ORIGIN = re.compile(r"\borigin\.\d+\.\d+\.")
# A value; or a jump, which comes from where its condition does.
_LOST = re.compile(r"  (?:br i1 )?%origin\.(\d+)\.(\d+)\.[^ ]*(?: =|,) ")
_ATTACHED = re.compile(r", !dbg !(\d+)")
_LINE_ZERO = re.compile(r"!(\d+) = !DILocation\(line: 0, ")
_SUBPROGRAM = re.compile(r"define .* !dbg !(\d+) \{$")
_NODE = re.compile(r"!(\d+) = ")


def with_origins(unit: Unit, number: int, debug: Callable[[], DebugInfo] | None) -> Unit:
    """A unit whose values have names that tell their origin. `number` is that of the unit."""
    if debug is None:
        return unit
    lines = unit.ir.split("\n")
    found = ((index, _RESULT.match(lines[index])) for index, place in enumerate(debug().places) if place is not None)
    names = {value[1]: f"%origin.{number}.{index}.{value[1][1:]}" for index, value in found if value is not None}
    return replace(unit, ir=_VALUE.sub(lambda value: names.get(value[0], value[0]), unit.ir))


def with_lost_places(lines: Sequence[str], units: Sequence[Unit]) -> list[str]:
    """The lines of a module in which each value that tells its origin has a location. `units` are those by number."""
    places = [unit.debug().places if unit.debug is not None else () for unit in units]
    nodes: list[str] = []
    nowhere = {node[1] for line in lines if (node := _LINE_ZERO.match(line)) is not None}
    first = 1 + max((int(node[1]) for line in lines if (node := _NODE.match(line)) is not None), default=-1)
    kept, subprogram = [], None
    for line in lines:
        if line.startswith("define "):
            found = _SUBPROGRAM.match(line)
            subprogram = found[1] if found is not None else None
        attached = _ATTACHED.search(line)
        lost = _LOST.match(line) if attached is None or attached[1] in nowhere else None
        if lost is not None and subprogram is not None and (place := places[int(lost[1])][int(lost[2])]) is not None:
            line = _ATTACHED.sub("", line) + f", !dbg !{first + len(nodes)}"
            nodes += _location(first + len(nodes), lost[1], place, subprogram)
        kept.append(line)
    return [*kept, *nodes, ""]


def _location(first: int, file: str, place: tuple[int, int, int], subprogram: str) -> Iterator[str]:
    """The nodes of a location that is in another file than the function around it."""
    line, column, _ = place
    yield f"!{first} = !DILocation(line: {line}, column: {column}, scope: !{first + 1})"
    yield f"!{first + 1} = !DILexicalBlockFile(scope: !{subprogram}, file: !{first + 2}, discriminator: 0)"
    yield f'!{first + 2} = !DIFile(filename: "{file}", directory: "")'


class ShownNames:
    """The names of values in one function, without their origins, and different from each other."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._taken: set[str] = set()

    def shown(self, line: str) -> str:
        return _VALUE.sub(lambda value: self._name(value[0]), line) if "origin." in line else line

    def _name(self, name: str) -> str:
        if "origin." not in name or name[0] == '"':
            return name
        if name not in self._shown:
            plain = short = _ORIGIN.sub("", name)
            number = 1
            while short in self._taken:
                number += 1
                short = f"{plain}.{number}"
            self._taken.add(short)
            self._shown[name] = short
        return self._shown[name]
