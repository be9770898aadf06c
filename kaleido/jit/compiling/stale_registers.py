"""Variables that are in a register up to a call are in none while it runs: debug information that says so.

LLVM ends the place of such a variable at the address behind the call. For the frame of a caller, a debugger looks at
the address before the return address, which is inside the call: it finds the register there, and shows what the callee
has left in it. So the place ends one byte earlier here, as gcc has it end. That is inside the instruction before; no
debugger stops there, except where that is one of a single byte.

It applies to registers that calls change, in the object files of x86-64 in ELF. LLVM describes places of variables in
the sections ``.debug_loc`` (DWARF 4) and ``.debug_loclists`` (DWARF 5).
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, error

from kaleido.jit.compiling.object_code import Reader, elf_sections

__all__ = ["without_stale_registers"]

# An ELF file of 64 bits, little-endian, for x86-64: e_ident, and e_machine.
_ELF_64, _MACHINE, _EM_X86_64 = b"\x7fELF\x02\x01", Struct("<18xH"), 62

# DWARF's numbers of registers that a call keeps: rbx, rbp, rsp, r12 to r15.
_KEPT = frozenset([3, 6, 7, 12, 13, 14, 15])

# DW_OP_reg0 and DW_OP_breg0, and the last ones; DW_OP_regx, DW_OP_bregx, DW_OP_regval_type and its name before DWARF 5.
_REGISTERS = (range(0x50, 0x70), range(0x70, 0x90))
_NUMBERED = frozenset([0x90, 0x92, 0xA5, 0xF5])

_PAIR, _LENGTH = Struct("<QQ"), Struct("<H")
_BASE_SELECTION = 2**64 - 1

# The header of a unit in .debug_loclists: unit_length, version, address_size, offset_entry_count.
_UNIT = Struct("<IHBxI")

# Entries of .debug_loclists by kind: their operands, an address or a number in LEB128, and whether a place follows.
_ADDRESS, _NUMBER = "address", "number"
_KINDS: dict[int, tuple[tuple[str, ...], bool]] = {
    0: ((), False),
    1: ((_NUMBER,), False),
    2: ((_NUMBER, _NUMBER), True),
    3: ((_NUMBER, _NUMBER), True),
    4: ((_NUMBER, _NUMBER), True),
    5: ((), True),
    6: ((_ADDRESS,), False),
    7: ((_ADDRESS, _ADDRESS), True),
    8: ((_ADDRESS, _NUMBER), True),
}

# Of these, the second operand is a distance: of the end, or a length. Other ends are in a table or are relocated.
_WITH_DISTANCE = (3, 4, 8)


def without_stale_registers(data: bytes) -> bytes:
    """An object file in which places in registers end before the calls that change them.

    It has the same size. What is not understood stays as it is.
    """
    if not data.startswith(_ELF_64) or _MACHINE.unpack_from(data)[0] != _EM_X86_64:
        return data
    changed = bytearray(data)
    try:
        for name, begin, end in elf_sections(data):
            if name in _READERS:
                _READERS[name](changed, begin, end)
    except (error, IndexError, KeyError):
        return data
    return bytes(changed)


def _version_4(data: bytearray, position: int, end: int) -> None:
    while position < end:
        first, last = _PAIR.unpack_from(data, position)
        if (first, last) == (0, 0) or first == _BASE_SELECTION:
            position += _PAIR.size
            continue
        place = position + _PAIR.size + _LENGTH.size
        if last > first + 1 and _is_changed_by_calls(data, place):
            _PAIR.pack_into(data, position, first, last - 1)
        position = place + _LENGTH.unpack_from(data, position + _PAIR.size)[0]


def _version_5(data: bytearray, position: int, end: int) -> None:
    while position < end:
        length, version, size, offsets = _UNIT.unpack_from(data, position)
        if (version, size) != (5, 8):
            raise KeyError(version)
        reader, position = Reader(data, position + _UNIT.size + 4 * offsets), position + 4 + length
        while reader.at < position:
            _entry(data, reader)


def _entry(data: bytearray, reader: Reader) -> None:
    """Read an entry, and change it."""
    kind = reader.number(1)
    operands, has_place = _KINDS[kind]
    # Where the operands begin, and their values.
    begins, values = [], []
    for operand in operands:
        begins.append(reader.at)
        values.append(reader.number(8) if operand is _ADDRESS else reader.leb128())
    if not has_place:
        return
    length = reader.leb128()
    if kind in _WITH_DISTANCE and _is_changed_by_calls(data, reader.at):
        first = values[0] if kind == 4 else 0
        if values[1] > first + 1:
            _decrease(data, begins[1])
    reader.at += length


def _is_changed_by_calls(data: bytearray, place: int) -> bool:
    """Whether the description of a place begins with a register that calls change."""
    operation = data[place]
    for registers in _REGISTERS:
        if operation in registers:
            return operation - registers.start not in _KEPT
    return operation in _NUMBERED and Reader(data, place + 1).leb128() not in _KEPT


def _decrease(data: bytearray, position: int) -> None:
    """Subtract one from a number in LEB128 that is not 0, which keeps its size."""
    while data[position] & 0x7F == 0:
        data[position] |= 0x7F
        position += 1
    data[position] -= 1


_READERS: dict[bytes, Callable[[bytearray, int, int], None]] = {
    b".debug_loc": _version_4,
    b".debug_loclists": _version_5,
}
