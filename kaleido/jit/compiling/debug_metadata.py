"""Debug information as LLVM's metadata, in the text of a unit's IR.

Each unit is a compile unit of its own, so that units can be linked in any order; an object file for a linker has one,
because GDB finds a function that is inlined everywhere only in the compile unit that it is inlined in. A function has
the unit's name, and no linkage name: debuggers would show that instead.

Code is the same with and without it: LLVM's passes do not look at it, and ``recursion`` copies it together with a
function.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, pairwise
from operator import itemgetter
from pathlib import Path

import llvmlite.binding as llvm

from kaleido.jit.compiling.llvm import parse_alone
from kaleido.jit.debug_info import DebugInfo, DebugVariable
from kaleido.jit.unit import Tier, Unit

__all__ = ["with_entry_place", "with_lines", "with_one_compile_unit", "with_variables"]

# What linkers make of object files with version 5 is not valid: they let one name end where another one does, to
# which its table of names does not apply.
_VERSION, _LINKED_VERSION = 5, 4

# LLVM keeps a column in 16 bits.
_MAX_COLUMN = 0xFFFF

# GDB looks for the end of a prologue in line tables only where the name begins so. rustc has the same beginning.
_PRODUCER = "clang LLVM (kaleido)"

# The name for people, the size in bits, and the encoding.
_TYPES = {
    "double": ("double", 64, "float"),
    "float": ("float", 32, "float"),
    "ptr": ("ptr", 64, "address"),
    "i1": ("i1", 8, "boolean"),
    **{f"i{bits}": (f"i{bits}", bits, "signed") for bits in (8, 16, 32, 64)},
}


def with_lines(unit: Unit, number: int) -> Unit:
    """A unit with line tables in its IR, in which the name of its source is a number.

    A unit without debug information stays as it is.
    """
    if unit.debug is None:
        return unit
    return replace(unit, ir=_Metadata(unit, unit.debug(), str(number), full=False).ir(), debug=None)


def with_variables(unit: Unit, tier: Tier, *, linked: bool = False, folder: str = "") -> Unit:
    """A unit with all its debug information in its IR, to be compiled at a tier. Without any, it stays as it is.

    `linked` says whether the object file is for a linker. `folder` is where a source that is no file is written.
    """
    if unit.debug is None:
        return unit
    info = unit.debug()
    if not _written(info, folder):
        folder = ""
    version, is_baseline = _LINKED_VERSION if linked else _VERSION, tier is Tier.BASELINE
    metadata = _Metadata(unit, info, info.source, full=True, is_baseline=is_baseline, version=version, folder=folder)
    return replace(unit, ir=metadata.ir(), debug=None)


def _written(info: DebugInfo, folder: str) -> bool:
    """Whether a source is a file in the folder now: it is none elsewhere, and could be written."""
    if not folder or not _NO_FILE.fullmatch(info.source):
        return False
    path = Path(folder, info.source)
    try:
        if not path.exists() or path.read_text("utf-8", "surrogateescape") != info.text:
            path.write_text(info.text, "utf-8", "surrogateescape")
    except OSError:
        return False
    return True


_NO_FILE = re.compile(r"<[^/<>\0]+>")


def with_entry_place(entry: str, unit: Unit) -> str:
    """The text of a function that only calls a unit, as one that is where the unit begins.

    Without, all that is inlined in it would lose its places.
    """
    if unit.debug is None:
        return entry
    info = unit.debug()
    places = [(info.line, 0, 0) if line.startswith("  ") else None for line in entry.split("\n")]
    described = replace(unit, ir=entry, debug=lambda: info._replace(places=places, variables=()))
    return with_variables(described, Tier.OPTIMIZED, linked=True).ir


def with_one_compile_unit(module: llvm.ModuleRef) -> llvm.ModuleRef:
    """A linked module with all its functions in the first of its compile units, in the place of the given one.

    Their files stay what they are.
    """
    with module:
        text = str(module)
    if (units := _COMPILE_UNITS.search(text)) is not None:
        text = text.replace(units[0], f"!llvm.dbg.cu = !{{{units[1]}}}")
        text = _UNIT.sub(f"unit: {units[1]}", text)
    return parse_alone(text)


_COMPILE_UNITS = re.compile(r"^!llvm\.dbg\.cu = !\{(!\d+).*\}$", re.MULTILINE)
_UNIT = re.compile(r"(?<= )unit: !\d+")


class _Metadata:
    """The metadata of one unit, as text; nodes are numbered in the order in which they are first used."""

    def __init__(
        self,
        unit: Unit,
        info: DebugInfo,
        file: str,
        *,
        full: bool,
        is_baseline: bool = False,
        version: int = _VERSION,
        folder: str = "",
    ) -> None:
        self._version = version
        self._unit, self._info, self._full, self._is_baseline = unit, info, full, is_baseline
        self._numbers = count()
        self._nodes: dict[str, int] = {}
        self._file = self._node(f'!DIFile(filename: "{_escaped(file)}", directory: "{_escaped(folder)}")')
        kind = "FullDebug" if full else "LineTablesOnly"
        # Without tables of names: debuggers read them only for what they have not loaded yet.
        compile_unit = self._node(
            f'distinct !DICompileUnit(language: DW_LANG_C99, file: !{self._file}, producer: "{_PRODUCER}", '
            f"emissionKind: {kind}, nameTableKind: None)"
        )
        self._named = f"!llvm.dbg.cu = !{{!{compile_unit}}}"
        self._scopes = [self._subprogram(compile_unit), *[-1] * (len(info.scopes) - 1)]

    def ir(self) -> str:
        lines = self._unit.ir.split("\n")
        records = sorted(self._records(lines), key=itemgetter(0)) if self._full else []
        for index, place in enumerate(self._info.places):
            if place is not None:
                lines[index] += f", !dbg !{self._location(*place)}"
        head = next(index for index, line in enumerate(lines) if line.startswith("define "))
        lines[head] = lines[head].removesuffix("{") + f"!dbg !{self._scopes[0]} {{"
        for index, record in reversed(records):
            lines.insert(index, record)
        version = f'!{{i32 7, !"Dwarf Version", i32 {self._version}}}'
        flags = self._node('!{i32 2, !"Debug Info Version", i32 3}'), self._node(version)
        named = [self._named, f"!llvm.module.flags = !{{!{flags[0]}, !{flags[1]}}}"]
        return "\n".join([*lines, *named, *(f"!{number} = {node}" for node, number in self._nodes.items()), ""])

    def _node(self, text: str) -> int:
        number = self._nodes.get(text)
        if number is None:
            self._nodes[text] = number = next(self._numbers)
        return number

    def _subprogram(self, compile_unit: int) -> int:
        types = ""
        if self._full:
            parameters = sorted((each.argument, each.type) for each in self._info.variables if each.argument)
            kinds = [self._unit.signature.result_type, *(kind for _, kind in parameters)]
            types = ", ".join(map(self._type, kinds))
        kind = self._node(f"!DISubroutineType(types: !{self._node(f'!{{{types}}}')})")
        return self._node(
            f'distinct !DISubprogram(name: "{_escaped(self._unit.label)}", '
            f"scope: !{self._file}, file: !{self._file}, line: {self._info.line}, scopeLine: {self._info.line}, "
            f"type: !{kind}, spFlags: DISPFlagDefinition, unit: !{compile_unit})"
        )

    def _type(self, kind: str) -> str:
        """The node of a type; null for one without a description, and for no result."""
        if kind not in _TYPES:
            return "null"
        name, size, encoding = _TYPES[kind]
        node = self._node(f'!DIBasicType(name: "{name}", size: {size}, encoding: DW_ATE_{encoding})')
        return f"!{node}"

    def _location(self, line: int, column: int, scope: int) -> int:
        return self._node(f"!DILocation(line: {line}, column: {_column(column)}, scope: !{self._scope(scope)})")

    def _scope(self, index: int) -> int:
        """The node of a scope. With line tables only, all code is in the function itself."""
        if not self._full:
            return self._scopes[0]
        # Blocks are nested at most as deeply as a front end says.
        if self._scopes[index] < 0:
            around, line, column = self._info.scopes[index]
            self._scopes[index] = self._node(
                f"distinct !DILexicalBlock(scope: !{self._scope(around)}, file: !{self._file}, line: {line}, "
                f"column: {_column(column)})"
            )
        return self._scopes[index]

    def _records(self, lines: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Records of where variables are, each with the index of the line before which it is.

        The baseline forgets after a call, which pops its arguments, where a captured variable is. So it is told again.
        In optimized code LLVM's LICM keeps a captured variable that changes in a register, and stores it behind the
        loop, without a record: its memory is out of date in the loop. So each value of it has a record.
        """
        again = list(_after_calls(lines)) if self._is_baseline else []
        for variable in self._info.variables:
            values = _values(lines, variable) if variable.captured and not self._is_baseline else ()
            if variable.captured and (self._is_baseline or values):
                record = self._record(variable, "value", f"ptr {variable.address}", "DW_OP_deref")
                yield from ((index, record) for index in [variable.ir_line, *again])
            else:
                yield variable.ir_line, self._record(variable, "declare", f"ptr {variable.address}")
            for index, value in values:
                yield index, self._record(variable, "value", f"{variable.type} {value}")

    def _record(self, variable: DebugVariable, kind: str, value: str, expression: str = "") -> str:
        scope = self._scope(variable.scope)
        argument = f"arg: {variable.argument}, " if variable.argument else ""
        node = self._node(
            f'!DILocalVariable(name: "{_escaped(variable.name)}", {argument}scope: !{scope}, file: !{self._file}, '
            f"line: {variable.line}, type: {self._type(variable.type)})"
        )
        place = self._location(variable.line, 0, variable.scope)
        return f"    #dbg_{kind}({value}, !{node}, !DIExpression({expression}), !{place})"


