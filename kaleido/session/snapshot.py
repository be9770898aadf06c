"""Undo records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from kaleido.codegen.scope import Declaration
from kaleido.language.operators import OperatorTable
from kaleido.session.defined_function import DefinedFunction

__all__ = ["Change", "Snapshot"]

T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """The entries of a function table that a change replaces, as they were before it; None is for a missing entry."""

    functions: Mapping[str, DefinedFunction | None]
    declared: Mapping[str, Declaration | None]
    awaited: Mapping[str, bool]
    operators: OperatorTable

    def merged(self, later: Snapshot) -> Snapshot:
        """The snapshot of two changes together: of this one, and of the change after it."""
        return Snapshot(
            _earliest(self.functions, later.functions),
            _earliest(self.declared, later.declared),
            _earliest(self.awaited, later.awaited),
            self.operators,
        )


def _earliest(first: Mapping[str, T], second: Mapping[str, T]) -> dict[str, T]:
    return {**first, **{name: value for name, value in second.items() if name not in first}}


@dataclass(frozen=True)
class Change:
    """A change of what is defined, for :meth:`Session.undo`.

    `past` is the snapshot from before it. `deoptimized` are the symbols of the units that it deoptimized.
    """

    past: Snapshot
    deoptimized: frozenset[str]
