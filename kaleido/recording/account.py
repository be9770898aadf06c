"""Where the time of a run went by the clock: from its beginning to its end, in parts that add up to it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["account", "from_cache", "hot_before"]

Json = dict[str, Any]
Span = tuple[float, float]

# A thread that ran has a sample in each interval; where there is none for so many, it waited.
_GAP = 2


def account(recording: Json) -> list[Json]:
    """The parts of a recording that has `ran` events, in their order: each a `part`, and its `time` in milliseconds.

    ``start`` is before the first compilation, ``compile`` at -O0 while the program did not run, ``load`` all else that
    was done between runs, ``O0``, ``O3`` and ``other`` (C and Python) what the program ran, by its samples, and
    ``wait`` where the program ran without samples: it waited for the processor, or for something else.
    """
    length = recording["length"]
    runs = _union((each["began"], each["time"]) for each in recording["events"] if each["kind"] == "ran")
    if not runs or recording["live"]:
        return []
    compiled = _union(
        (code["began"], code["ended"])
        for unit in recording["units"]
        for version in unit["versions"]
        for code in version["codes"]
        if code["tier"] == "O0"
    )
    running = _total(runs)
    compiling = _total(_union([*runs, *compiled])) - running
    start = min([runs[0][0], *(begin for begin, _ in compiled[:1])])
    parts = {"start": start, "compile": compiling, "load": length - running - compiling - start}
    parts |= _shares(recording["samples"], runs)
    return [{"part": part, "time": round(time, 4)} for part, time in parts.items() if time > 0]


def hot_before(recording: Mapping[str, Any], symbol: str, code: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The event by which a unit was hot before some code of it was compiled; None if another unit's was the reason."""
    found = None
    for event in recording.get("events", ()):
        if event["symbol"] == symbol and event["kind"] == "hot" and event["time"] <= code["began"]:
            found = event
    return found


def from_cache(recording: Mapping[str, Any]) -> list[str]:
    """A sentence, where compilations were short because an earlier run had done them."""
    compiled = [event for event in recording.get("events", ()) if event["kind"] == "compiled"]
    cached = sum("message" in event for event in compiled)
    if not cached:
        return []
    what = "All code" if cached == len(compiled) else f"Code of {cached:,} of {len(compiled):,} compilations"
    return [f"{what} came from the object cache, in the time that reading takes; with --no-cache, all is compiled."]


def _shares(samples: Json, runs: list[Span]) -> dict[str, float]:
    """The time of runs by tier: a sample stands for the time since the one before it."""
    times, longest = [each[0] for each in samples["times"]], _GAP * samples["interval"]
    parts = dict.fromkeys(("O0", "O3", "other", "wait"), 0.0)
    for begin, end in runs:
        before = begin
        found = samples["times"][bisect_left(times, begin) : bisect_right(times, end)]
        for time, _, tier in found:
            parts[tier] += min(time - before, longest)
            parts["wait"] += max(time - before - longest, 0.0)
            before = time
        last = min(end - before, longest) if found else 0.0
        parts[found[-1][2] if found else "wait"] += last
        parts["wait"] += end - before - last
    return parts


def _union(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


def _total(spans: Iterable[Span]) -> float:
    return sum(end - begin for begin, end in spans)
