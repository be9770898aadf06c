"""Object code: what compilation results in, and what is loaded."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

__all__ = ["ObjectCode", "elf_text_size", "undefined_names"]

# An ELF file of 64 bits, little-endian: e_shoff, e_shentsize and e_shnum of its header, a section header, and a symbol.
_ELF_64 = b"\x7fELF\x02\x01"
_SECTION_TABLE, _SECTION = Struct("<40xQ10xHH"), Struct("<8xQ16xQ24x")
_LINKED_SECTION, _SYMBOL = Struct("<4xI16xQQI20x"), Struct("<IBxH16x")
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
    e_shoff, e_shentsize, e_shnum = _SECTION_TABLE.unpack_from(data)
    assert e_shentsize == _SECTION.size
    headers = _SECTION.iter_unpack(memoryview(data)[e_shoff : e_shoff + e_shnum * _SECTION.size])
    sizes: list[int] = [sh_size for sh_flags, sh_size in headers if sh_flags & _SHF_EXECINSTR]
    return sum(sizes)


def undefined_names(data: bytes) -> set[str]:
    """The symbols that an object file uses and does not define; none if it is not in ELF's 64-bit format."""
    if not data.startswith(_ELF_64):
        return set()
    e_shoff, _, e_shnum = _SECTION_TABLE.unpack_from(data)
    sections = [_LINKED_SECTION.unpack_from(data, e_shoff + n * _LINKED_SECTION.size) for n in range(e_shnum)]
    names = set()
    for sh_type, sh_offset, sh_size, sh_link in sections:
        if sh_type == _SHT_SYMTAB:
            text = data[sections[sh_link][1] :]
            for st_name, _, st_shndx in _SYMBOL.iter_unpack(data[sh_offset : sh_offset + sh_size]):
                if st_name and not st_shndx:
                    names.add(text[st_name : text.index(b"\0", st_name)].decode("utf-8", "replace"))
    return names
