"""Measurements as bars: of an expression, one per tier; of a program, one per mode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from kaleido.jit import Tier
from kaleido.report.tier_marks import label

if TYPE_CHECKING:
    from kaleido.report.measurement import Measurement, ProgramMeasurement, ProgramRun, Samples

__all__ = ["chart", "duration", "program_chart", "times_as_fast"]

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


def program_chart(measurement: ProgramMeasurement, columns: int) -> str:
    """A bar per mode, whose parts are the times to compile and to run; at most `columns` (40 or more) wide."""
    medians = {mode: measurement.median(mode) for mode in measurement.runs}
    ends = _time_columns(medians.values())
    labels = ["tiered" if mode == "tiered" else f"-{mode}" for mode in medians]
    room = columns - _LABEL - len(ends[0])
    longest = max(each.total for each in medians.values())
    bars = [_two_parts(each.compile / longest, each.run / longest, room) for each in medians.values()]
    rows = zip(["", *labels], ["".ljust(room), *bars], ends, strict=True)
    lines = [f"{label:{_LABEL}}{bar}{end}" for label, bar, end in rows]
    return "\n".join([*lines, *wrap(_program_legend(measurement), columns)]) + "\n"


_LABEL = len("tiered  ")


def _time_columns(runs: Iterable[ProgramRun]) -> list[str]:
    """The heads of the columns, then the times of each run, all of one width."""
    rows = [["total", "compile", "run"]]
    rows += [[duration(1e9 * seconds) for seconds in (each.total, each.compile, each.run)] for each in runs]
    columns = [_right(column) for column in zip(*rows, strict=True)]
    return ["".join(f"  {cell}" for cell in row) for row in zip(*columns, strict=True)]


def _two_parts(compiling: float, running: float, columns: int) -> str:
    """A bar of two parts, each rounded to a column; a whole bar is `columns` long, and no bar is empty."""
    first = round(compiling * columns)
    rest = max(round((compiling + running) * columns) - first, 0 if first else 1)
    return (_COMPILE * first + "█" * rest).ljust(columns)


_COMPILE = "▒"


def _program_legend(measurement: ProgramMeasurement) -> str:
    best = min((mode for mode in measurement.runs if mode != "tiered"), key=lambda mode: measurement.median(mode).total)
    tiered = measurement.median("tiered")
    compared = times_as_fast(measurement.median(best).total / tiered.total)
    text = f"{_COMPILE} compile, █ run. "
    text += f"Medians of {measurement.count:,} runs each." if measurement.count > 1 else "One run each."
    text += f" Tiered is {compared} as -{best} alone."
    if tiered.beside:
        text += f" Beside the tiered run, -O3 took {duration(1e9 * tiered.beside)} to compile."
    return text


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
