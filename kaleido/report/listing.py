"""LLVM IR and assembly as listings for people: without attributes, metadata and directives, which only tools read."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import NamedTuple

from kaleido.jit import Unit, quoted
from kaleido.terminal.text import padded, width

__all__ = [
    "DIFFERENT",
    "ONLY_LEFT",
    "ONLY_RIGHT",
    "SAME",
    "Inlining",
    "assembly_listing",
    "assembly_rows",
    "beside",
    "inlining",
    "ir_listing",
    "ir_rows",
]

SAME, DIFFERENT, ONLY_LEFT, ONLY_RIGHT = " │ ", " ≠ ", " < ", " > "

_NO_NOTES: Mapping[str, str] = {}

# A call of a function by its name, in LLVM IR and in assembly.
_IR_CALL = re.compile(r'\bcall\b[^@]*(@(?:"[^"]*"|[-\w$.]+))\(')
_ASSEMBLY_CALL = re.compile(r'\s+(?:callq?|jmp|bl?)\s+("[^"]*"|[^\s"@]+)(?:@PLT)?\s*$')


def ir_listing(ir: str, notes: Mapping[str, str] = _NO_NOTES) -> str:
    """A module's definitions, declarations and globals, without its target, attributes and metadata.

    `notes` are comments for calls, by the symbol that is called.
    """
    return _text(ir_rows(ir.split("\n"), notes))


def ir_rows(lines: Sequence[str], notes: Mapping[str, str] = _NO_NOTES) -> list[tuple[str, int]]:
    """The lines of :func:`ir_listing`, each with the index of the line of the module that it shows."""
    comments = {_name(symbol): f"  ; {note}" for symbol, note in notes.items()}
    kept, inside = [], False
    for index, line in enumerate(lines):
        inside = inside or line.startswith("define ")
        if (inside and not line.startswith(_DEBUG_RECORD)) or line.startswith(("declare ", "@")):
            called = _IR_CALL.search(line)
            kept.append((_readable(line) + (comments.get(called[1], "") if called else ""), index))
        if line == "}":
            inside = False
            kept.append(("", index))
    return _tidy(kept)


def _readable(line: str) -> str:
    """A line of IR without attributes and metadata.

    Escapes in names are decoded, and the comment `; preds` is moved near.
    """
    line = _METADATA.sub(r"\1", line)
    line = re.sub(r"\s+; preds", "  ; preds", re.sub(r" #\d+( \{)?$", r"\1", line))
    line = re.sub(r"(?:\\[0-9A-F]{2})+", _decoded, line)
    if line.startswith(("define ", "declare ")):
        line = re.sub(r" (?:local_)?unnamed_addr\b", "", line)
        line = re.sub(r"\bptr(?: [a-z_]+(?:\([^)]*\)| \d+)?)+(?= %|,|\))", "ptr", line)
    return line


def _decoded(match: re.Match[str]) -> str:
    text = bytes.fromhex(match[0].replace("\\", "")).decode("utf-8", "replace")
    return text if text.isprintable() else match[0]


# What is attached to an instruction, or to a function.
_METADATA = re.compile(r"(?:,? ![a-zA-Z_.]+ !\d+)+( \{)?$")
_DEBUG_RECORD = "    #dbg_"

# Assembler directives, which are left out, except for those that define constants.
_DIRECTIVE = re.compile(r"\s+\.(?!quad\b|long\b)")
_SECTION = re.compile(r"\s+\.(?:section\s+(\.debug)?|text\b)")
_LOCAL = re.compile(r"\.L(?:func_(?:begin|end)\d+|tmp\d+):|\.L__unnamed")
_CONSTANT = re.compile(r"\s+\.quad\s+0x([0-9a-fA-F]{1,16})\s*$")


def assembly_listing(assembly: str, notes: Mapping[str, str] = _NO_NOTES) -> str:
    """The instructions and labels of an assembly text, and its constants with their values as doubles.

    `notes` are comments for calls, by the symbol that is called.
    """
    return _text(assembly_rows(assembly.split("\n"), notes))


def assembly_rows(lines: Sequence[str], notes: Mapping[str, str] = _NO_NOTES) -> list[tuple[str, int]]:
    """The lines of :func:`assembly_listing`, each with the index of the line of the assembly that it shows."""
    return _tidy(
        [
            (_indented(_with_note(_with_value(line), notes)), index)
            for index, line in _without_debug_sections(lines)
            if not _DIRECTIVE.match(line) and not _LOCAL.match(line)
        ]
    )


def _without_debug_sections(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    is_debug = False
    for index, line in enumerate(lines):
        if (section := _SECTION.match(line)) is not None:
            is_debug = section[1] is not None
        elif not is_debug:
            yield index, line


def _with_value(line: str) -> str:
    constant = _CONSTANT.match(line)
    if constant is None:
        return line
    return f"{line}  # {struct.unpack('>d', bytes.fromhex(constant[1].zfill(16)))[0]!r}"


def _with_note(line: str, notes: Mapping[str, str]) -> str:
    called = _ASSEMBLY_CALL.match(line)
    note = notes.get(called[1].strip('"')) if called else None
    return line if note is None else f"{line}  # {note}"


def _indented(line: str) -> str:
    operation, _, operands = line.strip().partition("\t")
    return f"    {operation:<10} {operands}".rstrip() if line[:1].isspace() else line.strip()


def _tidy(rows: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Without blank lines at both ends, and with single blank lines in between."""
    kept: list[tuple[str, int]] = []
    for row in rows:
        if row[0] or (kept and kept[-1][0]):
            kept.append(row)
    return kept[:-1] if kept and not kept[-1][0] else kept


