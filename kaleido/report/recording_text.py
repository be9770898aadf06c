"""A recording (see ``kaleido/recording/FORMAT.md``) as some forty lines of text: lanes, what happened, advice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Any

from kaleido.jit import Tier
from kaleido.recording.account import from_cache, hot_before
from kaleido.report.tier_marks import label, paint, pieces
from kaleido.terminal.text import cut, padded, printable, width

__all__ = ["LEAST_COLUMNS", "MOST_LINES", "recording_text"]

LEAST_COLUMNS, MOST_LINES = 40, 40

# Of each section, as many lines.
_LANES, _EVENTS, _LISTED, _ADVICE = 10, 9, 4, 6

# In a lane: no code, baseline code, the same with optimized code of callers that has the unit inlined, optimized code,
# and where code was deoptimized.
_NONE, _BASELINE, _INLINED, _OPTIMIZED, _DEOPTIMIZED = "·▒▓█╳"

# The events of the story, which say what changed for the program.
_TOLD = ("swapped", "deoptimized", "failed", "faulted", "discarded")

Json = dict[str, Any]
Line = list[tuple[Tier | None, str]]
"""A line in pieces, each in the color of a tier or in none."""


def recording_text(recording: Json, columns: int, *, colored: bool = False) -> str:
    """The text, at most `columns` (LEAST_COLUMNS or more) wide and MOST_LINES long."""
    columns = max(columns, LEAST_COLUMNS)
    sections = [
        _head(recording),
        _lanes(recording, columns),
        _section("What happened", _happened(recording), columns, _EVENTS),
        _section("Inlined", _inlined(recording), columns, _LISTED),
        _section("Where the time went", _times(recording), columns, _LISTED + 2),
        _section("Measured", _measured(recording), columns, _LISTED),
        _section("Advice", [each["text"] for each in recording["advice"]], columns, _ADVICE),
    ]
    lines = [line for section in sections for line in section]
    return "".join(_shown(line, columns, colored) + "\n" for line in lines[:MOST_LINES])


def _shown(line: Line, columns: int, colored: bool) -> str:
    shown, left = [], columns
    for tier, text in line:
        piece = cut(printable(text), left) if left > 0 else ""
        left -= width(piece)
        shown.append(paint(piece, tier if colored else None, "either"))
    return "".join(shown).rstrip()


def _head(recording: Json) -> Iterator[Line]:
    program = recording["program"]
    thresholds = " or ".join(f"{number:,} {counter}" for counter, number in program["thresholds"].items())
    hot = f", hot at {thresholds}" if thresholds and program["mode"] in ("tiered", "sync") else ""
    yield [(None, f"{program['name'] or 'A session'} · {program['mode']}{hot} · {_milliseconds(recording['length'])}")]


def _times(recording: Json) -> list[str]:
    return [*_by_the_clock(recording), *from_cache(recording), *_shares(recording)]


def _section(title: str, texts: Sequence[str], columns: int, most: int) -> Iterator[Line]:
    """A title, and at most `most` lines: of more texts, and of a text that is wrapped, the rest is left out."""
    lines = [line for text in texts for line in wrap(printable(text), columns - 2, subsequent_indent="    ")]
    if len(lines) > most:
        lines = [*lines[: most - 1], "…"]
    if lines:
        yield []
        yield [(None, title)]
    for line in lines:
        yield [(tier, piece) for tier, piece in pieces(f"  {line}")]


# Lanes


def _lanes(recording: Json, columns: int) -> Iterator[Line]:
    """A line for each unit that mattered: what code it had over the time of the run."""
    units = sorted(filter(_has_code, recording["units"]), key=_importance(recording))[:_LANES]
    if not units:
        return
    names = min(max(width(unit["name"]) for unit in units), columns // 3)
    room = columns - names - 1
    copies = _copies(recording)
    yield []
    for unit in units:
        span, inlined = recording["length"] / room, copies.get(unit["symbol"], [])
        cells = [_cell(_codes(unit), inlined, span * index, span * (index + 1)) for index in range(room)]
        joined = [(tier, "".join(text for _, text in group)) for tier, group in groupby(cells, lambda cell: cell[0])]
        yield [(None, padded(cut(unit["name"], names), names) + " "), *joined]
    length = _milliseconds(recording["length"])
    yield [(None, " " * (names + 1) + "0" + length.rjust(room - 1))]
    baseline, optimized = label(Tier.BASELINE), label(Tier.OPTIMIZED)
    yield [
        (None, f"  {_NONE} no code  "),
        (Tier.BASELINE, f"{_BASELINE} {baseline}  "),
        (Tier.OPTIMIZED, f"{_INLINED} inlined at {optimized}  {_OPTIMIZED} {optimized}  "),
        (None, f"{_DEOPTIMIZED} deoptimized"),
    ]
    yield from _first_loop(recording, units)


def _first_loop(recording: Json, units: Sequence[Json]) -> Iterator[Line]:
    """What the name of a loop means, by an example."""
    names = {unit["symbol"]: unit["name"] for unit in recording["units"]}
    for unit in units:
        if unit["kind"] == "loop" and unit.get("parent") in names:
            yield [(None, f"  {unit['name']} is a loop in {names[unit['parent']]}")]
            return


def _copies(recording: Json) -> dict[str, list[Json]]:
    """By symbol, the optimized code of other units that has the unit inlined."""
    found: dict[str, list[Json]] = {}
    for unit in recording["units"]:
        for code in _codes(unit, "O3"):
            for symbol, _ in code["inlined"]:
                found.setdefault(symbol, []).append(code)
    return found


def _has_code(unit: Json) -> bool:
    return unit["origin"] == "program" and any(version["codes"] for version in unit["versions"])


def _importance(recording: Json) -> Callable[[Json], tuple[bool, int]]:
    """Units that were optimized first, then those with the most samples."""
    samples = _by_symbol(recording)
    return lambda unit: (not _codes(unit, "O3"), -samples.get(unit["symbol"], 0))


def _by_symbol(recording: Json) -> dict[str | None, int]:
    counts: dict[str | None, int] = {}
    for share in recording["samples"]["shares"]:
        counts[share["symbol"]] = counts.get(share["symbol"], 0) + share["count"]
    return counts


def _cell(codes: Sequence[Json], copies: Sequence[Json], begin: float, end: float) -> tuple[Tier | None, str]:
    """What a unit with some codes, and with copies in others, had between two times."""
    if any(code["tier"] == "O3" and code["until"] is not None and begin <= code["until"] < end for code in codes):
        return None, _DEOPTIMIZED
    used = [code for code in codes if _is_used(code, begin, end)]
    if not used:
        return None, _NONE
    if any(code["tier"] == "O3" for code in used):
        return Tier.OPTIMIZED, _OPTIMIZED
    is_inlined = any(_is_used(code, begin, end) for code in copies)
    return (Tier.OPTIMIZED, _INLINED) if is_inlined else (Tier.BASELINE, _BASELINE)


def _is_used(code: Json, begin: float, end: float) -> bool:
    return code["from"] is not None and code["from"] < end and (code["until"] is None or code["until"] > begin)


def _codes(unit: Json, tier: str = "") -> list[Json]:
    return [code for version in unit["versions"] for code in version["codes"] if not tier or code["tier"] == tier]


# Texts


def _happened(recording: Json) -> list[str]:
    """The latest events are left out where there are too many: how it begins is what explains the rest."""
    told = [each for each in recording["events"] if each["kind"] in _TOLD or _is_redefinition(each)]
    return [f"{_milliseconds(each['time'])}  {each['sentence']}{_wait(recording, each)}" for each in told]


def _wait(recording: Json, swap: Json) -> str:
    """How the time from hot to swapped was spent, for the swap of a unit that was hot itself: as the page has it."""
    if swap["kind"] != "swapped":
        return ""
    own = [unit for unit in recording["units"] if unit["symbol"] == swap["symbol"]]
    used = [code for unit in own for code in _codes(unit, "O3") if code["from"] is not None]
    code = min(used, key=lambda code: abs(float(code["from"] - swap["time"])), default=None)
    hot = hot_before(recording, swap["symbol"], code) if code is not None else None
    if code is None or hot is None:
        return ""
    waited, compiled = code["began"] - hot["time"], code["ended"] - code["began"]
    return f": it waited {_milliseconds(waited)}, compiling took {_milliseconds(compiled)}"


def _is_redefinition(event: Json) -> bool:
    return bool(event["kind"] == "defined" and event["version"] > 1)


def _inlined(recording: Json) -> list[str]:
    names = {unit["symbol"]: unit["name"] for unit in recording["units"]}
    found = {
        unit["name"]: ", ".join(names.get(symbol, symbol) for symbol, _ in code["inlined"])
        for unit in recording["units"]
        for code in _codes(unit, "O3")
        if code["inlined"]
    }
    return [f"{name} ← {members}" for name, members in found.items()]


def _by_the_clock(recording: Json) -> list[str]:
    """The parts of a finished run, see ``kaleido.recording.account``."""
    words = {
        "start": "before the first compilation", "compile": f"compiling at {label(Tier.BASELINE)}", "load": "loading",
        "O0": label(Tier.BASELINE), "O3": label(Tier.OPTIMIZED), "other": "C and Python", "wait": "waiting",
    }  # fmt: skip
    parts = [f"{_milliseconds(each['time'])} {words[each['part']]}" for each in recording.get("account", ())]
    return [", ".join(parts)] if parts else []


def _shares(recording: Json) -> list[str]:
    samples = recording["samples"]
    names = {unit["symbol"]: unit["name"] for unit in recording["units"]}
    return [
        f"{share['count']:>6,}  {names.get(share['symbol'], 'outside of units')}"
        + (f" {label(Tier(share['tier']))}" if share["tier"] != "other" else "")
        + (f"   (of {samples['total']:,} samples{_every(samples)})" if index == 0 else "")
        for index, share in enumerate(samples["shares"])
    ]


def _every(samples: Json) -> str:
    return f", one every {_milliseconds(samples['interval'])} of processor time" if samples.get("interval") else ""


def _measured(recording: Json) -> list[str]:
    return [
        f"{mode:>6}  run {_milliseconds(times['run'])}, compile {_milliseconds(times['compile'])}"
        for mode, times in (recording["measured"] or {}).items()
    ]


def _milliseconds(number: float) -> str:
    return f"{number:,.1f} ms"
