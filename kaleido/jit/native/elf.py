"""Relocatable object files for x86-64 in the Executable and Linkable Format, as LLVM emits them.

Names are those of the specification: the System V Application Binary Interface, and its supplement for AMD64. What a
loader of functions and variables does not need is not read; what would need more than that raises
:class:`UnsupportedObject`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from struct import Struct, error
from typing import NamedTuple

__all__ = [
    "SHF_WRITE",
    "SHN_ABS",
    "SHN_UNDEF",
    "SHT_NOBITS",
    "ElfObject",
    "Relocation",
    "RelocationType",
    "Section",
    "Symbol",
    "UnsupportedObject",
    "debug_sections",
    "placed",
    "read_object",
]

SHN_UNDEF, SHN_ABS = 0, 0xFFF1
"""Section numbers of symbols that are undefined, and of those whose value is an address."""

SHT_NOBITS = 8
"""The type of a section of zeros, which take no place in the file."""

SHF_WRITE = 1
"""The flag of a section that the program writes to."""

_SHF_ALLOC, _SHF_TLS = 2, 0x400
_SHN_LORESERVE = 0xFF00
_SHT_PROGBITS, _SHT_SYMTAB, _SHT_RELA, _SHT_REL, _SHT_GROUP = 1, 2, 4, 9, 17
_SHT_X86_64_UNWIND = 0x70000001
_STB_GLOBAL, _STT_FILE = 1, 4

# e_ident: magic number, 64 bits, little-endian, version 1. e_type and e_machine: relocatable, x86-64.
_IDENT, _ET_REL, _EM_X86_64 = b"\x7fELF\x02\x01\x01", 1, 62

_HEADER = Struct("<16sHHIQQQIHHHHHH")
_SECTION = Struct("<IIQQQQIIQQ")
_SYMBOL = Struct("<IBBHQQ")
_RELA = Struct("<QIIq")

_SH_ADDR, _ADDRESS = 16, Struct("<Q")


class UnsupportedObject(Exception):
    """An object with something that this package does not know."""


class RelocationType(IntEnum):
    """How to compute a field, from the symbol's address S, the addend A, and the place P of the field.

    R_X86_64_64             S + A, in 64 bits
    R_X86_64_PC32           S + A - P, in 32 bits, as are the following
    R_X86_64_PLT32          the same; S may be the address of a jump stub instead
    R_X86_64_GOTPCREL       G + A - P, where G is the address of a variable that contains S
    R_X86_64_GOTPCRELX      the same; the instruction may be changed to one that does without the variable
    R_X86_64_REX_GOTPCRELX  the same, of an instruction with a REX prefix
    """

    R_X86_64_64 = 1
    R_X86_64_PC32 = 2
    R_X86_64_PLT32 = 4
    R_X86_64_GOTPCREL = 9
    R_X86_64_GOTPCRELX = 41
    R_X86_64_REX_GOTPCRELX = 42


_RELOCATION_TYPES = frozenset(map(int, RelocationType))


class Section(NamedTuple):
    """A section that is in memory while the program runs. `number` is its place in the section header table.

    Tables for unwinding are not among them: they are for exceptions, and no function here is left by one.
    """

    number: int
    sh_type: int
    sh_flags: int
    sh_offset: int
    sh_size: int
    sh_addralign: int


Symbol = tuple[int, int]
"""`st_shndx` and `st_value`: an offset in the section of that number, or an address if that is SHN_ABS."""

Relocation = tuple[int, int, int, int]
"""A field to be computed: `r_offset`, the type, the place of a symbol in the symbol table, `r_addend`."""


class ElfObject(NamedTuple):
    """An object file.

    `symbols`      the symbol table
    `defined`      the place in it of each global symbol that has a section
    `undefined`    the place in it of each symbol that another object has to define
    `relocations`  of each section, by the section's number
    """

    data: bytes
    sections: list[Section]
    symbols: list[Symbol]
    defined: dict[str, int]
    undefined: dict[str, int]
    relocations: dict[int, list[Relocation]]


def read_object(data: bytes) -> ElfObject:
    """Read an object file. Raises UnsupportedObject."""
    try:
        return _read(data)
    except (error, ValueError, IndexError) as reason:
        raise UnsupportedObject(f"not an object file for x86-64: {reason}") from None


def _read(data: bytes) -> ElfObject:
    headers = list(_section_headers(data))
    elf = ElfObject(data, [], [], {}, {}, {})
    for number, header in enumerate(headers):
        _, sh_type, sh_flags, _, sh_offset, sh_size, sh_link, sh_info, sh_addralign, _ = header
        if sh_type == _SHT_SYMTAB:
            _read_symbols(elf, _part(data, header), bytes(_part(data, headers[sh_link])))
        elif sh_type == _SHT_RELA:
            # Debugging information has its own, of other types.
            if headers[sh_info][2] & _SHF_ALLOC:
                elf.relocations[sh_info] = _relocations(_part(data, header))
        elif sh_type in (_SHT_REL, _SHT_GROUP):
            raise UnsupportedObject(f"a section of type {sh_type}")
        elif sh_flags & _SHF_ALLOC and sh_type != _SHT_X86_64_UNWIND:
            _check_section(sh_type, sh_flags)
            elf.sections.append(Section(number, sh_type, sh_flags, sh_offset, sh_size, sh_addralign))
    return elf


def placed(data: bytes, addresses: Mapping[int, int]) -> bytes:
    """An object file whose headers say where its sections are in memory: `addresses` by the numbers of sections."""
    file = bytearray(data)
    sections_at = _HEADER.unpack_from(data)[6]
    for number, address in addresses.items():
        _ADDRESS.pack_into(file, sections_at + number * _SECTION.size + _SH_ADDR, address)
    return bytes(file)


def debug_sections(data: bytes) -> dict[str, tuple[bytes, dict[int, tuple[int, int]]]]:
    """The sections of an object file that are not in memory while the program runs, by name, with their relocations.

    Those map the offset of a field to the section and the offset that it refers to. Raises UnsupportedObject.
    """
    try:
        headers = list(_section_headers(data))
        names = bytes(_part(data, headers[_HEADER.unpack_from(data)[13]]))
        symbols = next(header for header in headers if header[1] == _SHT_SYMTAB)
        table = list(_SYMBOL.iter_unpack(_part(data, symbols)))
        found: dict[str, tuple[bytes, dict[int, tuple[int, int]]]] = {}
        for number, (name, sh_type, sh_flags, *_) in enumerate(headers):
            if sh_type == _SHT_PROGBITS and not sh_flags & _SHF_ALLOC:
                tables = [each for each in headers if each[1] == _SHT_RELA and each[7] == number]
                fields = (field for each in tables for field in _RELA.iter_unpack(_part(data, each)))
                targets = {at: (table[symbol][3], table[symbol][4] + addend) for at, _, symbol, addend in fields}
                found[names[name : names.index(b"\0", name)].decode()] = bytes(_part(data, headers[number])), targets
        return found
    except (error, ValueError, IndexError, StopIteration) as reason:
        raise UnsupportedObject(f"not an object file for x86-64: {reason}") from None


def _section_headers(data: bytes) -> Iterator[tuple[int, ...]]:
    """The section header table: sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size, sh_link, sh_info, …"""
    header = _HEADER.unpack_from(data)
    e_ident, e_type, e_machine, e_shoff, e_shentsize, e_shnum = (header[at] for at in (0, 1, 2, 6, 11, 12))
    if (e_ident[:7], e_type, e_machine, e_shentsize) != (_IDENT, _ET_REL, _EM_X86_64, _SECTION.size) or not e_shnum:
        raise ValueError("another header")
    return _SECTION.iter_unpack(_slice(data, e_shoff, e_shnum * _SECTION.size))


def _part(data: bytes, header: tuple[int, ...]) -> memoryview:
    """The content of a section."""
    return _slice(data, header[4], header[5])


def _slice(data: bytes, offset: int, size: int) -> memoryview:
    if offset + size > len(data):
        raise ValueError("it is too short")
    return memoryview(data)[offset : offset + size]


def _check_section(sh_type: int, sh_flags: int) -> None:
    # Such as arrays of constructors, and thread-local variables.
    if sh_type not in (_SHT_PROGBITS, SHT_NOBITS) or sh_flags & _SHF_TLS:
        raise UnsupportedObject(f"a section of type {sh_type} with flags {sh_flags:#x}")


def _read_symbols(elf: ElfObject, table: memoryview, names: bytes) -> None:
    for st_name, st_info, _, st_shndx, st_value, _ in _SYMBOL.iter_unpack(table):
        binding, kind = st_info >> 4, st_info & 15
        # Weak and common symbols, thread-local variables, and functions that choose their address when loaded.
        if binding > _STB_GLOBAL or kind > _STT_FILE or _SHN_LORESERVE <= st_shndx != SHN_ABS:
            raise UnsupportedObject(f"a symbol with st_info {st_info:#x} and st_shndx {st_shndx:#x}")
        if binding == _STB_GLOBAL:
            name = names[st_name : names.index(b"\0", st_name)].decode()
            (elf.defined if st_shndx != SHN_UNDEF else elf.undefined)[name] = len(elf.symbols)
        elf.symbols.append((st_shndx, st_value))


def _relocations(table: memoryview) -> list[Relocation]:
    relocations: list[Relocation] = list(_RELA.iter_unpack(table))
    unknown = {each[1] for each in relocations} - _RELOCATION_TYPES
    if unknown:
        raise UnsupportedObject(f"relocations of types {unknown}")
    return relocations