def _text(rows: Sequence[tuple[str, int]]) -> str:
    return "".join(f"{line}\n" for line, _ in rows) or "\n"


class Inlining(NamedTuple):
    """How the units of an inline group are called in its optimized module, by their names.

    `inlined`  have no function of their own any more: all calls of them are inlined, or there was none
    `direct`   have a function that is called without a stub; this includes the root if it still calls itself
    `stubs`    are called through their stubs, as at the baseline
    `in_itself`  whether copies of the root are inlined in it, see ``kaleido.jit.compiling.recursion``
    """

    inlined: tuple[str, ...]
    direct: tuple[str, ...]
    stubs: tuple[str, ...]
    in_itself: bool = False

    @property
    def all_inlined(self) -> tuple[str, ...]:
        """What is inlined, for a line of text: never empty."""
        return (*self.inlined, *(["copies of itself"] if self.in_itself else [])) or ("none",)


def inlining(ir: str, members: Sequence[Unit]) -> Inlining:
    """How `members` of an inline group, the first of which is its root, are called in its optimized module `ir`."""
    defined = [line for line in ir.splitlines() if line.startswith("define ")]
    calls = [line for line in ir.splitlines() if re.search(r"\bcall\b", line)]

    def has(lines: Sequence[str], symbol: str) -> bool:
        return any(_name(symbol) + "(" in line for line in lines)

    def has_copies(lines: Sequence[str], symbol: str) -> bool:
        copy = re.compile(rf'@"?{re.escape(symbol)}(?:\.counted\d*\.integers)?\.recursion\d*\.\d+"?\(')
        return any(copy.search(line) for line in lines)

    def has_any(lines: Sequence[str], symbol: str) -> bool:
        return has(lines, symbol) or has_copies(lines, symbol)

    inlined = [unit for unit in members[1:] if not has_any(defined, unit.body)]
    direct = [unit for unit in members if unit not in inlined and has_any(calls, unit.body)]
    inside = {unit.symbol for unit in members}
    outside = {name for unit in members for name in unit.calls if name not in inside and has(calls, name)}
    return Inlining(
        _labels(inlined), _labels(direct), tuple(sorted(outside)), in_itself=has_copies(defined, members[0].body)
    )


def _name(symbol: str) -> str:
    """A symbol as LLVM prints it: with quotes only if it needs them."""
    return f"@{symbol}" if re.fullmatch(r"[-a-zA-Z$._][-a-zA-Z$._0-9]*", symbol) else quoted(symbol)


def _labels(units: Sequence[Unit]) -> tuple[str, ...]:
    return tuple(unit.label for unit in units)


def beside(left: Sequence[str], right: Sequence[str], columns: int) -> list[tuple[str, str, str]]:
    """Rows of a left column, a separator and a right column, together at most `columns` wide. Long lines are wrapped.

    Equal lines are in one row. The separator tells whether the lines of a row are the same (SAME), differ (DIFFERENT),
    or whether there is only one, at the left or at the right (ONLY_LEFT, ONLY_RIGHT).
    """
    half = (columns - width(SAME)) // 2
    rows = []
    for separator, one, other in _aligned(left, right):
        pieces = zip_longest(_wrapped(one, half), _wrapped(other, half), fillvalue="")
        rows += [(padded(first, half), separator, second) for first, second in pieces]
    return rows


def _aligned(left: Sequence[str], right: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """The separator and the lines of each row."""
    for kind, begin, end, other_begin, other_end in SequenceMatcher(a=left, b=right).get_opcodes():
        for one, other in zip_longest(left[begin:end], right[other_begin:other_end]):
            if kind == "equal" or not (one or other):
                yield SAME, one or "", other or ""
            elif other is None:
                yield ONLY_LEFT, one, ""
            else:
                yield (ONLY_RIGHT, "", other) if one is None else (DIFFERENT, one, other)


def _wrapped(line: str, columns: int) -> list[str]:
    """A line in pieces of at most `columns`; all but the first are indented further."""
    indent = len(line) - len(line.lstrip())
    further = " " * min(indent + 4, columns // 2)
    pieces = []
    while width(line) > columns:
        # Break after a comma in the second half if there is one, otherwise at a blank.
        second = [at for at in range(columns, columns // 2, -1) if line[at : at + 1] == " "]
        end = next((at for at in second if line[at - 1] == ","), second[0] if second else columns)
        while width(line[:end]) > columns:
            end -= 1
        pieces.append(line[:end].rstrip())
        line = further + line[end:].lstrip()
    return [*pieces, line]
