"""The unused parts of a range of addresses."""

from __future__ import annotations

from bisect import bisect_left, insort

__all__ = ["FreeSpace"]


class FreeSpace:
    """Disjoint spans of addresses, of which no two touch each other. Taking and giving take logarithmic time.

    (An insertion into a sorted list moves its tail, which a processor does at memory speed.)
    """

    def __init__(self, begin: int, end: int) -> None:
        self._ends = {begin: end}
        self._begins = {end: begin}
        self._by_size = [(end - begin, begin)]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """The beginning and the end of each span, in order."""
        return sorted(self._ends.items())

    def take(self, size: int) -> int | None:
        """Take `size` bytes from the smallest span that has them; returns where they begin, or None."""
        index = bisect_left(self._by_size, (size, 0))
        if index == len(self._by_size):
            return None
        begin = self._by_size[index][1]
        end = self._remove(begin)
        if begin + size < end:
            self._add(begin + size, end)
        return begin

    def give(self, begin: int, end: int) -> None:
        """Make a span free again, and merge it with its neighbors."""
        if begin in self._begins:
            left = self._begins[begin]
            self._remove(left)
            begin = left
        if end in self._ends:
            end = self._remove(end)
        self._add(begin, end)

    def _add(self, begin: int, end: int) -> None:
        self._ends[begin], self._begins[end] = end, begin
        insort(self._by_size, (end - begin, begin))

    def _remove(self, begin: int) -> int:
        """Remove the span that begins at `begin`; returns its end."""
        end = self._ends.pop(begin)
        del self._begins[end]
        del self._by_size[bisect_left(self._by_size, (end - begin, begin))]
        return end
