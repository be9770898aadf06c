"""IR and assembly of units, with the place in the source that each line comes from.

The module is compiled with line tables, in which the file of each unit is its number. LLVM keeps that for instructions
that it inlines: so the file of a location tells the unit, in ``.loc`` directives, too, which do not name a function.
LLVM gives an instruction no location where it comes from several places. It also takes the location from what it moves
out of a loop; ``lost_places`` finds that again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from kaleido.jit.compiling.debug_metadata import with_lines
from kaleido.jit.compiling.ir_lines import unescaped
from kaleido.jit.compiling.llvm import parse_alone
from kaleido.jit.compiling.lost_places import ShownNames, with_lost_places, with_origins
from kaleido.jit.compiling.recursion import original_name
from kaleido.jit.events import CodeLine, CodeLines, CodePlace
from kaleido.jit.unit import Tier, Unit

if TYPE_CHECKING:
    from kaleido.jit.compiling.compiler import Compiler

__all__ = ["code_lines"]

_ATTACHED = re.compile(r"!dbg !(\d+)")
_NODE = re.compile(r"!(\d+) = (?:distinct )?!DI(Location|Subprogram|LexicalBlock|LexicalBlockFile|File)\((.*)\)$")
_FIELD = re.compile(r'(\w+): (!\d+|"[^"]*"|\d+)')
_DEFINITION = re.compile(r'define [^@]*@("[^"]*"|[-\w$.]+)\(')

_FILE = re.compile(r'\s+\.file\s+(\d+)\s+(?:"[^"]*"\s+)?"(\d+)"')
_LOC = re.compile(r"\s+\.loc\s+(\d+)\s+(\d+)\s+(\d+)")
_LABEL = re.compile(r'("(?:[^"\\]|\\.)*"|[-\w$.@]+):')
_ESCAPED = re.compile(r"\\(.)")
_INSTRUCTION = re.compile(r"\s+[a-zA-Z{]")


def code_lines(compiler: Compiler, units: Sequence[Unit], tier: Tier) -> CodeLines:
    """The code of an inline group, whose root is the first of `units`. Raises ValueError where LLVM rejects it."""
    described = [with_origins(with_lines(unit, number), number, unit.debug) for number, unit in enumerate(units)]
    bodies = {unit.body: number for number, unit in enumerate(units)}
    with compiler.module(described, tier) as module:
        lines = with_lost_places(str(module).split("\n"), units)
    with parse_alone("\n".join(lines)) as module:
        assembly = compiler.assembly_of(module, tier)
    return CodeLines(list(_ir_lines(lines, bodies)), list(_assembly_lines(assembly.split("\n"), bodies)))


def _ir_lines(lines: Sequence[str], bodies: Mapping[str, int]) -> Iterator[CodeLine]:
    places = _places(lines, len(bodies))
    function, names = None, ShownNames()
    for line in lines:
        defined = _DEFINITION.match(line)
        if defined is not None:
            function, names = _unit(unescaped(defined[1].strip('"')), bodies), ShownNames()
        attached = _ATTACHED.search(line) if line.startswith("  ") else None
        place = places.get(attached[1]) if attached is not None else None
        yield CodeLine(names.shown(line), place, function)
        if line == "}":
            function = None


def _places(lines: Sequence[str], units: int) -> dict[str, CodePlace]:
    """The locations in a module by the numbers of their nodes."""
    nodes = {found[1]: found for line in lines if line[:1] == "!" and (found := _NODE.match(line)) is not None}
    fields = {number: {each[1]: each[2] for each in _FIELD.finditer(found[3])} for number, found in nodes.items()}
    places = {}
    for number, found in nodes.items():
        if found[2] == "Location" and (line := int(fields[number].get("line", 0))):
            file = fields[fields[fields[number]["scope"][1:]]["file"][1:]]["filename"].strip('"')
            if file.isdecimal() and int(file) < units:
                places[number] = CodePlace(int(file), line, int(fields[number].get("column", 0)))
    return places


def _assembly_lines(lines: Sequence[str], bodies: Mapping[str, int]) -> Iterator[CodeLine]:
    files: dict[str, int] = {}
    place, function = None, None
    for line in lines:
        if (directive := _FILE.match(line)) is not None:
            files[directive[1]] = int(directive[2])
        elif (directive := _LOC.match(line)) is not None:
            unit, number = files.get(directive[1]), int(directive[2])
            place = CodePlace(unit, number, int(directive[3])) if unit is not None and number else None
        elif (label := _LABEL.match(line)) is not None and not label[1].startswith("."):
            place, function = None, _unit(_ESCAPED.sub(r"\1", label[1].strip('"')), bodies)
        yield CodeLine(line, place if _INSTRUCTION.match(line) else None, function)


def _unit(name: str, bodies: Mapping[str, int]) -> int | None:
    """The number of the unit whose body, or a copy of it, has a name in IR or assembly."""
    return bodies.get(original_name(name))
