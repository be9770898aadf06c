"""Recordings of a session: what kinds of units the language has."""

from __future__ import annotations

from kaleido.codegen.mangling import is_top_level
from kaleido.jit import RunCounter, Unit
from kaleido.language.prelude import PRELUDE
from kaleido.recording import Description

__all__ = ["describe"]

_KINDS = {RunCounter.CALLS: "function", RunCounter.ITERATIONS: "loop"}


def describe(unit: Unit) -> Description:
    """The kind and the origin of a unit of a session."""
    kind = _KINDS.get(unit.counter, "expression" if is_top_level(unit.symbol) else "other")
    return Description(kind, "prelude" if unit.place is not None and unit.place.source == PRELUDE else "program")
