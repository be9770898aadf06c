"""The native part of :mod:`faults`: signal handlers and the way out of native code, compiled from ``handlers.ll``.

PUT_BYTE is loaded with it.

They are native code, because a handler must be async-signal-safe, which Python is not. They are compiled once for the
process and belong to no engine, because a signal may arrive at any time, after the last engine is closed, too.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from kaleido.jit.compiling.lazy_compiler import baseline_code
from kaleido.jit.compiling.object_cache import ObjectCache
from kaleido.jit.native.code_ranges import PROCESS_RANGES
from kaleido.jit.native.faults import LEAVE_JIT, REENTER_JIT, missing_protection
from kaleido.jit.native.loader import Loader
from kaleido.jit.native.put_byte import HAND_OVER, PUT_BYTE, TAKE, Held, put_byte_ir
from kaleido.jit.process.fork import LockOrder, after_fork_in_child, fork_safe
from kaleido.jit.process.interrupts import RESTORED

__all__ = ["Handlers", "handlers", "llvm_file", "take_bytes"]

_EXPORTS = (
    LEAVE_JIT,
    REENTER_JIT,
    "reenter.code",
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
_OUTPUT = (PUT_BYTE, HAND_OVER, TAKE, "held.bytes")


class Handlers(NamedTuple):
    """Addresses of the functions and variables of ``handlers.ll`` and of ``put_byte``, in the order of their names."""

    leave: int
    reenter: int
    reenter_code: int
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
    put_byte: int
    hand_over: int
    take: int
    held: int

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
    protected = not missing_protection()
    loader = Loader(2)
    imports = {"code.ranges": PROCESS_RANGES.address, "signals.restored": ctypes.addressof(RESTORED)}
    try:
        # Without protection, an entry does not hand over what is held.
        output = loader.load(baseline_code(put_byte_ir(hold=protected), objects), _OUTPUT, {})
        imports[HAND_OVER] = output.addresses[HAND_OVER]
        source = llvm_file("handlers.ll" if protected else "unprotected.ll")
        loaded = loader.load(baseline_code(source, objects), _EXPORTS, imports)
    except BaseException:
        loader.close()
        raise
    _never_closed.append(loader)
    addresses = {**loaded.addresses, **output.addresses}
    held = Held.from_address(addresses["held.bytes"])
    if hasattr(libc := ctypes.CDLL(None), "stdout"):
        held.stream = ctypes.c_void_p.in_dll(libc, "stdout").value or 0
    return Handlers(*(addresses[name] for name in (*_EXPORTS, *_OUTPUT)))


def take_bytes() -> None:
    """Write what PUT_BYTE holds back to C's standard output. The caller has the lock of that stream."""
    if _handlers:
        _take()()


@cache
def _take() -> Callable[[], None]:
    return ctypes.CFUNCTYPE(None)(_handlers[0].take)


def _own_nothing(_: bool) -> None:
    """In a forked child: the thread whose bytes are held exists in the parent only. The one that forked holds none."""
    if _handlers:
        Held.from_address(_handlers[0].held).owner = 0


after_fork_in_child(_own_nothing)


def llvm_file(name: str) -> str:
    """The text of one of this package's files of LLVM IR."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="ascii") as file:
        return file.read()


_compiling = fork_safe(threading.Lock(), LockOrder.HANDLERS)
_handlers: list[Handlers] = []
_never_closed: list[Loader] = []
