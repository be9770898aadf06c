"""The file from which ``perf inject --jit`` takes JIT code with its bytes and source lines: ``jit-PID.dump``.

Unlike the file of ``perf_map``, it has times: an address that is used again is what it was when a sample was taken. And
``perf annotate`` shows instructions, with source lines where a unit's IR has ``!dbg``. perf makes an object file of
each record::

    perf record -k mono -o perf.data python program.py
    perf inject --jit -i perf.data -o perf.jit.data
    perf report -i perf.jit.data

The format is described in the sources of Linux, ``tools/perf/Documentation/jitdump-specification.txt``. perf finds the
file by a *marker*: a mapping of it into memory as executable, which perf records.

With ``Policy.frame_pointers``, ``perf record -g`` finds the callers of native code, up to the call from Python.
There are no unwind tables, for ``--call-graph dwarf``: functions of units are ``nounwind``, and LLVM writes none for
them.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import time
from itertools import count
from pathlib import Path
from struct import Struct

from kaleido.jit.engine import Engine
from kaleido.jit.observers.code_events import Code, follow
from kaleido.jit.observers.process_files import open_own

__all__ = ["JitDump"]

_HEADER = Struct("<IIIIIIQQ")
_MAGIC, _VERSION, _EM_X86_64 = 0x4A695444, 1, 62

# Each record begins with its kind, its size, and a time. CLOCK_MONOTONIC is perf's `-k mono`.
_RECORD = Struct("<IIQ")
_LOAD, _JIT_CODE_LOAD = Struct("<IIQQQQ"), 0
_DEBUG, _LINE, _JIT_CODE_DEBUG_INFO = Struct("<QQ"), Struct("<Qii"), 2

# perf numbers its object files by it: unique in the process.
_indices = count()

# One for each file, or perf would read that twice.
_markers: dict[Path, mmap.mmap] = {}
_lock = threading.Lock()


class JitDump:
    """Writes the machine code of an engine to this process's file in `folder`. Several engines may share it.

    Create it while perf records, before the first call. Raises OSError where the file cannot be written or mapped as
    executable, or is not this user's own.
    """

    def __init__(self, engine: Engine, folder: str | os.PathLike[str] = ".") -> None:
        self.path = Path(folder).absolute() / f"jit-{os.getpid()}.dump"
        self._file = open_own(self.path)
        try:
            with _lock:
                _begin(self.path, self._file)
        except BaseException:
            os.close(self._file)
            raise
        self._unsubscribe = follow(engine, self._add, lambda address: None, lines=True)

    def close(self) -> None:
        """Write no more. The file stays: perf reads it when the process has ended."""
        self._unsubscribe()
        os.close(self._file)

    def _add(self, code: Code) -> None:
        # Lines come before their code. In one write: with O_APPEND, those of several engines do not mix.
        written = _lines(code) if code.lines else b""
        numbers = os.getpid(), threading.get_native_id(), code.address, code.address, code.size, next(_indices)
        content = code.name.encode() + b"\0" + ctypes.string_at(code.address, code.size)
        os.write(self._file, written + _record(_JIT_CODE_LOAD, _LOAD.pack(*numbers) + content))


def _begin(path: Path, file: int) -> None:
    """Write the header of a new file, and leave the marker."""
    if os.fstat(file).st_size == 0:
        numbers = _MAGIC, _VERSION, _HEADER.size, _EM_X86_64, 0, os.getpid(), time.monotonic_ns(), 0
        os.write(file, _HEADER.pack(*numbers))
    if path not in _markers:
        _markers[path] = mmap.mmap(file, _HEADER.size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)


def _record(kind: int, content: bytes) -> bytes:
    return _RECORD.pack(kind, _RECORD.size + len(content), time.monotonic_ns()) + content


def _lines(code: Code) -> bytes:
    entries = [_LINE.pack(address, line, 0) + file.encode() + b"\0" for address, file, line in code.lines]
    return _record(_JIT_CODE_DEBUG_INFO, _DEBUG.pack(code.address, len(entries)) + b"".join(entries))
