"""Address ranges of machine code: for signal handlers, and for looking up the unit at an address.

The problem. A signal handler must know whether the thread that it interrupted was in the code of a unit. It may take
no lock: the thread that it interrupted may hold it. It may run at any moment while another thread loads or frees code.

The solution. :class:`CodeRanges` is an array of [begin, end) pairs after a word with the array's capacity. The handler
searches it from end to end, once per signal (``@in.unit.code`` in handlers.ll). It is changed one aligned word at a
time: an entry with the beginning 0 is unused; to add an entry, its end is stored before its beginning; the handler
reads the beginning again after the end, and skips an entry that changed in between. When the array is full, one of
twice the capacity replaces it by one store of a pointer. The old one is kept, as a handler may be reading it: together
the old arrays are smaller than the current one.

Limits. A search takes time in proportion to the number of units, some nanoseconds for each. Signals are rare.

What does not work, and why.

- *A lock.* The handler would wait for a thread that waits for the handler.
- *A sorted array, or a tree.* To add an entry moves or relinks others. A handler that reads in between misses entries
  that were there all the time, and an interrupted program would go on.
- *A copy for each change.* The copies could never be freed, since no count tells whether a handler reads one. Their
  size would grow with the square of the number of units.
- *Asking the system (``dladdr``) or LLVM.* Both take locks, and the system does not know of code that was not loaded
  from a file.
- *Comparing with the bounds of the regions that code is in* (see ``code_memory``): stubs, entry points and the hook are
  in them, too, and are not the code of a unit. And where LLVM's linker loads, there are no regions.

Python code that wants to know more than "is this code?" uses a :class:`CodeMap`, one for each engine.
"""

from __future__ import annotations

import ctypes
import threading
from bisect import bisect_right, insort
from typing import Generic, TypeVar

__all__ = ["PROCESS_RANGES", "CodeMap", "CodeRanges"]

T = TypeVar("T")

_FIRST_CAPACITY = 64


class CodeRanges:
    """A set of address ranges that a signal handler can search. Thread-safe.

    The layout of the array is ``%CodeRanges`` in handlers.ll.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pointer = ctypes.c_void_p()
        self._tables: list[ctypes.Array[ctypes.c_int64]] = []
        self._unused: list[int] = []
        self._indices: dict[int, int] = {}
        self._grow(_FIRST_CAPACITY)

    @property
    def address(self) -> int:
        """The address of the pointer to the current array."""
        return ctypes.addressof(self._pointer)

    def add(self, begin: int, end: int) -> None:
        """Add a range. Raises MemoryError; then it is not there."""
        with self._lock:
            if not self._unused:
                self._grow(2 * len(self._indices))
            index, table = self._unused.pop(), self._tables[-1]
            self._indices[begin] = index
            table[2 + 2 * index] = end
            table[1 + 2 * index] = begin

    def remove(self, begin: int) -> None:
        """Remove the range that begins at `begin`. Raises KeyError."""
        with self._lock:
            index = self._indices.pop(begin)
            self._tables[-1][1 + 2 * index] = 0
            self._unused.append(index)

    def _grow(self, capacity: int) -> None:
        old = list(self._tables[-1]) if self._tables else [0]
        table = (ctypes.c_int64 * (1 + 2 * capacity))(capacity, *old[1:])
        self._unused += range(capacity - 1, len(old) // 2 - 1, -1)
        self._tables.append(table)
        self._pointer.value = ctypes.addressof(table)


PROCESS_RANGES = CodeRanges()
"""The code of all engines, for the handlers: through C, a thread of one engine may run the code of another.

It changes only while an engine's lock is held, so a fork never happens in the middle of a change."""


class CodeMap(Generic[T]):
    """Address ranges of code, each with its owner. Its ranges are in PROCESS_RANGES, too. Not thread-safe by itself."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._entries: dict[int, tuple[int, T]] = {}

    def add(self, begin: int, end: int, owner: T) -> None:
        """Add a range. Raises MemoryError; then it is not there."""
        PROCESS_RANGES.add(begin, end)
        insort(self._begins, begin)
        self._entries[begin] = (end, owner)

    def remove(self, begin: int) -> None:
        """Remove the range that begins at `begin`. Raises KeyError."""
        PROCESS_RANGES.remove(begin)
        del self._entries[begin]
        del self._begins[bisect_right(self._begins, begin) - 1]

    def clear(self) -> None:
        """Remove all ranges."""
        for begin in self._begins:
            PROCESS_RANGES.remove(begin)
        self._begins.clear()
        self._entries.clear()

    def find(self, address: int) -> T | None:
        """The owner of the range that contains `address`, or None."""
        index = bisect_right(self._begins, address) - 1
        if index < 0:
            return None
        end, owner = self._entries[self._begins[index]]
        return owner if address < end else None

    def owners(self) -> list[T]:
        """The owner of each range."""
        return [owner for _, owner in self._entries.values()]
