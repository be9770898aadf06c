"""Source lines of machine code: the line number tables (DWARF 4 and 5) in an object file.

LLVM writes a table where the IR has ``!dbg``. It is a program for a small machine, whose registers are an address, a
file and a line; it appends rows to the table. Names are those of the DWARF Debugging Information Format, chapter 6.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from kaleido.jit.compiling.object_code import Reader
from kaleido.jit.native.elf import UnsupportedObject, debug_sections, read_object

__all__ = ["Row", "line_table", "source_lines"]

# Standard opcodes; those that are not named here take the number of arguments that the header says, and do nothing.
_DW_LNS_COPY, _DW_LNS_ADVANCE_PC, _DW_LNS_ADVANCE_LINE, _DW_LNS_SET_FILE = 1, 2, 3, 4
_DW_LNS_CONST_ADD_PC, _DW_LNS_FIXED_ADVANCE_PC = 8, 9
_DW_LNE_END_SEQUENCE, _DW_LNE_SET_ADDRESS = 1, 2

# What an entry of a file table in DWARF 5 has, and in which form.
_DW_LNCT_PATH, _DW_LNCT_DIRECTORY_INDEX = 1, 2
_SIZES = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}
_DW_FORM_STRING, _DW_FORM_UDATA, _DW_FORM_BLOCK, _DW_FORM_LINE_STRP = 0x08, 0x0F, 0x09, 0x1F


class Row(NamedTuple):
    """The code from an offset in a section on, up to the next row. `line` is 0 where code belongs to no line."""

    section: int
    offset: int
    file: str
    line: int


def source_lines(data: bytes, symbol: str, address: int, size: int) -> tuple[tuple[int, str, int], ...]:
    """The lines of `size` bytes of code that begin with `symbol`, which is at `address`: address, file, line."""
    rows = line_table(data)
    if not rows:
        return ()
    elf = read_object(data)
    section, begin = elf.symbols[elf.defined[symbol]]
    return tuple(
        (address + row.offset - begin, row.file, row.line)
        for row in rows
        if row.section == section and row.line and begin <= row.offset < begin + size
    )


# For the units of a batch, one after the other.
@lru_cache(maxsize=1)
def line_table(data: bytes) -> list[Row]:
    """The rows of all tables in an object file, in their order. Empty if it has none, or has one that is not known."""
    if b".debug_line" not in data:
        return []
    try:
        sections = debug_sections(data)
        table, targets = sections[".debug_line"]
        strings = sections.get(".debug_line_str", (b"", {}))[0]
        return list(_rows(table, strings, targets))
    except (UnsupportedObject, IndexError, KeyError, ValueError, ZeroDivisionError):
        return []


class _Header(NamedTuple):
    """What the program of a table needs, and where it begins and ends."""

    begin: int
    end: int
    instruction: int
    line_base: int
    line_range: int
    lengths: bytes
    files: list[str]


def _rows(table: bytes, strings: bytes, targets: dict[int, tuple[int, int]]) -> Iterator[Row]:
    at = 0
    while at < len(table):
        header = _header(Reader(table, at), strings, targets)
        yield from _run(table, header, targets)
        at = header.end


def _header(reader: Reader, strings: bytes, targets: dict[int, tuple[int, int]]) -> _Header:
    length = reader.number(4)
    end, version = reader.at + length, reader.number(2)
    if version not in (4, 5) or end > len(reader.data):
        raise ValueError(f"version {version}")
    if version == 5:
        reader.at += 2  # the sizes of an address and of a segment selector
    length = reader.number(4)
    begin = reader.at + length
    instruction = reader.number(1)
    reader.at += 2  # the most operations of an instruction, and whether a row begins a statement at first
    line_base, line_range = reader.number(1, signed=True), reader.number(1)
    opcodes = reader.number(1)
    lengths = bytes([0, *(reader.number(1) for _ in range(opcodes - 1))])
    files = _files(reader, strings, targets) if version == 5 else _old_files(reader)
    return _Header(begin, end, instruction, line_base, line_range, lengths, files)


def _old_files(reader: Reader) -> list[str]:
    """Of DWARF 4: the first file has the number 1. The directory 0 is not in this table."""
    directories, files = [""], [""]
    while name := reader.text():
        directories.append(name)
    while name := reader.text():
        files.append(_joined(directories[reader.leb128()], name))
        reader.leb128()  # the time of its last change
        reader.leb128()  # its size
    return files


def _files(reader: Reader, strings: bytes, targets: dict[int, tuple[int, int]]) -> list[str]:
    directories = [str(each[_DW_LNCT_PATH]) for each in _entries(reader, strings, targets)]
    files = _entries(reader, strings, targets)
    return [
        _joined(directories[int(each.get(_DW_LNCT_DIRECTORY_INDEX, 0))], str(each[_DW_LNCT_PATH])) for each in files
    ]


def _entries(reader: Reader, strings: bytes, targets: dict[int, tuple[int, int]]) -> list[dict[int, int | str]]:
    """A table of DWARF 5, which begins with what its entries have."""
    forms = [(reader.leb128(), reader.leb128()) for _ in range(reader.number(1))]
    if not forms:
        raise ValueError("entries of nothing")
    return [{kind: _value(reader, form, strings, targets) for kind, form in forms} for _ in range(reader.leb128())]


def _value(reader: Reader, form: int, strings: bytes, targets: dict[int, tuple[int, int]]) -> int | str:
    if form == _DW_FORM_STRING:
        return reader.text()
    if form == _DW_FORM_LINE_STRP:
        place, offset = reader.at, reader.number(4)
        return Reader(strings, targets.get(place, (0, offset))[1]).text()
    if form == _DW_FORM_UDATA:
        return reader.leb128()
    return reader.number(reader.leb128() if form == _DW_FORM_BLOCK else _SIZES[form])


def _joined(directory: str, name: str) -> str:
    return name if name.startswith("/") or not directory else f"{directory}/{name}"


def _run(table: bytes, header: _Header, targets: dict[int, tuple[int, int]]) -> Iterator[Row]:
    reader = Reader(table, header.begin)
    while reader.at < header.end:
        section, address, file, line = 0, 0, 1, 1
        ended = False
        while not ended and reader.at < header.end:
            opcode, emits = reader.number(1), False
            if opcode >= len(header.lengths):
                advance, change = divmod(opcode - len(header.lengths), header.line_range)
                address += advance * header.instruction
                line, emits = line + header.line_base + change, True
            elif opcode == 0:
                end = reader.leb128() + reader.at
                extended = reader.number(1)
                if extended == _DW_LNE_SET_ADDRESS:
                    section, address = targets[reader.at]
                ended, reader.at = extended == _DW_LNE_END_SEQUENCE, end
                emits = ended
            elif opcode == _DW_LNS_COPY:
                emits = True
            elif opcode == _DW_LNS_ADVANCE_PC:
                address += reader.leb128() * header.instruction
            elif opcode == _DW_LNS_ADVANCE_LINE:
                line += reader.leb128(signed=True)
            elif opcode == _DW_LNS_SET_FILE:
                file = reader.leb128()
            elif opcode == _DW_LNS_CONST_ADD_PC:
                address += (255 - len(header.lengths)) // header.line_range * header.instruction
            elif opcode == _DW_LNS_FIXED_ADVANCE_PC:
                address += reader.number(2)
            else:
                for _ in range(header.lengths[opcode]):
                    reader.leb128()
            if emits:
                yield Row(section, address, header.files[file], 0 if ended else line)
