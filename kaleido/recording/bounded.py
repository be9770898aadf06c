"""Lists that stay small, however long a recording is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Capped", "Thinned"]

T = TypeVar("T")


class Capped(Generic[T]):
    """The first and the latest items, at most `most` together; `left_out` counts those in between."""

    def __init__(self, most: int) -> None:
        self._first: list[T] = []
        self._half = most // 2
        self._latest: deque[T] = deque(maxlen=most - self._half)
        self.left_out = 0

    def append(self, item: T) -> None:
        if len(self._first) < self._half:
            self._first.append(item)
            return
        self.left_out += len(self._latest) == self._latest.maxlen
        self._latest.append(item)

    def __iter__(self) -> Iterator[T]:
        yield from self._first
        yield from self._latest

    def __len__(self) -> int:
        return len(self._first) + len(self._latest)


class Thinned(Generic[T]):
    """Samples, at most `most`: of too many, every second one goes, and later ones are as far apart as those left."""

    def __init__(self, most: int) -> None:
        self._most, self._every, self._skipped = most, 1, 0
        self._items: list[T] = []
        self._latest: T | None = None

    def append(self, item: T) -> None:
        self._latest = item
        self._skipped += 1
        if self._skipped < self._every:
            return
        self._skipped = 0
        self._items.append(item)
        if len(self._items) > self._most:
            del self._items[1::2]
            self._every *= 2

    def __iter__(self) -> Iterator[T]:
        """The samples, the latest one included."""
        yield from self._items
        if self._latest is not None and self._skipped:
            yield self._latest

    def __len__(self) -> int:
        return len(self._items) + bool(self._skipped)
