"""The table of ``:tiers``: each function and loop that has machine code, with its tier."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from kaleido.jit import Policy, RunCounter, Tier, UnitStats
from kaleido.report.tables import table
from kaleido.report.tier_marks import label

__all__ = ["HEADINGS", "tier_rows", "tier_table"]

HEADINGS = ("unit", "tier", "runs at -O0", "-O0 ms", "-O3 ms", "bytes", "dependents", "source")
_TEXT = ("unit", "tier", "dependents", "source")

# The columns that are left out first on a narrow terminal.
_EXPENDABLE = ("source", "-O0 ms", "bytes", "-O3 ms", "dependents")


def tier_table(
    stats: Iterable[UnitStats], policy: Policy, source: Callable[[str], str], columns: int | None = None
) -> str:
    """A table of the units that have machine code and a run counter, or an empty string if there is none.

    Optimized units come first, in the order of their definition: their runs are no longer counted. The others follow,
    those first that have run most, in thresholds.
    `source` returns a loop's line of source for its name, and an empty string for a function's.
    """
    headings, rows = tier_rows(stats, policy, source)
    return table(headings, rows, left=_TEXT, columns=columns, expendable=_EXPENDABLE) if rows else ""


def tier_rows(
    stats: Iterable[UnitStats], policy: Policy, source: Callable[[str], str]
) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """The headings and the rows of :func:`tier_table`; no rows if there is no such unit."""
    units = [unit for unit in stats if unit.tier is not None and unit.counter is not RunCounter.NONE]
    units.sort(key=lambda unit: _coldness(unit, policy))
    rows = [_row(unit, unit.tier, source) for unit in units if unit.tier is not None]
    headings = HEADINGS if any(row[-1] for row in rows) else HEADINGS[:-1]
    return headings, [row[: len(headings)] for row in rows]


def _coldness(unit: UnitStats, policy: Policy) -> float:
    threshold = policy.threshold(unit.unit)
    return -math.inf if unit.tier is Tier.OPTIMIZED else -unit.runs / threshold if threshold else 0.0


def _row(unit: UnitStats, tier: Tier, source: Callable[[str], str]) -> list[str]:
    return [
        unit.name,
        label(tier),
        unit.counter.of(unit.runs) if unit.runs else "-",
        *(f"{unit.compile_seconds[each] * 1000:.2f}" if each in unit.compile_seconds else "-" for each in Tier),
        f"{unit.code_bytes[tier]:,}",
        ", ".join(unit.dependents) or "-",
        source(unit.name),
    ]
