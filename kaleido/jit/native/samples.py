"""Samples of what a thread runs: a timer sends it a signal, and the handler notes the program counter.

The problem. To know where the time goes, native code must be looked at while it runs, by something that costs it
nothing. It has no frame pointers and no unwind tables.

The solution. A timer of the kernel counts the processor time of the thread, and sends it SIGPROF. The handler
(``sampler.ll``) writes a sample into a ring: the time, the program counter, the address in the unit that called the C
function that is running, if that is known, and the words on top of the stack. Python reads them later, and looks for
the first of these that is an address in the code of a unit. So a sample in the sine function counts for its caller.

Limits. The kernel looks at the timer at its own ticks: mostly 250 in a second of processor time. A thread that waits is
not sampled. Only the innermost unit is found; and of a C function with large frames, not its caller. A ring is never
freed: a signal of a timer that was deleted may still arrive. Only where faults are handled: see
``faults.missing_protection``.

What does not work, and why.

- *A timer of real time.* It is more exact. But its signals interrupt C functions that sleep, which then return early.
- *A thread in Python that looks.* Nothing tells it the program counter of another thread.
- *ITIMER_PROF.* It counts the time of all threads, and any of them gets the signal.
- *perf_event_open*, which needs a permission that containers do not have.
- *Searching the unit in the handler*, as ``handlers.ll`` does for faults: a search takes some nanoseconds for each unit
  in memory and each word.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from functools import cache
from typing import NamedTuple

from kaleido.jit.compiling.lazy_compiler import baseline_code
from kaleido.jit.native.handlers import llvm_file
from kaleido.jit.native.loader import Loader
from kaleido.jit.process.fork import LockOrder, fork_safe

__all__ = ["CAPACITY", "WORDS", "Ring", "Sample", "sampling_handler"]

WORDS = 32
"""Words of 8 bytes in a sample."""

CAPACITY = 2048
"""Samples in a ring, a power of two: those of some seconds."""

_HEAD = struct.Struct("=qqq")
_SAMPLE = struct.Struct(f"={WORDS}Q")


class Sample(NamedTuple):
    """`time` in seconds of ``time.perf_counter``; addresses, the innermost first; none outside of native code."""

    time: float
    addresses: tuple[int, ...]


class Ring:
    """The memory that a handler writes samples into. Close it, so that another timer can use it."""

    def __init__(self) -> None:
        with _lock:
            self._memory = _unused.pop() if _unused else _new_memory()
        self._read = self._written

    def close(self) -> None:
        with _lock:
            _unused.append(self._memory)

    @property
    def address(self) -> int:
        return ctypes.addressof(self._memory)

    def attach(self, native_thread: int) -> None:
        """Say which thread will be sampled: the address of its NativeThread."""
        _HEAD.pack_into(self._memory, 0, self._written, CAPACITY - 1, native_thread)

    def take(self) -> list[Sample]:
        """The samples since the last time; the oldest are lost where there were more than CAPACITY."""
        written = self._written
        first, self._read = max(self._read, written - CAPACITY), written
        return [self._sample(number) for number in range(first, written)]

    @property
    def _written(self) -> int:
        written: int = ctypes.c_int64.from_address(self.address).value
        return written

    def _sample(self, number: int) -> Sample:
        words = _SAMPLE.unpack_from(self._memory, _HEAD.size + number % CAPACITY * _SAMPLE.size)
        # A return address may be that of the next function: the call is before it.
        callers = (word - 1 for word in words[2:] if word)
        return Sample(words[0] / 1e9, (words[1], *callers) if words[1] else ())


_Memory = ctypes.Array[ctypes.c_char]

_lock = fork_safe(threading.Lock(), LockOrder.STACKS)
_unused: list[_Memory] = []
_never_freed: list[_Memory] = []


def _new_memory() -> _Memory:
    memory = ctypes.create_string_buffer(_HEAD.size + CAPACITY * _SAMPLE.size)
    _never_freed.append(memory)
    return memory


@cache
def sampling_handler() -> int:
    """The address of the handler, compiled and loaded by the first call. Raises MemoryError."""
    loader = Loader(1)
    _never_closed.append(loader)
    code = baseline_code(llvm_file("sampler.ll"))
    return loader.load(code, ["on.sample"], {}).addresses["on.sample"]


_never_closed: list[Loader] = []
