"""Names of addresses as an object file: no code, only a symbol table that refers to memory. (ELF64, x86-64 and others.)

The file has a section of code without contents, whose address is that of the code, and one symbol for each name.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from kaleido.jit.observers.code_events import Code

__all__ = ["symbol_file"]

_HEADER = Struct("<16sHHIQQQIHHHHHH")
_SECTION = Struct("<IIQQQQIIQQ")
_SYMBOL = Struct("<IBBHQQ")

_IDENT, _ET_EXEC, _EM_X86_64 = b"\x7fELF\x02\x01\x01", 2, 62
_SHT_SYMTAB, _SHT_STRTAB, _SHT_NOBITS = 2, 3, 8
_SHF_ALLOC, _SHF_EXECINSTR = 2, 4
_GLOBAL_FUNCTION = 1 << 4 | 2

_SECTION_NAMES = b"\0.text\0.plt\0.symtab\0.strtab\0.shstrtab\0"


def symbol_file(codes: Sequence[Code], section: bytes = b".text") -> bytes:
    """An object file that names `codes`, of which there is at least one, in a section ``.text`` or ``.plt``."""
    begin, end = min(code.address for code in codes), max(code.address + code.size for code in codes)
    names, symbols = b"\0", _SYMBOL.pack(0, 0, 0, 0, 0, 0)
    for code in codes:
        symbols += _SYMBOL.pack(len(names), _GLOBAL_FUNCTION, 0, 1, code.address, code.size)
        names += code.name.encode() + b"\0"
    symbols_at = _HEADER.size
    names_at = symbols_at + len(symbols)
    section_names_at = names_at + len(names)
    sections_at = section_names_at + len(_SECTION_NAMES)
    # Name, type, flags, address, offset, size, link, info, alignment, size of an entry.
    sections = [
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (_name(section), _SHT_NOBITS, _SHF_ALLOC | _SHF_EXECINSTR, begin, 0, end - begin, 0, 0, 1, 0),
        (_name(b".symtab"), _SHT_SYMTAB, 0, 0, symbols_at, len(symbols), 3, 1, 8, _SYMBOL.size),
        (_name(b".strtab"), _SHT_STRTAB, 0, 0, names_at, len(names), 0, 0, 1, 0),
        (_name(b".shstrtab"), _SHT_STRTAB, 0, 0, section_names_at, len(_SECTION_NAMES), 0, 0, 1, 0),
    ]
    header = _HEADER.pack(
        _IDENT, _ET_EXEC, _EM_X86_64, 1, 0, 0, sections_at, 0, _HEADER.size, 0, 0, _SECTION.size, len(sections), 4
    )
    return b"".join([header, symbols, names, _SECTION_NAMES, *(_SECTION.pack(*section) for section in sections)])


def _name(section: bytes) -> int:
    return _SECTION_NAMES.index(b"\0" + section + b"\0") + 1
