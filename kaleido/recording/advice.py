"""Advice in words: what a recording says about the program, as far as its author can change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import Any

from kaleido.jit import NotInlined
from kaleido.recording.sentences import counted, listed, milliseconds, quoted_name

__all__ = ["advice"]

Json = dict[str, Any]

# Of each kind, as many are told. Code that came into use in the last part of a run was too late.
_MOST, _LAST_PART = 5, 0.1

# Milliseconds for which code that is out of use may go on without a word.
_BRIEF = 20.0


def advice(recording: Json, not_inlined: Iterable[tuple[str, NotInlined]] = (), *, running: bool = False) -> list[Json]:
    """The advice for a recording, the most important first; `not_inlined` has symbols and what they do not inline.

    While the program is `running`, it says nothing about what may still happen.
    """
    own = [unit for unit in recording["units"] if unit["origin"] == "program"]
    found = [
        *_deoptimized(recording, own),
        *_went_on(recording, own),
        *_failed(recording),
        *_not_inlined(not_inlined),
    ]
    if not running:
        # The copies of a unit in optimized code of its callers are fast, too.
        copied = {symbol for unit in recording["units"] for code in _codes(unit, "O3") for symbol, _ in code["inlined"]}
        alone = [unit for unit in own if unit["symbol"] not in copied]
        found += [*_ended_before(recording, alone), *_too_late(recording, own), *_never_hot(recording, alone)]
        found += _never_ran(own)
    return [{"symbol": symbol, "text": text} for symbol, text in dict.fromkeys(found)]


_Advice = Iterator[tuple[str | None, str]]


def _deoptimized(recording: Json, own: Sequence[Json]) -> _Advice:
    """How often, why, and what the compilations after it took."""
    events_of = _by_symbol(recording["events"])
    for unit in own:
        events = events_of.get(unit["symbol"], [])
        lost = [event for event in events if event["kind"] == "deoptimized"]
        if not lost:
            continue
        again = [each for each in events if each["kind"] == "compiled" and each.get("tier") == "O3"]
        cost = sum(each["time"] - each["began"] for each in again if each["began"] > lost[0]["time"])
        reasons = " and ".join(dict.fromkeys(event["message"] for event in lost))
        times = "once" if len(lost) == 1 else f"{len(lost):,} times"
        text = f"{quoted_name(unit['name'])} was deoptimized {times}: {reasons}"
        yield unit["symbol"], text + (f"; compiling it again took {milliseconds(cost / 1000)}" if cost else "")


def _went_on(recording: Json, own: Sequence[Json]) -> _Advice:
    """Units that were sampled in -O3 code that was out of use: a call that was running ends in the code it is in."""
    lost = {event["symbol"]: event["time"] for event in recording["events"] if event["kind"] == "deoptimized"}
    for unit in own:
        if (since := lost.get(unit["symbol"])) is None:
            continue
        until = min((code["from"] for code in _codes(unit, "O3") if (code["from"] or 0.0) > since), default=inf)
        old = [
            time - since
            for time, symbol, tier in recording["samples"].get("times", ())
            if symbol == unit["symbol"] and tier == "O3" and since < time < until
        ]
        if old and old[-1] > _BRIEF:
            text = f"{quoted_name(unit['name'])} went on in its old code for {milliseconds(old[-1] / 1000)}"
            yield unit["symbol"], f"{text}: a call that runs -O3 code, or a loop, ends in that code"


def _by_symbol(events: Iterable[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for event in events:
        found.setdefault(event["symbol"], []).append(event)
    return found


def _failed(recording: Json) -> _Advice:
    for event in recording["events"]:
        if event["kind"] == "failed":
            yield event["symbol"], event["sentence"]


def _not_inlined(not_inlined: Iterable[tuple[str, NotInlined]]) -> _Advice:
    for symbol, each in not_inlined:
        yield symbol, f"{quoted_name(each.callee)} is not inlined in {quoted_name(each.caller)}: {each.reason}"


def _ended_before(recording: Json, own: Sequence[Json]) -> _Advice:
    """Units that became hot, and ended before they had optimized code."""
    told = [event for event in recording["events"] if event["kind"] in ("hot", "covered", "failed")]
    latest = {event["symbol"]: event for event in told}
    hot = [unit for unit in own if latest.get(unit["symbol"], {}).get("kind") == "hot" and not _codes(unit, "O3")]
    for unit in hot[:_MOST]:
        event = latest[unit["symbol"]]
        left = _end(recording, unit) - event["time"]
        when = f"it was hot at {event['threshold']:,} {unit['counter']}, {milliseconds(left / 1000)} before its end"
        why = _waiting(recording, unit["symbol"], left)
        yield unit["symbol"], f"{quoted_name(unit['name'])} ended before its -O3 code was ready: {when}; {why}"
    if len(hot) > _MOST:
        yield None, f"{counted(len(hot) - _MOST, 'other unit')} ended before their -O3 code was ready"


def _waiting(recording: Json, symbol: str, left: float) -> str:
    """What a unit waited for that was hot for the last milliseconds, and what to do about it."""
    for event in reversed(recording["events"]):
        if event["kind"] == "started" and symbol in (event["symbol"], *event.get("inlined", ())):
            names = {unit["symbol"]: unit["name"] for unit in recording["units"]}
            whose = "its" if event["symbol"] == symbol else f"with {quoted_name(names[event['symbol']])}, its"
            begun = milliseconds((recording["length"] - event["time"]) / 1000)
            return f"{whose} compilation had begun {begun} before the end. In a longer run it gets -O3 code"
    patience = recording["program"].get("patience", 0.0)
    if left < patience:
        paying = f"hot code is compiled when it has run enough to pay for that, or after {patience:,.0f} ms"
        return f"{paying}. Nothing to do: in a longer run it gets -O3 code"
    return "the recompiler was busy. In a longer run it gets -O3 code"


def _end(recording: Json, unit: Json) -> float:
    replaced = unit["versions"][-1]["replaced"]
    return float(recording["length"] if replaced is None else replaced)


def _too_late(recording: Json, own: Sequence[Json]) -> _Advice:
    """Units whose optimized code came when nearly all of the run was over."""
    if recording["program"]["mode"] not in ("tiered", "sync") or recording["live"]:
        return
    for unit in own:
        codes = _codes(unit, "O3")
        end = _end(recording, unit)
        begin = min((version["defined"] or 0.0 for version in unit["versions"]), default=0.0)
        if codes and codes[0]["from"] > begin + (end - begin) * (1 - _LAST_PART):
            left = milliseconds((end - codes[0]["from"]) / 1000)
            yield unit["symbol"], f"{quoted_name(unit['name'])} became fast too late to matter: {left} before the end"


def _never_hot(recording: Json, own: Sequence[Json]) -> _Advice:
    if recording["program"]["mode"] not in ("tiered", "sync"):
        return
    hot = {event["symbol"] for event in recording["events"] if event["kind"] in ("hot", "swapped")}
    runs = {symbol: max(point[2] for point in points) for symbol, points in recording["counts"].items()}
    limits = recording["program"]["thresholds"]
    # One that is hot waits for the recompiler before that reports it.
    cold = [
        unit for unit in own if 0 < runs.get(unit["symbol"], 0) < limits[unit["counter"]] and unit["symbol"] not in hot
    ]
    cold.sort(key=lambda unit: -runs[unit["symbol"]])
    for unit in cold[:_MOST]:
        number = counted(runs[unit["symbol"]], unit["counter"].removesuffix("s"))
        yield unit["symbol"], f"{quoted_name(unit['name'])} was never hot: {number}, of {limits[unit['counter']]:,}"
    if len(cold) > _MOST:
        yield None, f"{counted(len(cold) - _MOST, 'other unit')} ran, and {_were(len(cold) - _MOST)} never hot"


def _never_ran(own: Sequence[Json]) -> _Advice:
    idle = [unit for unit in own if unit["kind"] == "function" and not _codes(unit)]
    if idle:
        yield None, f"{listed([unit['name'] for unit in idle])} never ran"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _codes(unit: Json, tier: str = "") -> list[Json]:
    return [code for version in unit["versions"] for code in version["codes"] if not tier or code["tier"] == tier]
