"""The native part of :mod:`faults`: signal handlers and the way out of native code, compiled from ``handlers.ll``.

PUT_BYTE is compiled with it.

They are native code, because a handler must be async-signal-safe, which Python is not. They are compiled once for the
process and belong to no engine, because a signal may arrive at any time, after the last engine is closed, too.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import NamedTuple

from kaleido.jit.compiling.lazy_compiler import baseline_code
from kaleido.jit.compiling.object_cache import ObjectCache
from kaleido.jit.native.code_ranges import PROCESS_RANGES
from kaleido.jit.native.faults import LEAVE_JIT, REENTER_JIT, missing_protection
from kaleido.jit.native.loader import Loader
from kaleido.jit.native.put_byte import PUT_BYTE, put_byte_ir
from kaleido.jit.process.fork import LockOrder, fork_safe
from kaleido.jit.process.interrupts import RESTORED

__all__ = ["Handlers", "handlers", "llvm_file"]

_EXPORTS = (
    LEAVE_JIT,
    REENTER_JIT,
    PUT_BYTE,
    "find.thread",
    "find.owner",
    "renew.handlers",
    "renew.stale.handlers",
    "on.overflow",
    "on.interrupt",
    "threads",
    "previous.overflow",
    "original.overflow",
    "previous.interrupt",
    "main.thread",
    "ctrl.c.pipe",
)


class Handlers(NamedTuple):
    """Addresses of the functions and variables of ``handlers.ll``, and of PUT_BYTE, in the order of _EXPORTS."""

    leave: int
    reenter: int
    put_byte: int
    find_thread: int
    find_owner: int
    renew_handlers: int
    renew_stale_handlers: int
    on_overflow: int
    on_interrupt: int
    threads: int
    previous_overflow: int
    original_overflow: int
    previous_interrupt: int
    main_thread: int
    ctrl_c_pipe: int

    @property
    def imports(self) -> dict[str, int]:
        """The symbols that every unit may use, with their addresses."""
        return {LEAVE_JIT: self.leave, REENTER_JIT: self.reenter, PUT_BYTE: self.put_byte}


def handlers(objects: ObjectCache | None = None) -> Handlers:
    """The handlers of this process, compiled and loaded by the first call, which may use `objects`. Thread-safe. Raises
    MemoryError."""
    with _compiling:
        if not _handlers:
            _handlers.append(_compile(objects))
        return _handlers[0]


def _compile(objects: ObjectCache | None) -> Handlers:
    source = llvm_file("unprotected.ll" if missing_protection() else "handlers.ll") + put_byte_ir()
    loader = Loader(2)
    imports = {"code.ranges": PROCESS_RANGES.address, "signals.restored": ctypes.addressof(RESTORED)}
    try:
        loaded = loader.load(baseline_code(source, objects), _EXPORTS, imports)
    except BaseException:
        loader.close()
        raise
    _never_closed.append(loader)
    return Handlers(*(loaded.addresses[name] for name in _EXPORTS))


def llvm_file(name: str) -> str:
    """The text of one of this package's files of LLVM IR."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="ascii") as file:
        return file.read()


_compiling = fork_safe(threading.Lock(), LockOrder.HANDLERS)
_handlers: list[Handlers] = []
_never_closed: list[Loader] = []
