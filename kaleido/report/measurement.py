"""The result of a benchmark: samples for each tier, and their statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kaleido.jit import Tier

__all__ = ["Measurement", "Samples"]


@dataclass(frozen=True)
class Samples:
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


@dataclass(frozen=True)
class Measurement:
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


def _median(numbers: Sequence[float]) -> float:
    # Python's module `statistics` takes longer to import than the rest of this package.
    ordered, half = sorted(numbers), len(numbers) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
