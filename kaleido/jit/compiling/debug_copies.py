"""Debug metadata for copies of functions in the text of a module.

A subprogram describes one function, and each location in a function leads to its subprogram. So a copy of a function
needs a copy of the subprogram and of every node that refers to it: locations, blocks, variables, and the places at
which calls were inlined.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

__all__ = ["DebugCopies", "location"]

_NODE = re.compile(r"^!(\d+) = (.*)$", re.MULTILINE)
_REFERENCE = re.compile(r'"[^"]*"|!(\d+)\b')
_SUBPROGRAM = re.compile(r"!dbg !(\d+) \{$")
_LOCATION = re.compile(r", !dbg !\d+")


class DebugCopies:
    """The metadata of a module whose functions are copied."""

    def __init__(self, module: str) -> None:
        self._nodes = {int(node[1]): node[2] for node in _NODE.finditer(module)} if " !dbg !" in module else {}
        self._next = max(self._nodes, default=-1) + 1
        self._added: list[str] = []

    def copied(self, function: str) -> str:
        """The text of a copy of a function, with nodes of its own."""
        described = _SUBPROGRAM.search(function.partition("\n")[0])
        if described is None:
            return function
        numbers = {number: self._next + index for index, number in enumerate(self._own(function, int(described[1])))}
        self._next += len(numbers)
        self._added += (f"!{new} = {_renumbered(self._nodes[old], numbers)}" for old, new in numbers.items())
        return _renumbered(function, numbers)

    @property
    def added(self) -> str:
        """The new nodes, to be appended to the module."""
        return "".join(f"{node}\n" for node in self._added)

    def _own(self, function: str, subprogram: int) -> list[int]:
        """The nodes that a function uses and that lead to its subprogram."""
        users = defaultdict(list)
        for number in self._reachable(_references(function)):
            for used in _references(self._nodes[number]):
                users[used].append(number)
        found, waiting = {subprogram}, [subprogram]
        while waiting:
            new = set(users[waiting.pop()]) - found
            found |= new
            waiting += new
        return sorted(found)

    def _reachable(self, numbers: Iterable[int]) -> set[int]:
        found = set(numbers)
        waiting = list(found)
        while waiting:
            new = set(_references(self._nodes[waiting.pop()])) - found
            found |= new
            waiting += new
        return found


def location(function: str, line: str = "") -> str:
    """What to append to an instruction that is added to a function: the place of `line`, else line 0 of the function.

    It is empty where the function has no debug information.
    """
    described = _SUBPROGRAM.search(function.partition("\n")[0])
    if described is None:
        return ""
    found = _LOCATION.search(line)
    return found[0] if found is not None else f", !dbg !DILocation(line: 0, scope: !{described[1]})"


def _references(text: str) -> Iterator[int]:
    return (int(found[1]) for found in _REFERENCE.finditer(text) if found[1] is not None)


def _renumbered(text: str, numbers: dict[int, int]) -> str:
    def renumber(found: re.Match[str]) -> str:
        number = numbers.get(int(found[1])) if found[1] is not None else None
        return found[0] if number is None else f"!{number}"

    return _REFERENCE.sub(renumber, text)
