"""Recordings of other programs: a list of events alone, from which the units and their codes are made.

A program need not use ``kaleido.jit`` for that, nor Python: FORMAT.md, "From events alone", says what it writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kaleido.recording.jumps import NO_JUMPS
from kaleido.recording.redefinitions import redefinitions
from kaleido.recording.sampled import NO_SAMPLES
from kaleido.recording.sentences import listed, milliseconds

__all__ = ["FORMAT", "VERSION", "completed", "read"]

FORMAT, VERSION = "kaleido-recording", 1

Json = dict[str, Any]


def read(text: str) -> Json:
    """The recording in a text of JSON, with all of its keys. Raises ValueError, whose text says what is wrong."""
    try:
        recording = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(recording, dict) or recording.get("format") != FORMAT:
        raise ValueError(f'its "format" is not "{FORMAT}"')
    if recording.get("version") != VERSION:
        raise ValueError(f'its "version" is not {VERSION}')
    try:
        return completed(recording)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a part is missing or wrong: {type(error).__name__}: {error}") from None


def completed(recording: Mapping[str, Any]) -> Json:
    """A recording with all of its keys; where it has no `units`, they are made from its events."""
    program = {"name": "", "mode": "tiered", "thresholds": {}} | recording.get("program", {})
    events = sorted(recording.get("events", ()), key=lambda event: float(event["time"]))
    length = recording.get("length") or max((float(event["time"]) for event in events), default=0.0)
    absent: Json = {
        "producer": {}, "left_out": {}, "live": False, "sources": [], "views": [], "counts": {}, "stubs": {},
        "jumps": NO_JUMPS, "samples": NO_SAMPLES, "measured": None, "account": [], "advice": [],
    }  # fmt: skip
    found: Json = absent | dict(recording) | {"program": program, "length": length}
    if "units" not in recording:
        log = _Log(found["sources"])
        found["events"] = [log.add(dict(event)) for event in events]
        found |= {"units": list(log.units.values()), "counts": recording.get("counts") or log.counts}
    found.setdefault("redefinitions", redefinitions(found["units"]))
    return found


class _Log:
    """Takes events, in their order, into account."""

    def __init__(self, sources: list[Json]) -> None:
        self._sources = sources
        self._hot: dict[str, Json] = {}
        self.units: dict[str, Json] = {}
        self.counts: dict[str, list[list[Any]]] = {}

    def add(self, event: Json) -> Json:
        """The event with its version and a sentence."""
        unit = self._unit(event)
        kind, time = event["kind"], event["time"]
        if kind == "defined":
            self._define(unit, event)
        version = unit["versions"][-1]
        self._counted(event, version["version"])
        if kind == "compiled":
            version["codes"].append(self._code(event))
        elif kind == "hot":
            self._hot[event["symbol"]] = event
        elif kind == "swapped":
            for code in [code for code in version["codes"] if code["tier"] == "O3"][-1:]:
                code["from"] = time
        elif kind == "deoptimized":
            _end([code for code in version["codes"] if code["tier"] == "O3"], time)
        elif kind == "ran":
            version["replaced"] = time
            _end(version["codes"], time)
        return {"sentence": self._sentence(unit, event), "version": version["version"]} | event

    def _unit(self, event: Json) -> Json:
        symbol = event["symbol"]
        if symbol not in self.units:
            is_new = event["kind"] == "defined"
            counter = event.get("counter", "calls")
            self.units[symbol] = {
                "symbol": symbol,
                "name": event.get("name", symbol),
                "kind": {"calls": "function", "iterations": "loop"}.get(counter, "expression"),
                "counter": counter,
                # What was there before the recording began.
                "origin": "program" if is_new else "prelude",
                "parent": event.get("parent"),
                "versions": [] if is_new else [_version(1, 0.0, None)],
            }
        return self.units[symbol]

    def _define(self, unit: Json, event: Json) -> None:
        for before in unit["versions"][-1:]:
            before["replaced"] = event["time"] if before["replaced"] is None else before["replaced"]
            _end(before["codes"], event["time"])
        self._hot.pop(unit["symbol"], None)
        unit["versions"].append(_version(len(unit["versions"]) + 1, event["time"], self._place(event)))

    def _place(self, event: Json) -> Json | None:
        """A place as FORMAT.md has it, from two offsets in the text of a source."""
        if not isinstance(event.get("span"), list):
            return None
        source, (start, end) = event.get("source", 0), event["span"]
        text = self._sources[source]["text"]
        before = [text[:offset] for offset in (start, end)]
        lines = [[each.count("\n") + 1, len(each) - each.rfind("\n")] for each in before]
        return {"source": source, "start": lines[0], "end": lines[1]}

    def _code(self, event: Json) -> Json:
        inlined = [
            [symbol, self.units[symbol]["versions"][-1]["version"] if symbol in self.units else 1]
            for symbol in event.get("inlined", ())
        ]
        return {
            "tier": event["tier"],
            "began": event.get("began", event["time"]),
            "ended": event["time"],
            # That of the baseline is in use as soon as it is there.
            "from": event["time"] if event["tier"] == "O0" else None,
            "until": None,
            "size": event.get("size", 0),
            "address": event.get("address", ""),
            "batch": event.get("batch", 1),
            "inlined": inlined,
            "view": None,
        }

    def _counted(self, event: Json, version: int) -> None:
        if "runs" in event and event["kind"] in ("compiled", "hot", "swapped", "deoptimized"):
            self.counts.setdefault(event["symbol"], []).append([event["time"], version, event["runs"]])

    def _sentence(self, unit: Json, event: Json) -> str:
        name, kind = unit["name"], event["kind"]
        runs = f"{event['runs']:,} {unit['counter']}" if "runs" in event else ""
        if kind == "defined":
            number = unit["versions"][-1]["version"]
            return f"{name} was defined" if number == 1 else f"{name} was redefined: version {number:,}"
        if kind == "compiled":
            inlined = f" with {listed(event['inlined'])}" if event.get("inlined") else ""
            began = event.get("began", event["time"])
            return f"{name} was compiled at -{event['tier']} in {milliseconds((event['time'] - began) / 1000)}{inlined}"
        if kind == "hot":
            return f"{name} was hot" + (f" at {event['threshold']:,} {unit['counter']}" if "threshold" in event else "")
        if kind == "swapped":
            hot = self._hot.pop(event["symbol"], None)
            later = f" {milliseconds((event['time'] - hot['time']) / 1000)} later" if hot is not None else ""
            return f"{name} runs its -O3 code{later}" + (f", after {runs}" if runs else "")
        told = {"deoptimized": "was deoptimized to -O0", "ran": "ran"}.get(kind, kind)
        return f"{name} {told}" + (f": {event['message']}" if "message" in event else "")


def _version(number: int, time: float, place: Json | None) -> Json:
    return {"version": number, "defined": time, "replaced": None, "place": place, "calls": [], "codes": []}


def _end(codes: list[Json], time: float) -> None:
    for code in codes:
        code["until"] = time if code["until"] is None else code["until"]
