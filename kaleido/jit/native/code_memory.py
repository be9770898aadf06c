"""Memory for machine code and its variables, in large regions.

The problem. A process may have only some 65,000 mappings, and a mapping takes at least a page. So small functions must
share pages; then code is written into a page while other threads execute it. But no memory should ever be both
writable and executable, where a stray write could become code.

The solution. A :class:`CodeMemory` reserves *regions* of address space. The first part of a region is for code and
constants, and is never writable: the process writes to it through ``/proc/self/mem``, the file of its own memory, which
Linux lets it do to private memory. The rest is for variables, and is never executable. Both parts are so near to each
other that instructions reach either with a distance of 32 bits. Each is *committed*, made accessible from its beginning
on, as far as it has ever been used. Freed blocks are used again, and a region without blocks is given back.

All of it is private memory. A forked child has a copy, in which code that runs on there finds itself unchanged whatever
the parent frees and loads; and the child writes into regions of its own.

Limits. It needs ``/proc``, which a sandbox may lack, or not let be written; so :func:`is_available` tries. A process
that loses the right later, by changing its user, gets :class:`NotWritable`. Other platforms have no such file.

What does not work, and why.

- *Making a page writable for a moment (mprotect).* Other threads that execute code in that page fault.
- *Two mappings of one shared memory, one to write and one to execute.* A forked child shares that memory, too: what the
  parent frees and writes again changes under code that still runs in the child.
- *A page for each object*, never written again: 4 KB for 100 bytes of code, and two mappings.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from mmap import PAGESIZE
from typing import NamedTuple

from kaleido.jit.native.free_space import FreeSpace
from kaleido.jit.process.machine import machine

__all__ = ["ALIGNMENT", "Block", "CodeMemory", "NotWritable", "check_headroom", "is_available", "no_memory"]

ALIGNMENT = 64
"""Bytes, a cache line. Each block begins at a multiple, so that the speed of code does not depend on where it is."""

_REGION = 32 << 20
_VARIABLES = _REGION // 4
_COMMIT = 64 << 10

_PROT_NONE, _PROT_READ, _PROT_WRITE, _PROT_EXEC = 0, 1, 2, 4
_MAP_PRIVATE, _MAP_ANONYMOUS = 0x02, 0x20
_FAILED = ctypes.c_void_p(-1).value


class NotWritable(Exception):
    """This process may not write to its own code, or cannot at the moment: it has no file descriptor left."""


class Block(NamedTuple):
    """Memory for one object: addresses and sizes of its code and of its variables, multiples of ALIGNMENT."""

    code: int
    code_size: int
    variables: int
    variables_size: int


class CodeMemory:
    """Regions of memory. Not thread-safe by itself."""

    def __init__(self) -> None:
        self._regions: list[_Region] = []
        self._owners: dict[Block, _Region] = {}

    @property
    def regions(self) -> int:
        """The number of regions in memory."""
        return len(self._regions)

    def allocate(self, code_size: int, variables_size: int) -> Block:
        """Memory for an object, whose content is arbitrary. Raises MemoryError."""
        # No block is empty: then each is at an address of its own.
        sizes = _round_up(max(code_size, 1), ALIGNMENT), _round_up(variables_size, ALIGNMENT)
        for region in reversed(self._regions):
            block = region.take(*sizes)
            if block is not None:
                break
        else:
            region = _Region(*sizes)
            self._regions.append(region)
            block = region.take(*sizes)
            assert block is not None
        self._owners[block] = region
        return block

    def write(self, block: Block, code: bytes, variables: bytes) -> None:
        """Write the contents of a block, from its beginnings. Raises MemoryError, NotWritable."""
        if variables:
            ctypes.memmove(block.variables, variables, len(variables))
        _write_code(block.code, code)

    def free(self, block: Block) -> None:
        """Make the memory of a block available. The last region that becomes empty stays for the next block."""
        region = self._owners.pop(block)
        region.give(block)
        if region.blocks == 0 and len(self._regions) > 1:
            self._regions.remove(region)
            region.close()

    def close(self) -> None:
        """Give all memory back."""
        while self._regions:
            self._regions.pop().close()
        self._owners.clear()


class _Region:
    """One mapping of address space, with a part for code and a part for variables. Raises MemoryError."""

    def __init__(self, code_size: int, variables_size: int) -> None:
        variables_part = max(_VARIABLES, _round_up(variables_size, PAGESIZE))
        code_part = max(_REGION - _VARIABLES, _round_up(code_size, PAGESIZE))
        self.blocks = 0
        self._size = code_part + variables_part
        self._begin = _reserve(self._size)
        middle = self._begin + code_part
        self._code = _Part(self._begin, middle, _PROT_READ | _PROT_EXEC)
        self._variables = _Part(middle, self._begin + self._size, _PROT_READ | _PROT_WRITE)

    def take(self, code_size: int, variables_size: int) -> Block | None:
        """A block; None if this region has no room for it. Raises MemoryError."""
        code = self._code.take(code_size)
        if code is None:
            return None
        try:
            variables = self._variables.take(variables_size) if variables_size else 0
        except MemoryError:
            self._code.give(code, code_size)
            raise
        if variables is None:
            self._code.give(code, code_size)
            return None
        self.blocks += 1
        return Block(code, code_size, variables, variables_size)

    def give(self, block: Block) -> None:
        self.blocks -= 1
        self._code.give(block.code, block.code_size)
        if block.variables_size:
            self._variables.give(block.variables, block.variables_size)

    def close(self) -> None:
        _libc().munmap(self._begin, self._size)


class _Part:
    """A part of a region. `protection` is what is allowed where it is committed."""

    def __init__(self, begin: int, end: int, protection: int) -> None:
        self._free = FreeSpace(begin, end)
        self._committed, self._end, self._protection = begin, end, protection

    def take(self, size: int) -> int | None:
        """Where `size` bytes begin, or None. Raises MemoryError."""
        begin = self._free.take(size)
        if begin is not None and begin + size > self._committed:
            try:
                self._commit(begin + size)
            except MemoryError:
                self.give(begin, size)
                raise
        return begin

    def give(self, begin: int, size: int) -> None:
        self._free.give(begin, begin + size)

    def _commit(self, end: int) -> None:
        more = min(_round_up(end - self._committed, _COMMIT), self._end - self._committed)
        _protect(self._committed, more, self._protection)
        self._committed += more


@cache
def is_available() -> bool:
    """Whether this process can have such memory: it is tried once."""
    if (sys.platform, machine()) != ("linux", "x86_64") or sys.maxsize < 2**32:
        return False
    try:
        begin = _reserve(PAGESIZE)
        try:
            _protect(begin, PAGESIZE, _PROT_READ | _PROT_EXEC)
            _write_code(begin, b"\xc3")
            return ctypes.string_at(begin, 1) == b"\xc3"
        finally:
            _libc().munmap(begin, PAGESIZE)
    except (MemoryError, NotWritable):
        return False


def check_headroom(size: int) -> None:
    """Raise MemoryError unless `size` more bytes can be had now. LLVM ends the process where it gets no memory."""
    if is_available():
        _libc().munmap(_reserve(size), size)


def _write_code(address: int, code: bytes) -> None:
    """Write to executable memory. Raises MemoryError, NotWritable.

    The file is opened each time, for it belongs to the process that opens it: not to a child forked later.
    """
    try:
        file = os.open("/proc/self/mem", os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise no_memory(os.strerror(error.errno)) from None
        raise NotWritable(str(error)) from None
    try:
        written = os.pwrite(file, code, address)
        while written < len(code):
            written += os.pwrite(file, code[written:], address + written)
    except OSError as error:
        raise no_memory(os.strerror(error.errno or 0)) from None
    finally:
        os.close(file)


def _reserve(size: int) -> int:
    """Reserve address space, which is not accessible. Raises MemoryError."""
    begin: int | None = _libc().mmap(None, size, _PROT_NONE, _MAP_PRIVATE | _MAP_ANONYMOUS, -1, 0)
    if begin is None or begin == _FAILED:
        raise no_memory(os.strerror(ctypes.get_errno()))
    return begin


def _protect(begin: int, size: int, protection: int) -> None:
    """Set what is allowed in a range of pages. Raises MemoryError."""
    if _libc().mprotect(begin, size, protection) != 0:
        raise no_memory(os.strerror(ctypes.get_errno()))


def no_memory(reason: str) -> MemoryError:
    """The exception that says that there is no memory for code."""
    return MemoryError(f"no memory for more code: {reason}")


def _round_up(size: int, unit: int) -> int:
    return -(-size // unit) * unit


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return libc
