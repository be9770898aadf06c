"""Object code: what compilation results in, and what is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

__all__ = ["ObjectCode", "Reader", "elf_sections", "elf_text_size", "undefined_names"]

# An ELF file of 64 bits, little-endian: e_shoff, e_shentsize, e_shnum and e_shstrndx of its header; sh_name, sh_type,
# sh_flags, sh_offset, sh_size and sh_link of a section header; and a symbol.
_ELF_64 = b"\x7fELF\x02\x01"
_SECTION_TABLE, _SECTION = Struct("<40xQ10xHHH"), Struct("<IIQ8xQQI20x")
_SYMBOL = Struct("<IBxH16x")
_SHF_EXECINSTR, _SHT_SYMTAB = 4, 2


class ObjectCode(NamedTuple):
    """A relocatable object file in memory.

    `text_size` is the size of its machine code in bytes. `levels` is the most calls of a recursive function that one
    frame holds. `is_cached` says that an earlier run has compiled it.
    """

    data: bytes
    text_size: int
    levels: int = 1
    is_cached: bool = False


def elf_text_size(data: bytes) -> int | None:
    """The size of the machine code in an object file that LLVM has emitted; None if it is not in ELF's 64-bit format.

    LLVM's own reader takes three calls into LLVM for each section, together half of the calls that a small unit takes.
    """
    if not data.startswith(_ELF_64):
        return None
    return sum(sh_size for _, _, sh_flags, _, sh_size, _ in _headers(data) if sh_flags & _SHF_EXECINSTR)


def elf_sections(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The name of each section of an object file in ELF's 64-bit format, and where it begins and ends in the file."""
    headers = list(_headers(data))
    names = _SECTION_TABLE.unpack_from(data)[3]
    table = headers[names][3]
    for sh_name, _, _, sh_offset, sh_size, _ in headers:
        yield data[table + sh_name : data.index(b"\0", table + sh_name)], sh_offset, sh_offset + sh_size


def _headers(data: bytes) -> Iterator[tuple[int, int, int, int, int, int]]:
    e_shoff, e_shentsize, e_shnum, _ = _SECTION_TABLE.unpack_from(data)
    assert e_shentsize == _SECTION.size
    return _SECTION.iter_unpack(memoryview(data)[e_shoff : e_shoff + e_shnum * _SECTION.size])


def undefined_names(data: bytes) -> set[str]:
    """The symbols that an object file uses and does not define; none if it is not in ELF's 64-bit format."""
    if not data.startswith(_ELF_64):
        return set()
    sections = list(_headers(data))
    names = set()
    for _, sh_type, _, sh_offset, sh_size, sh_link in sections:
        if sh_type == _SHT_SYMTAB:
            text = data[sections[sh_link][3] :]
            for st_name, _, st_shndx in _SYMBOL.iter_unpack(data[sh_offset : sh_offset + sh_size]):
                if st_name and not st_shndx:
                    names.add(text[st_name : text.index(b"\0", st_name)].decode("utf-8", "replace"))
    return names


class Reader:
    """Reads numbers and texts of debug information one after the other. Raises IndexError where there are none left."""

    def __init__(self, data: bytes | bytearray, at: int) -> None:
        self.data, self.at = data, at

    def number(self, size: int, *, signed: bool = False) -> int:
        self.at += size
        if self.at > len(self.data):
            raise IndexError(self.at)
        return int.from_bytes(self.data[self.at - size : self.at], "little", signed=signed)

    def leb128(self, *, signed: bool = False) -> int:
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value - (1 << shift) if signed and byte & 0x40 else value

    def text(self) -> str:
        begin, self.at = self.at, self.data.index(b"\0", self.at) + 1
        return self.data[begin : self.at - 1].decode(errors="replace")
