"""The table of ``--stats``: each function and loop that was compiled, with its tiers, runs, times and sizes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kaleido.jit import Event, EventKind, RunCounter, Tier, UnitStats
from kaleido.report.columns import legend
from kaleido.report.tables import table

__all__ = ["StatsTable"]


@dataclass
class _Row:
    """One symbol, over all its versions.

    `runs` is the highest count of a version; `size` is the size in bytes of each tier's last machine code.
    """

    name: str
    counter: RunCounter
    versions: int = 1
    runs: int = 0
    deoptimized: int = 0
    tiers: list[Tier] = field(default_factory=list)
    milliseconds: dict[Tier, float] = field(default_factory=lambda: dict.fromkeys(Tier, 0.0))
    size: dict[Tier, int] = field(default_factory=lambda: dict.fromkeys(Tier, 0))


class StatsTable:
    """A subscriber of an engine's events. It also keeps the rows of removed units, such as loops at top level."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}

    def __call__(self, event: Event) -> None:
        row = self._rows.setdefault(event.symbol, _Row(event.unit, event.counter))
        row.runs = max(row.runs, event.runs)
        if event.tier is not None and event.kind is EventKind.COMPILED:
            row.milliseconds[event.tier] += event.seconds * 1000
            row.size[event.tier] = event.size
            if not row.tiers or row.versions != event.version:
                row.tiers.append(event.tier)
            row.versions = event.version
        elif event.tier is not None and event.kind is EventKind.SWAPPED:
            row.tiers.append(event.tier)
        elif event.kind is EventKind.DEOPTIMIZED:
            row.deoptimized += 1
            if row.tiers[-1:] == [Tier.OPTIMIZED] and row.milliseconds[Tier.BASELINE]:
                row.tiers.append(Tier.BASELINE)

    def render(self, now: Iterable[UnitStats]) -> str:
        """The table, and what its columns contain. `now` has the current run counts of the units that still exist."""
        for unit in now:
            if unit.symbol in self._rows:
                self._rows[unit.symbol].runs = max(self._rows[unit.symbol].runs, unit.runs)
        rows = [row for row in self._rows.values() if row.tiers and row.counter is not RunCounter.NONE]
        return table(_HEADINGS, [_cells(row) for row in rows], left=("unit", "tiers")) + "\n" + legend(_HEADINGS)


_HEADINGS = [
    "unit",
    "tiers",
    "runs at -O0",
    "-O0 ms",
    "-O3 ms",
    "-O0 bytes",
    "-O3 bytes",
    "versions",
    "deoptimized",
]


def _cells(row: _Row) -> list[str]:
    return [
        row.name,
        _tier_history(row.tiers),
        row.counter.of(row.runs) if row.runs else "-",
        *(f"{row.milliseconds[tier]:.2f}" if row.milliseconds[tier] else "-" for tier in Tier),
        *(f"{row.size[tier]:,}" if row.size[tier] else "-" for tier in Tier),
        str(row.versions),
        str(row.deoptimized),
    ]


def _tier_history(tiers: list[Tier]) -> str:
    """``-O0 → -O3``; of a long history only the last tiers."""
    shown = [f"-{tier}" for tier in tiers]
    return " → ".join(shown if len(shown) <= 4 else ["…", *shown[-3:]])
