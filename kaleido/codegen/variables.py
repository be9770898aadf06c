"""Variables with block structure: an inner declaration shadows an outer one of the same name."""

from __future__ import annotations

from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import Generic, TypeVar

__all__ = ["Variables"]

T = TypeVar("T")


class Variables(Generic[T]):
    """The variables in scope, each with what is known about it."""

    def __init__(self) -> None:
        self._known: dict[str, T] = {}
        # The declarations of the open blocks, innermost last: the name, and the value that the declaration shadows.
        self._shadowed: list[tuple[str, T | None]] = []

    def __getitem__(self, name: str) -> T:
        return self._known[name]

    def __contains__(self, name: str) -> bool:
        return name in self._known

    @property
    def names(self) -> Set[str]:
        return self._known.keys()

    def declare(self, name: str, value: T) -> None:
        """Declare a variable until the end of the innermost open block."""
        self._shadowed.append((name, self._known.get(name)))
        self._known[name] = value

    def declare_outermost(self, name: str, value: T) -> None:
        """Declare a variable that is not in scope as if before all blocks: it stays in scope."""
        self._known[name] = value

    @contextmanager
    def block(self) -> Iterator[None]:
        """A block: at its end, its declarations go out of scope, and those that they shadow are visible again."""
        depth = len(self._shadowed)
        yield
        while len(self._shadowed) > depth:
            name, outer = self._shadowed.pop()
            if outer is None:
                del self._known[name]
            else:
                self._known[name] = outer
