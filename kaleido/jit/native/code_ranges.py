"""Where the machine code of units is, in a form that a signal handler can read.

A handler can take no lock, and may interrupt the thread that is changing the table. So the table is an array of
[begin, end) pairs of addresses, after a word with their number; it is searched from end to end, once for each signal,
and changed one aligned word at a time: a pair whose beginning is 0 is none. Where it gets too small a larger one takes
its place, and the old one is kept: somebody may be reading it.
"""

from __future__ import annotations

import ctypes
import threading
from bisect import bisect_right, insort
from typing import Generic, TypeVar

__all__ = ["CODE", "SEARCH", "CodeMap", "CodeRanges"]

T = TypeVar("T")

_FIRST_CAPACITY = 64

SEARCH = """
@ranges = external global ptr
define internal i1 @in.code(i64 %address) nounwind {
  %table = load atomic ptr, ptr @ranges acquire, align 8
  %count = load i64, ptr %table
  br label %look
look:
  %index = phi i64 [0, %0], [%next, %on]
  %more = icmp ult i64 %index, %count
  br i1 %more, label %read, label %nowhere
read:
  %pair = mul i64 %index, 16
  %at.begin = add i64 %pair, 8
  %at.end = add i64 %pair, 16
  %begin.field = getelementptr i8, ptr %table, i64 %at.begin
  %end.field = getelementptr i8, ptr %table, i64 %at.end
  %begin = load atomic i64, ptr %begin.field acquire, align 8
  %end = load atomic i64, ptr %end.field acquire, align 8
  %still = load atomic i64, ptr %begin.field acquire, align 8
  %unchanged = icmp eq i64 %begin, %still
  %used = icmp ne i64 %begin, 0
  %after = icmp uge i64 %address, %begin
  %before = icmp ult i64 %address, %end
  %a = and i1 %unchanged, %used
  %b = and i1 %after, %before
  %inside = and i1 %a, %b
  br i1 %inside, label %here, label %on
on:
  %next = add i64 %index, 1
  br label %look
here:
  ret i1 true
nowhere:
  ret i1 false
}
"""
"""``i1 @in.code(i64)``: whether an address is in one of the ranges. It imports `ranges`: :attr:`CodeRanges.address`."""


class CodeRanges:
    """A set of ranges of addresses."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cell = ctypes.c_void_p()
        self._tables: list[ctypes.Array[ctypes.c_int64]] = []
        self._free: list[int] = []
        self._slots: dict[int, int] = {}
        self._grow(_FIRST_CAPACITY)

    @property
    def address(self) -> int:
        """Of the pointer to the table."""
        return ctypes.addressof(self._cell)

    def add(self, begin: int, end: int) -> None:
        with self._lock:
            if not self._free:
                self._grow(2 * len(self._slots))
            slot, table = self._free.pop(), self._tables[-1]
            self._slots[begin] = slot
            table[2 + 2 * slot] = end
            table[1 + 2 * slot] = begin

    def remove(self, begin: int) -> None:
        with self._lock:
            slot = self._slots.pop(begin)
            self._tables[-1][1 + 2 * slot] = 0
            self._free.append(slot)

    def _grow(self, capacity: int) -> None:
        old = list(self._tables[-1]) if self._tables else [0]
        table = (ctypes.c_int64 * (1 + 2 * capacity))(capacity, *old[1:])
        self._free += range(capacity - 1, len(old) // 2 - 1, -1)
        self._tables.append(table)
        self._cell.value = ctypes.addressof(table)


CODE = CodeRanges()
"""The units of all engines: through C, the code of one may come to run on the thread of another. It is changed with the
lock of an engine held, and so never in the middle of a fork."""


class CodeMap(Generic[T]):
    """The owners of ranges of addresses. Signal handlers see the ranges of all engines together, in CODE."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._owners: dict[int, tuple[int, T]] = {}

    def add(self, begin: int, end: int, owner: T) -> None:
        insort(self._starts, begin)
        self._owners[begin] = (end, owner)
        CODE.add(begin, end)

    def remove(self, begin: int) -> None:
        CODE.remove(begin)
        del self._owners[begin]
        del self._starts[bisect_right(self._starts, begin) - 1]

    def clear(self) -> None:
        """Forget all of it: it is about to be freed."""
        for address in self._starts:
            CODE.remove(address)
        self._starts.clear()
        self._owners.clear()

    def find(self, address: int) -> T | None:
        """The owner of the range that `address` is in."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        end, owner = self._owners[self._starts[index]]
        return owner if address < end else None

    def owners(self) -> list[T]:
        """All owners, in no particular order."""
        return [owner for _, owner in self._owners.values()]
