"""Checks of units that are the same, made once: nearly every session defines the prelude, and checks take longest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Any

from kaleido.jit import Unit
from kaleido.jit.compiling import unit_checks

__all__ = ["check_once"]

# Units that are kept, the latest used: those of a few programs, and of the prelude.
UNITS = 1_000

_passed: OrderedDict[tuple[Any, ...], None] = OrderedDict()
_check = unit_checks._check


def check_once() -> None:
    """From now on, check a unit only if none like it has passed: what is wrong is found and reported each time."""
    unit_checks._check = _check_once


def _check_once(unit: Unit, externals: Collection[str]) -> None:
    if not _can_be_compared(unit):
        _check(unit, externals)
        return
    # All that the checks read. A unit's nested ones are checked one by one.
    key = (
        unit.symbol, unit.signature, unit.ir, unit.name, unit.counter, unit.data, unit.c_functions,
        *unit.calls.items(), None, *unit.externals.items(), None, *externals,
    )  # fmt: skip
    if key not in _passed:
        _check(unit, externals)
        _passed[key] = None
        if len(_passed) > UNITS:
            _passed.popitem(last=False)
    _passed.move_to_end(key)


def _can_be_compared(unit: Unit) -> bool:
    """Whether units with equal fields are the same to the checks, as ``True`` and ``1`` are not."""
    return (
        all(type(each) is str for each in (unit.symbol, unit.ir, unit.name))
        and all(type(each) is int for each in unit.externals.values())
        and type(unit.data) is frozenset
    )
