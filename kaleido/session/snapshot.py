"""Undo records."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from kaleido.codegen.scope import Declaration
from kaleido.language.operators import OperatorTable
from kaleido.session.defined_function import DefinedFunction

__all__ = ["Change", "Snapshot", "same_value"]

T = TypeVar("T")


class Snapshot(NamedTuple):
    """The entries of a function table that a change replaces, as they were before it; None is for a missing entry."""

    functions: Mapping[str, DefinedFunction | None]
    declared: Mapping[str, Declaration | None]
    awaited: Mapping[str, bool]
    operators: OperatorTable
    variables: Mapping[str, float | None] = {}

    def merged(self, later: Snapshot) -> Snapshot:
        """The snapshot of two changes together: of this one, and of the change after it."""
        return Snapshot(
            _earliest(self.functions, later.functions),
            _earliest(self.declared, later.declared),
            _earliest(self.awaited, later.awaited),
            self.operators,
            _earliest(self.variables, later.variables),
        )


def _earliest(first: Mapping[str, T], second: Mapping[str, T]) -> dict[str, T]:
    return {**first, **{name: value for name, value in second.items() if name not in first}}


def same_value(left: float | None, right: float | None) -> bool:
    """Whether two values of a variable are the same to the bit; None is for a variable that there is not."""
    if left is None or right is None:
        return left is right
    return struct.pack("d", left) == struct.pack("d", right)


class Change(NamedTuple):
    """A change of definitions and variables, for :meth:`Session.undo`.

    `past` is the snapshot from before it. `deoptimized` are the symbols of the units that it deoptimized.
    """

    past: Snapshot
    deoptimized: frozenset[str]
