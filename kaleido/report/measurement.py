"""The results of benchmarks: samples of an expression for each tier, runs of a program in each mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kaleido.jit import Tier

__all__ = ["Measurement", "ProgramMeasurement", "ProgramRun", "Samples"]


class Samples(NamedTuple):
    """Nanoseconds per evaluation in each sample; `evaluations` is the number of evaluations in all samples together."""

    nanoseconds: tuple[float, ...]
    evaluations: int

    @property
    def median(self) -> float:
        return _median(self.nanoseconds)

    @property
    def lowest(self) -> float:
        return min(self.nanoseconds)

    @property
    def highest(self) -> float:
        return max(self.nanoseconds)

    @property
    def spread(self) -> float:
        """The median absolute deviation, as a part of the median: half of the samples are within it."""
        middle = self.median
        return _median([abs(each - middle) for each in self.nanoseconds]) / middle


class Measurement(NamedTuple):
    """The result of :func:`kaleido.bench.measure`.

    `samples`  for each tier, the same number of each; the times include the call
    `call`     nanoseconds that calling an empty unit takes, which each evaluation includes
    `value`    the value of the expression; None if it varies, which only C functions can cause
    """

    samples: Mapping[Tier, Samples]
    call: float
    value: float | None

    @property
    def speedup(self) -> float:
        """The speed of -O3 relative to -O0: the ratio of the medians."""
        return self.samples[Tier.BASELINE].median / self.samples[Tier.OPTIMIZED].median


class ProgramRun(NamedTuple):
    """The seconds of one run of a program: `compile` before and between its expressions, `run` while they ran.

    `beside` are the seconds that a tiered run compiled in the background; they are not part of the others.
    """

    compile: float
    run: float
    beside: float = 0.0

    @property
    def total(self) -> float:
        return self.compile + self.run


class ProgramMeasurement:
    """The result of :func:`kaleido.bench.measure_program`: the runs in each mode, the same number of each."""

    def __init__(self, runs: Mapping[str, Sequence[ProgramRun]]) -> None:
        self.runs = runs

    def median(self, mode: str) -> ProgramRun:
        """The medians of each time; so `total` is the sum of two medians."""
        columns = zip(*((each.compile, each.run, each.beside) for each in self.runs[mode]), strict=True)
        return ProgramRun(*map(_median, columns))

    @property
    def count(self) -> int:
        """The number of runs in each mode."""
        return min(map(len, self.runs.values()))


def _median(numbers: Sequence[float]) -> float:
    # Python's module `statistics` takes longer to import than the rest of this package.
    ordered, half = sorted(numbers), len(numbers) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
