"""The time of each run of a program as a line of columns that falls when its functions are swapped to -O3."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from kaleido.jit import Tier
from kaleido.report.bars import duration, times_as_fast
from kaleido.report.tier_marks import label, mark

__all__ = ["Column", "RunTimes"]

# How many columns there are for twice as many runs, at most.
_PER_DOUBLING = 8

_HEIGHTS = " ▁▂▃▄▅▆▇█"


class Column(NamedTuple):
    """Consecutive runs: the first and the last, their seconds together, and the tier in which the last one began."""

    first: int
    last: int
    seconds: float
    tier: Tier

    @property
    def mean(self) -> float:
        """Seconds per run."""
        return self.seconds / (self.last - self.first + 1)


class RunTimes:
    """Run times in the order of the runs. A few first runs have a column each, later columns have more and more runs.

    So the swap stays in sight, which often happens in the first runs, and memory stays small.
    """

    def __init__(self) -> None:
        self._columns: list[Column] = []

    def __len__(self) -> int:
        """The number of runs."""
        return self._columns[-1].last if self._columns else 0

    def add(self, seconds: float, tier: Tier) -> None:
        """Add a run that began at `tier`."""
        number = len(self) + 1
        run = Column(number, number, seconds, tier)
        if self._columns and _place(self._columns[-1].first) == _place(number):
            self._columns[-1] = _joined(self._columns[-1], run)
        else:
            self._columns.append(run)

    def columns(self, most: int) -> Sequence[Column]:
        """At most that many columns with all runs."""
        # A copy: another thread may add runs.
        columns, places = [*self._columns], 1
        while len(columns) > most:
            places *= 2
            columns = [_all_joined(group) for group in _grouped(columns, places)]
        return columns

    def chart(self, width: int, height: int) -> Iterator[list[tuple[Tier, str]]]:
        """Lines in pieces, each with its tier: columns as high as their times, and the marks of their tiers below."""
        columns = self.columns(width)
        highest = max((column.mean for column in columns), default=0.0) or 1.0
        eighths = [max(1, round(column.mean / highest * height * 8)) for column in columns]
        for line in reversed(range(height)):
            cells = (_HEIGHTS[min(8, max(0, each - 8 * line))] for each in eighths)
            yield _pieces(columns, cells)
        yield _pieces(columns, (mark(column.tier) for column in columns))

    def summary(self) -> str:
        """The median time of a run that began at each tier: ``○ -O0 12.3 ms → ● -O3 1.02 ms, 12 times as fast``."""
        columns = [*self._columns]
        of_tiers = {tier: [column.mean for column in columns if column.tier is tier] for tier in Tier}
        medians = {tier: sorted(means)[len(means) // 2] for tier, means in of_tiers.items() if means}
        text = " → ".join(f"{label(tier)} {duration(seconds * 1e9)}" for tier, seconds in medians.items())
        if len(medians) < len(Tier):
            return text
        return f"{text}, {times_as_fast(medians[Tier.BASELINE] / medians[Tier.OPTIMIZED])}"

    def latest(self) -> str:
        """The later half of 1, 3, 7, 15, … runs as a line: ``runs 4 to 7: 1.02 ms ● -O3``; else an empty text."""
        number = len(self) + 1
        if number < 2 or number.bit_count() > 1:
            return ""
        last = _all_joined([column for column in self._columns if column.first >= number // 2])
        runs = f"run {last.last:,}" if last.first == last.last else f"runs {last.first:,} to {last.last:,}"
        return f"{runs}: {duration(last.mean * 1e9)} {label(last.tier)}"


def _place(run: int) -> int:
    return int(_PER_DOUBLING * math.log2(run))


def _grouped(columns: Sequence[Column], places: int) -> Iterator[list[Column]]:
    return ([*group] for _, group in groupby(columns, lambda column: _place(column.first) // places))


def _joined(left: Column, right: Column) -> Column:
    return Column(left.first, right.last, left.seconds + right.seconds, right.tier)


def _all_joined(columns: Sequence[Column]) -> Column:
    return Column(columns[0].first, columns[-1].last, sum(each.seconds for each in columns), columns[-1].tier)


def _pieces(columns: Sequence[Column], cells: Iterator[str]) -> list[tuple[Tier, str]]:
    """The cells of a line, those beside each other together that have the same tier."""
    groups = groupby(zip(columns, cells, strict=True), lambda each: each[0].tier)
    return [(tier, "".join(cell for _, cell in group)) for tier, group in groups]
