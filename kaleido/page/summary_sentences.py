"""What happened, in a few sentences, for a first look at such a page.

Which function became fast, when and why; what was inlined into what; where the time went. Names of units stand between
backquotes, and the question that a paragraph answers between two asterisks on each side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kaleido.page.recorded import (
    MARKS,
    Recording,
    codes,
    enumeration,
    milliseconds,
    names,
    runs_text,
    units_of_program,
)
from kaleido.recording.account import from_cache, hot_before

__all__ = ["summary"]

_MOST_UNITS = 3


def summary(recording: Recording) -> list[str]:
    """The paragraphs; none while nothing has run."""
    if not recording.get("units"):
        return []
    answers = {
        "What became fast": _swaps(recording),
        "What was inlined": _inlining(recording),
        "What was taken back": _deoptimizations(recording),
        "Where the time went": [
            *_by_the_clock(recording),
            *_samples(recording),
            *_compiling(recording),
            *from_cache(recording),
            *_measured(recording),
        ],
    }
    paragraphs = [" ".join([f"**{question}.**", *found]) for question, each in answers.items() if (found := [*each])]
    return [_program(recording), *paragraphs]


def _program(recording: Recording) -> str:
    program, units = recording.get("program", {}), units_of_program(recording)
    ran = [unit for unit in units if any(True for _ in codes(unit, "O0")) or any(True for _ in codes(unit, "O3"))]
    fast = [unit for unit in units if _swapped(unit)]
    length = milliseconds(recording.get("length", 0.0))
    what = f"`{program.get('name', 'The program')}` ran for {length}." if not recording.get("live") else "It runs."
    became = f"{len(fast)} became fast ({MARKS['O3']})" if fast else "none became hot enough to be optimized"
    return f"{what} Of its {_count(units)}, {len(ran)} had machine code, at {MARKS['O0']} first, and {became}."


def _count(units: list[Mapping[str, Any]]) -> str:
    functions = sum(unit["kind"] == "function" for unit in units)
    loops = len(units) - functions
    parts = [f"{number:,} {noun}{'' if number == 1 else 's'}" for number, noun in
             ((functions, "function"), (loops, "loop")) if number]  # fmt: skip
    return " and ".join(parts) or "functions"


def _swapped(unit: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [code for code in codes(unit, "O3") if code.get("from") is not None]


def _swaps(recording: Recording) -> Iterator[str]:
    """Which units became fast, when and why: those that most time went to, in the order of their swaps."""
    fast = [unit for unit in recording["units"] if _swapped(unit)]
    shown = sorted(fast, key=lambda unit: _weight(recording, unit), reverse=True)[:_MOST_UNITS]
    for unit in sorted(shown, key=lambda unit: _swapped(unit)[0]["from"]):
        yield _swap(recording, unit, _swapped(unit)[0])
    if len(fast) > len(shown):
        yield f"{len(fast) - len(shown):,} more became fast, too."


def _weight(recording: Recording, unit: Mapping[str, Any]) -> tuple[int, float]:
    shares = (recording.get("samples") or {}).get("shares", ())
    sampled = sum(share["count"] for share in shares if share["symbol"] == unit["symbol"])
    return sampled, -_swapped(unit)[0]["from"]


def _swap(recording: Recording, unit: Mapping[str, Any], code: Mapping[str, Any]) -> str:
    hot = hot_before(recording, unit["symbol"], code)
    since = f"its {MARKS['O3']} code ran from {milliseconds(code['from'])} on"
    compiled = f"compiling took {milliseconds(code['ended'] - code['began'])}"
    if hot is None:
        return f"{_named(unit)} was compiled {_other_reason(recording, unit, code)}; {compiled}; {since}."
    threshold = hot.get("threshold") or hot.get("runs", 0)
    why = f"was hot at {milliseconds(hot['time'])}, after {runs_text(threshold, unit.get('counter', 'none'))}"
    later = milliseconds(code["from"] - hot["time"])
    waited = f"it waited {milliseconds(code['began'] - hot['time'])}, {compiled}"
    return f"{_named(unit)} {why}; {waited}; {since}, {later} later."


def _named(unit: Mapping[str, Any]) -> str:
    """The name, at the beginning of a sentence: that of a loop does not say what it is."""
    return f"{'The loop ' if unit['kind'] == 'loop' else ''}`{unit['name']}`"


def _other_reason(recording: Recording, unit: Mapping[str, Any], code: Mapping[str, Any]) -> str:
    """Why a unit was compiled that was not hot itself: it was requested, or a callee was hot, which it inlines."""
    events = recording.get("events", ())
    own = [event for event in events if event["symbol"] == unit["symbol"]]
    swap: Mapping[str, Any] = next(
        (event for event in own if event["kind"] == "swapped" and event["time"] >= code["from"]), {}
    )
    if (callee := swap.get("hot_callee")) is not None:
        relation = "inlines" if callee in swap.get("inlined", ()) else "calls"
        hot = [event["time"] for event in events if (event["kind"], event["symbol"]) == ("hot", callee)]
        at = next((f" at {milliseconds(time)}" for time in reversed(hot) if time <= code["began"]), "")
        return f"because `{names(recording).get(callee, callee)}`, which it {relation}, was hot{at}"
    requested = any(event["kind"] == "requested" and event["time"] <= code["began"] for event in own)
    return "on request" if requested else "at -O3"


def _inlining(recording: Recording) -> Iterator[str]:
    known = names(recording)
    found = [(unit, code) for unit in recording["units"] for code in _swapped(unit)[-1:] if code["inlined"]]
    heaviest = sorted(found, key=lambda pair: _weight(recording, pair[0]), reverse=True)
    for unit, code in heaviest[:_MOST_UNITS]:
        inlined = [f"`{known.get(symbol, symbol)}`{_origin(recording, symbol)}" for symbol, _ in code["inlined"]]
        whose = f"the loop `{unit['name']}`" if unit["kind"] == "loop" else f"`{unit['name']}`"
        yield f"The -O3 code of {whose} has {enumeration(inlined)} inlined."


def _origin(recording: Recording, symbol: str) -> str:
    """What a function is that the program does not define."""
    name = next((each["name"] for each in recording["units"] if each["symbol"] == symbol), "")
    if not any(each["symbol"] == symbol and each.get("origin") == "prelude" for each in recording["units"]):
        return ""
    sign = name.removeprefix("binary").removeprefix("unary")
    what = f"the operator `{sign}` " if sign != name else ""
    return f" ({what}of the prelude, Kaleido's own library)"


def _deoptimizations(recording: Recording) -> Iterator[str]:
    known = names(recording)
    found = [event for event in recording.get("events", ()) if event["kind"] == "deoptimized"]
    for event in found[:_MOST_UNITS]:
        because = f", because {event['message']}" if event.get("message") else ""
        back = _back(recording, event)
        again = f"; it was at -O3 again {milliseconds(back)} later" if back is not None else ""
        yield f"`{known[event['symbol']]}` was deoptimized at {milliseconds(event['time'])}{because}{again}."
    if len(found) > _MOST_UNITS:
        yield f"{len(found) - _MOST_UNITS:,} more deoptimizations are in the table of events."


def _back(recording: Recording, event: Mapping[str, Any]) -> float | None:
    """How long after a deoptimization the unit was at -O3 again."""
    return next(
        (
            code["from"] - event["time"]
            for unit in recording["units"]
            if unit["symbol"] == event["symbol"]
            for code in _swapped(unit)
            if code["from"] > event["time"]
        ),
        None,
    )


def _by_the_clock(recording: Recording) -> Iterator[str]:
    words = {
        "start": "before the first compilation",
        "compile": f"compiling at {MARKS['O0']}",
        "load": "loading code, and between runs",
        "O0": f"running {MARKS['O0']} code",
        "O3": f"running {MARKS['O3']} code",
        "other": "in C and Python",
        "wait": "waiting, for the processor or in C",
    }
    parts = [f"{milliseconds(each['time'])} {words[each['part']]}" for each in recording.get("account", ())]
    if parts:
        yield f"Of {milliseconds(recording['length'])} by the clock: {enumeration(parts, len(words))}."


def _samples(recording: Recording) -> Iterator[str]:
    samples = recording.get("samples") or {}
    total = samples.get("total", 0)
    if not total:
        return
    known = names(recording)
    shares = sorted(samples.get("shares", ()), key=lambda share: -share["count"])[: _MOST_UNITS + 1]
    parts = [f"{share['count']:,} in {_place(share, known)}" for share in shares]
    noun = "sample" if total == 1 else "samples"
    rest = total - sum(share["count"] for share in shares)
    more = [f"{rest:,} elsewhere"] if rest else []
    every = f", one every {milliseconds(samples['interval'])} of its processor time" if samples.get("interval") else ""
    yield f"Of {total:,} {noun} of the running program{every}: {enumeration([*parts, *more])}."


def _place(share: Mapping[str, Any], known: Mapping[str, str]) -> str:
    tier = f" at {MARKS[share['tier']]}" if share["tier"] in MARKS else ""
    return f"`{known.get(share['symbol'], share['symbol'])}`{tier}" if share["symbol"] else "C and Python"


def _compiling(recording: Recording) -> Iterator[str]:
    batches = {
        (tier, code["began"]): code["ended"] - code["began"]
        for unit in recording["units"]
        for tier in MARKS
        for code in codes(unit, tier)
    }
    spent = {tier: sum(time for (each, _), time in batches.items() if each == tier) for tier in MARKS}
    if not spent["O0"]:
        return
    beside = recording.get("program", {}).get("mode") == "tiered"
    where = ", the latter beside the running program" if beside else ""
    more = f" and {milliseconds(spent['O3'])} at -O3{where}" if spent["O3"] else ""
    if recording.get("account") and beside:
        # Which has the compilation at -O0.
        yield from [f"Compiling at -O3 took {milliseconds(spent['O3'])}, beside the program."] if spent["O3"] else ()
    else:
        yield f"Compiling took {milliseconds(spent['O0'])} at -O0{more}."


def _measured(recording: Recording) -> Iterator[str]:
    measured = {mode: times for mode, times in (recording.get("measured") or {}).items() if times}
    if not measured:
        return
    words = {"O0": "only -O0", "O3": "only -O3", "tiered": "both tiers"}
    parts = [
        f"{milliseconds(times.get('run', 0.0) + (times.get('compile') or 0.0))} with {words.get(mode, mode)}"
        for mode, times in measured.items()
    ]
    yield f"Measured with compilation, the program takes {enumeration(parts)}."
