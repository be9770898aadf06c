"""A measurement as bars, one per tier."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from kaleido.jit import Tier
from kaleido.report.measurement import Measurement, Samples
from kaleido.report.tier_marks import label

__all__ = ["chart", "duration", "times_as_fast"]

# The least length of a bar that has the factor beside it; with less room, the factor is in the legend.
_LEAST_BAR = 20

# The legend mentions the cost of the empty call if it is a larger part of an evaluation than this.
_NOTEWORTHY = 0.01


def chart(measurement: Measurement, columns: int) -> str:
    """A bar per tier, as long as an evaluation takes, and a legend; at most `columns` (40 or more) wide."""
    samples, factor = measurement.samples, times_as_fast(measurement.speedup)
    times = _right([duration(each.median) for each in samples.values()])
    spreads = _right([_spread(each) for each in samples.values()])
    ends = [f"  {time}  {spread}" for time, spread in zip(times, spreads, strict=True)]
    room, beside, legend = (
        columns - len(f"{label(Tier.BASELINE)}  ") - len(ends[0]),
        f"   {factor}",
        _legend(measurement),
    )
    if room - len(beside) >= _LEAST_BAR:
        room, ends[-1] = room - len(beside), ends[-1] + beside
    else:
        legend = f"{label(Tier.OPTIMIZED)} is {factor}. {legend}"
    longest = max(each.median for each in samples.values())
    bars = [_bar(each.median / longest, room) for each in samples.values()]
    lines = [f"{label(tier)}  {bar}{end}" for tier, bar, end in zip(samples, bars, ends, strict=True)]
    return "\n".join([*lines, *wrap(legend, columns)]) + "\n"


def _legend(measurement: Measurement) -> str:
    count = min(len(each.nanoseconds) for each in measurement.samples.values())
    text = "One sample each."
    if count > 1:
        text = f"Medians of {count:,} samples each; half of them lie within ±."
    if measurement.call > _NOTEWORTHY * min(each.median for each in measurement.samples.values()):
        text += f" Each time includes the call itself, about {duration(measurement.call)}."
    return text


def _bar(part: float, columns: int) -> str:
    """A bar of `part` of `columns`, rounded to an eighth of a column and never empty, padded to `columns`."""
    eighths = max(1, round(part * columns * 8))
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).ljust(columns)


_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")

_UNITS = {"s": 1e9, "ms": 1e6, "µs": 1e3, "ns": 1.0}


def duration(nanoseconds: float) -> str:
    """Three significant digits and a unit: ``1.93 ns``, ``812 ns``, ``12.3 µs``, ``4.50 s``."""
    rounded = float(f"{nanoseconds:.3g}")
    unit = next((unit for unit, size in _UNITS.items() if rounded >= size), "ns")
    number = rounded / _UNITS[unit]
    decimals = 2 if number < 10 else 1 if number < 100 else 0
    return f"{number:,.{decimals}f} {unit}"


def _spread(samples: Samples) -> str:
    if len(samples.nanoseconds) == 1:
        return "once"
    percent = round(100 * samples.spread, 1)
    return f"±{percent:.{1 if percent < 1 else 0}f} %"


def times_as_fast(speedup: float) -> str:
    """The speed of -O3 relative to -O0 in words, with two significant digits."""
    number = float(f"{max(speedup, 1 / speedup):.2g}")
    if number == 1:
        return "about as fast"
    return f"{number:,.{1 if number < 10 else 0}f} times as {'fast' if speedup > 1 else 'slow'}"


def _right(texts: Sequence[str]) -> list[str]:
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]
