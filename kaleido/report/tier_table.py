"""The table of what is compiled now: each function and loop with its tier, hottest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kaleido.jit import Policy, RunCounter, Tier, UnitStats
from kaleido.report.tables import table

__all__ = ["tier_table"]

_HEADINGS = ("unit", "tier", "runs at -O0", "-O0 ms", "-O3 ms", "bytes", "bound by", "source")
_TEXT = ("unit", "tier", "bound by", "source")

# What is left out first where there is too little room.
_EXPENDABLE = ("source", "-O0 ms", "bytes", "-O3 ms", "bound by")


def tier_table(
    stats: Iterable[UnitStats], policy: Policy, source: Callable[[str], str], columns: int | None = None
) -> str:
    """Rows for the units that have code and count something; empty where there are none.

    What is optimized is hot; beside that, heat is how often a unit has run at the baseline, in thresholds. `source`
    gives the line of a loop, by its name.
    """
    units = [unit for unit in stats if unit.tier is not None and unit.counter is not RunCounter.NONE]
    units.sort(
        key=lambda unit: (unit.tier is Tier.OPTIMIZED, unit.runs / policy.thresholds[unit.counter]), reverse=True
    )
    rows = [_row(unit, unit.tier, source) for unit in units if unit.tier is not None]
    if not rows:
        return ""
    headings = _HEADINGS if any(row[-1] for row in rows) else _HEADINGS[:-1]
    return table(headings, [row[: len(headings)] for row in rows], left=_TEXT, columns=columns, expendable=_EXPENDABLE)


def _row(unit: UnitStats, tier: Tier, source: Callable[[str], str]) -> list[str]:
    return [
        unit.name,
        f"-{tier}",
        unit.counter.of(unit.runs) if unit.runs else "-",
        *(f"{unit.compile_seconds[each] * 1000:.2f}" if each in unit.compile_seconds else "-" for each in Tier),
        f"{unit.code_bytes[tier]:,}",
        ", ".join(unit.dependents) or "-",
        source(unit.name),
    ]