def _values(lines: Sequence[str], variable: DebugVariable) -> list[tuple[int, str]]:
    """The values of a variable that are loaded or stored, each with the index of the next line.

    There are none if it is never stored: its memory is up to date then.
    """
    kind, address = re.escape(variable.type), re.escape(variable.address)
    access = re.compile(rf"  (?:(%\S+) = load {kind}|store {kind} ([^,]+)), ptr {address}(?:,|$)")
    found = [(index, match) for index, line in enumerate(lines, 1) if (match := access.match(line))]
    if not any(match[2] for _, match in found):
        return []
    return [(index, match[1] or match[2]) for index, match in found]


def _after_calls(lines: Sequence[str]) -> Iterator[int]:
    """The lines of IR after a call, and the first one of each block."""
    for index, (before, line) in enumerate(pairwise(lines), 1):
        is_call = " call " in before and "musttail" not in before
        is_first = (not before.startswith("  ") and before.endswith(":")) or " = phi " in before
        if line.startswith("  ") and " = phi " not in line and (is_call or is_first) and "entry:" not in before:
            yield index


def _column(column: int) -> int:
    return column if column <= _MAX_COLUMN else 0


def _escaped(text: str) -> str:
    """A text in quotes in LLVM assembly."""
    encoded = text.encode("utf-8", "replace")
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:02X}" for byte in encoded)
