"""GDB's interface for JIT compilers: units have names in backtraces, and breakpoints can be set on them.

With ``Policy.debug``, GDB knows lines and variables, too, and can step through units.

GDB looks for two symbols in a process: a descriptor, with a list of object files in memory, and an empty function that
is called after each change of the list, in which GDB stops. LLVM has both, so llvmlite's library has them, too, as
local symbols; their addresses are computed from its symbol table. (The interface is described in GDB's manual,
"JIT Compilation Interface", and in LLVM's "Debugging JIT-ed Code".)

The list is one of the process: engines, and LLVM itself, may all add to it. It works too if GDB attaches later.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from struct import Struct
from typing import Any

from kaleido.jit.engine import Engine
from kaleido.jit.observers.code_events import Code, follow
from kaleido.jit.observers.elf_symbols import symbol_file

__all__ = ["GdbInterface"]

_DESCRIPTOR, _REGISTER = b"__jit_debug_descriptor", b"__jit_debug_register_code"
_REGISTERED, _UNREGISTERED = 1, 2

_SECTION_HEADER, _SYMBOL = Struct("<IIQQQQIIQQ"), Struct("<IBBHQQ")
_SHT_SYMTAB = 2


class _Entry(ctypes.Structure):
    """``jit_code_entry``: an object file in the list."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("next", "previous", "address", "size")]


@dataclass(frozen=True, eq=False)
class _Registered:
    """An entry of the list, with the memory that it refers to."""

    entry: _Entry
    kept: Any
    file: bytes


class _Descriptor(ctypes.Structure):
    """``jit_descriptor``."""

    _fields_ = [
        ("version", ctypes.c_uint32),
        ("action", ctypes.c_uint32),
        ("relevant", ctypes.c_uint64),
        ("first", ctypes.c_uint64),
    ]


_lock = threading.Lock()


class GdbInterface:
    """Tells GDB, which may be attached or not, the machine code of an engine.

    Raises OSError where llvmlite's library has no symbol table, or the platform is another than Linux.
    """

    def __init__(self, engine: Engine) -> None:
        self._descriptor, self._changed = _interface()
        self._engine = engine
        self._entries: dict[int, _Registered] = {}
        self._stubs: list[_Registered] = []
        self._unsubscribe = follow(engine, self._add, self._remove)

    def close(self) -> None:
        """Take all of it out of the list."""
        self._unsubscribe()
        for address in list(self._entries):
            self._remove(address)
        with _lock:
            for each in self._stubs:
                self._unregister(each)
            self._stubs.clear()

    def _add(self, code: Code) -> None:
        file = self._engine.debug_file(code.address)
        stubs = self._engine.stub_pools()
        with _lock:
            # As a procedure linkage table, which GDB steps through to the function behind it.
            self._stubs += (
                self._link(symbol_file([Code("stub", address, size)], b".plt"))
                for address, size in stubs[len(self._stubs) :]
            )
            self._unlink(code.address)
            shared = next((each for each in self._entries.values() if file and each.file is file), None)
            self._entries[code.address] = shared or self._link(file or symbol_file([code]))

    def _link(self, file: bytes) -> _Registered:
        """Add an object file to the list."""
        kept = ctypes.create_string_buffer(file, len(file))
        entry = _Entry(address=ctypes.addressof(kept), size=len(file))
        entry.next = self._descriptor.first
        if entry.next:
            _Entry.from_address(entry.next).previous = ctypes.addressof(entry)
        self._descriptor.first = ctypes.addressof(entry)
        self._tell(entry, _REGISTERED)
        return _Registered(entry, kept, file)

    def _remove(self, address: int) -> None:
        with _lock:
            self._unlink(address)

    def _unlink(self, address: int) -> None:
        registered = self._entries.pop(address, None)
        # Code that was compiled together has one file.
        if registered is None or registered in self._entries.values():
            return
        self._unregister(registered)

    def _unregister(self, registered: _Registered) -> None:
        entry = registered.entry
        if entry.next:
            _Entry.from_address(entry.next).previous = entry.previous
        if entry.previous:
            _Entry.from_address(entry.previous).next = entry.next
        else:
            self._descriptor.first = entry.next
        self._tell(entry, _UNREGISTERED)

    def _tell(self, entry: _Entry, action: int) -> None:
        self._descriptor.relevant, self._descriptor.action = ctypes.addressof(entry), action
        self._changed()


@cache
def _interface() -> tuple[_Descriptor, Any]:
    """The descriptor of this process, and the function to call after a change. Raises OSError."""
    if sys.platform != "linux":
        raise OSError("GDB's interface is known on Linux only")
    # With a cache of object code, LLVM may not be loaded yet.
    import llvmlite.binding  # noqa: F401

    path, base = _mapped("libllvmlite")
    found = _symbols(path, {_DESCRIPTOR, _REGISTER})
    if len(found) < 2:
        raise OSError(f"{path} has no symbol table with GDB's interface")
    return _Descriptor.from_address(base + found[_DESCRIPTOR]), ctypes.CFUNCTYPE(None)(base + found[_REGISTER])


def _mapped(name: str) -> tuple[Path, int]:
    """The path of a library that this process has loaded, and the address where it begins."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        bounds, _, offset, *_, path = line.split(maxsplit=5)
        if name in os.path.basename(path) and int(offset, 16) == 0:
            return Path(path), int(bounds.split("-")[0], 16)
    raise OSError(f"{name} is not loaded")


def _symbols(path: Path, names: set[bytes]) -> dict[bytes, int]:
    """The values of some symbols of an ELF file, read from its full symbol table; those that it has."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        sections_at = int.from_bytes(data[0x28:0x30], "little")
        count = int.from_bytes(data[0x3C:0x3E], "little")
        sections = [_SECTION_HEADER.unpack_from(data, sections_at + i * _SECTION_HEADER.size) for i in range(count)]
        for _, kind, _, _, at, size, link, *_ in sections:
            if kind == _SHT_SYMTAB:
                strings = data[sections[link][4] : sections[link][4] + sections[link][5]]
                found = ((name, strings.find(b"\0" + name + b"\0")) for name in names)
                wanted = {before + 1: name for name, before in found if before >= 0}
                table = _SYMBOL.iter_unpack(data[at : at + size])
                return {wanted[name]: value for name, _, _, _, value, _ in table if name in wanted}
    return {}
