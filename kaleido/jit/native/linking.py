"""Placing an object file in code memory: layout, symbol resolution, relocation.

Sections with code and constants go into the code part of a block, the others into its variables. After the code come
*entries*, one for each symbol that may be too far away for a distance of 32 bits. An entry is a jump stub and, at
VARIABLE, the address it jumps to: so it is an entry of the procedure linkage table and of the global offset table in
one. A call goes to its target directly where that is near enough, otherwise to the stub.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Mapping
from functools import cache
from struct import Struct, error

from kaleido.jit.native.code_memory import ALIGNMENT, Block, CodeMemory
from kaleido.jit.native.elf import (
    SHF_WRITE,
    SHN_ABS,
    SHT_NOBITS,
    ElfObject,
    Relocation,
    RelocationType,
    UnsupportedObject,
    read_object,
)

__all__ = ["link"]

# jmp *2(%rip), which reads what follows after two bytes: the address.
_JUMP = b"\xff\x25\x02\x00\x00\x00\xcc\xcc"
_VARIABLE = len(_JUMP)
_ENTRY = Struct("<8sQ")

_ADDRESS, _DISTANCE = Struct("<Q"), Struct("<i")

# The opcodes of `mov variable(%rip), register` and `lea symbol(%rip), register`.
_MOV, _LEA = 0x8B, 0x8D

# Plain numbers, which are compared in a fraction of the time.
_ABSOLUTE, _PLT32, _REX_GOTPCRELX = map(
    int, (RelocationType.R_X86_64_64, RelocationType.R_X86_64_PLT32, RelocationType.R_X86_64_REX_GOTPCRELX)
)
_GOT_TYPES = frozenset({int(RelocationType.R_X86_64_GOTPCREL), int(RelocationType.R_X86_64_GOTPCRELX), _REX_GOTPCRELX})


def link(
    data: bytes, exports: Collection[str], imports: Mapping[str, int], memory: CodeMemory
) -> tuple[Block, dict[str, int], dict[int, int]]:
    """Load an object file into a new block of `memory`.

    Returns the block, the addresses of `exports`, and those of sections by their numbers.

    Symbols that it does not define are those of `imports`, and all others those of the process. Raises LookupError
    where a symbol is not found, MemoryError, NotWritable, and UnsupportedObject. Then no memory is kept.
    """
    elf = read_object(data)
    undefined = _resolve(elf.undefined, imports)
    layout = _Layout(elf)
    block = memory.allocate(layout.code_size, layout.variables_size)
    try:
        image = _Image(elf, undefined, layout, block)
        addresses = image.addresses(exports)
        memory.write(block, bytes(image.code), bytes(image.variables))
    except (error, KeyError):
        memory.free(block)
        raise UnsupportedObject("a symbol is too far away, or in a section that is not loaded") from None
    except BaseException:
        memory.free(block)
        raise
    return block, addresses, image.sections


def _resolve(undefined: Mapping[str, int], imports: Mapping[str, int]) -> dict[int, int]:
    """The addresses of undefined symbols, by their places in the symbol table. Raises LookupError."""
    found = {index: imports.get(name) or _process_symbol(name) for name, index in undefined.items()}
    missing = [name for name, index in undefined.items() if found[index] is None]
    if missing:
        raise LookupError(f"no C function or variable {', '.join(missing)}")
    return {index: address for index, address in found.items() if address is not None}


def _process_symbol(name: str) -> int | None:
    try:
        # Unlike an attribute, an item is looked up each time, and may have any name.
        return ctypes.cast(_process()[name], ctypes.c_void_p).value
    except (AttributeError, ValueError):
        return None


@cache
def _process() -> ctypes.CDLL:
    return ctypes.CDLL(None)


class _Layout:
    """Where the parts of an object are in its block. Raises UnsupportedObject.

    `offsets`  of each section, by its number: in the variables where the section is in `writable`, else in the code
    `entries`  the offset in the code of each symbol's entry, by the symbol's place in the symbol table
    """

    def __init__(self, elf: ElfObject) -> None:
        self.offsets: dict[int, int] = {}
        self.writable = {section.number for section in elf.sections if section.sh_flags & SHF_WRITE}
        sizes = {False: 0, True: 0}
        for section in elf.sections:
            if section.sh_addralign > ALIGNMENT:
                raise UnsupportedObject(f"a section aligned to {section.sh_addralign} bytes")
            part = section.number in self.writable
            self.offsets[section.number] = offset = _align(sizes[part], section.sh_addralign)
            sizes[part] = offset + section.sh_size
        begin = _align(sizes[False], _VARIABLE)
        self.entries = {symbol: begin + at * _ENTRY.size for at, symbol in enumerate(_symbols_with_entries(elf))}
        self.code_size = begin + len(self.entries) * _ENTRY.size
        self.variables_size = sizes[True]


def _symbols_with_entries(elf: ElfObject) -> list[int]:
    """The symbols that are called and not defined here, and those whose address is read from a table."""
    undefined = set(elf.undefined.values())
    return sorted(
        {
            symbol
            for relocations in elf.relocations.values()
            for _, kind, symbol, _ in relocations
            if kind in _GOT_TYPES or (kind == _PLT32 and symbol in undefined)
        }
    )


def _align(offset: int, alignment: int) -> int:
    return -(-offset // max(alignment, 1)) * max(alignment, 1)


class _Image:
    """The content of a block, as it will be in memory.

    Raises struct.error where a distance does not fit into a field, KeyError for a symbol that is not in memory.
    """

    def __init__(self, elf: ElfObject, undefined: Mapping[int, int], layout: _Layout, block: Block) -> None:
        self.code, self.variables = bytearray(layout.code_size), bytearray(layout.variables_size)
        self._elf, self._layout, self._block = elf, layout, block
        # Of each section the image that it is in, the address of that image, and the section's offset in it.
        parts = {True: (self.variables, block.variables), False: (self.code, block.code)}
        places = {number: (*parts[number in layout.writable], offset) for number, offset in layout.offsets.items()}
        self.sections = {number: begin + offset for number, (_, begin, offset) in places.items()}
        self._symbols = self._symbol_addresses(undefined)
        for symbol, offset in layout.entries.items():
            _ENTRY.pack_into(self.code, offset, _JUMP, self._symbols[symbol])
        for section in elf.sections:
            image, begin, offset = places[section.number]
            if section.sh_type != SHT_NOBITS:
                content = elf.data[section.sh_offset : section.sh_offset + section.sh_size]
                image[offset : offset + len(content)] = content
            if section.number in elf.relocations:
                self._relocate(image, begin, offset, elf.relocations[section.number])

    def addresses(self, names: Collection[str]) -> dict[str, int]:
        """The addresses of defined symbols. Raises LookupError."""
        missing = [name for name in names if name not in self._elf.defined]
        if missing:
            raise LookupError(f"the object does not define {', '.join(missing)}")
        return {name: self._symbols[self._elf.defined[name]] for name in names}

    def _symbol_addresses(self, undefined: Mapping[int, int]) -> dict[int, int]:
        """The address of each symbol that is in memory, by its place in the symbol table."""
        begins = self.sections | {SHN_ABS: 0}
        symbols = enumerate(self._elf.symbols)
        found = {index: begins[section] + value for index, (section, value) in symbols if section in begins}
        found.update(undefined)
        return found

    def _relocate(self, image: bytearray, begin: int, offset: int, relocations: list[Relocation]) -> None:
        """Compute fields of a section, at `offset` of the image that will be at `begin`: see RelocationType."""
        symbols = self._symbols
        for r_offset, kind, symbol, addend in relocations:
            at = offset + r_offset
            value = symbols[symbol] + addend
            if kind == _ABSOLUTE:
                _ADDRESS.pack_into(image, at, value % 2**64)
                continue
            here = begin + at
            distance = value - here
            if kind in _GOT_TYPES:
                if not _relax(kind, image, at, distance):
                    distance = self._entry(symbol) + _VARIABLE + addend - here
            elif kind == _PLT32 and not _is_near(distance):
                distance = self._entry(symbol) + addend - here
            _DISTANCE.pack_into(image, at, distance)

    def _entry(self, symbol: int) -> int:
        return self._block.code + self._layout.entries[symbol]


def _relax(kind: int, image: bytearray, at: int, distance: int) -> bool:
    """Change an instruction that loads an address into one that computes it, where that is possible."""
    if kind == _REX_GOTPCRELX and at >= 2 and image[at - 2] == _MOV and _is_near(distance):
        image[at - 2] = _LEA
        return True
    return False


def _is_near(distance: int) -> bool:
    return -(2**31) <= distance < 2**31
