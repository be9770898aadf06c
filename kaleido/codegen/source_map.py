"""Which part of the source each instruction of a function comes from, and its variables, for debuggers and listings.

Lowering only notes offsets. Lines and columns are computed when the debug information is asked for, which a plain run
does not do.
"""

from __future__ import annotations

from kaleido.diagnostics import Source
from kaleido.jit import DebugInfo, DebugVariable

__all__ = ["RecordedMap", "SourceMap"]

# LLVM visits scopes by recursion. Variables that are nested more deeply are in one scope.
_DEEPEST_SCOPE = 200

_NOWHERE = (-1, 0)

# The scopes of a function without blocks.
_OUTERMOST = ((0, 0, 0),)


class SourceMap:
    """The map of one function while it is lowered.

    `place`      that of the next instruction: an offset into the source, and the index of a scope
    `places`     of each line of the body so far, two numbers each; a negative offset where a line has no place
    `scopes`     for each the scope around it, the offset at which it begins, and how deeply it is nested
    `scope`      that of the next instruction; a block restores it at its end
    `variables`  for each the name, the address, the line of the body, the scope, the offset (-1 if there is none), and
                 the number of the parameter
    """

    def __init__(self) -> None:
        self.place = _NOWHERE
        self.places: list[int] = []
        self.scope = 0
        self.scopes: list[tuple[int, int, int]] = [*_OUTERMOST]
        self.variables: list[tuple[str, str, int, int, int, int]] = []

    def instruction(self) -> None:
        """The next line is an instruction."""
        self.places += self.place

    def label(self) -> None:
        """The next line is a label."""
        self.places += _NOWHERE

    def declare(self, name: str, address: str, offset: int) -> None:
        """A variable is in scope from the next line on, until the end of the block."""
        self.variables.append((name, address, len(self.places) // 2, self._inner(offset), offset, 0))

    def declare_parameter(self, name: str, address: str, number: int, offset: int = -1) -> None:
        self.variables.append((name, address, 0, 0, offset, number))

    def _inner(self, offset: int) -> int:
        depth = self.scopes[self.scope][2] + 1
        if depth <= _DEEPEST_SCOPE:
            self.scopes.append((self.scope, offset, depth))
            self.scope = len(self.scopes) - 1
        return self.scope


class RecordedMap:
    """The finished map of a function that begins at `offset` of `source`; `before` lines of its IR precede the body.

    Call it for the debug information. It stays as long as the unit, so it is small.
    """

    __slots__ = ("before", "offset", "places", "scopes", "source", "variables")

    def __init__(self, source: Source, offset: int, before: int, map: SourceMap) -> None:
        self.source, self.offset, self.before = source, offset, before
        self.places, self.variables = tuple(map.places), tuple(map.variables)
        self.scopes = tuple(map.scopes) if len(map.scopes) > 1 else _OUTERMOST

    def __call__(self) -> DebugInfo:
        return DebugInfo(
            self.source.name,
            self.source.text,
            self._position(self.offset)[0],
            [*[None] * self.before, *map(self._place, self.places[::2], self.places[1::2])],
            [(around, *self._position(offset)) for around, offset, _ in self.scopes],
            [
                DebugVariable(
                    name, address, self.before + index, scope, number, self._position(offset)[0], offset < 0 < number
                )
                for name, address, index, scope, offset, number in self.variables
            ],
        )

    def _place(self, offset: int, scope: int) -> tuple[int, int, int] | None:
        return (*self._position(offset), scope) if offset >= 0 else None

    def _position(self, offset: int) -> tuple[int, int]:
        return self.source.position(offset) if offset >= 0 else (0, 0)
