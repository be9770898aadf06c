"""Recordings have the format that kaleido/recording/FORMAT.md describes, whichever language they are of."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import tape

import kaleido.recording
from kaleido.recording import Recorder
from kaleido.terminal import streams
from tests.jit.helpers import sync
from tests.recording.test_recorder import PROGRAM, recording

FORMAT = (Path(kaleido.recording.__file__).parent / "FORMAT.md").read_text("utf-8")

NUMBER = (int, float)
ADDRESS = re.compile("0x[0-9a-f]+")
PLACE = {"source": int, "start": [int], "end": [int]}
CODE = {
    "tier": {"O0", "O3"}, "began": NUMBER, "ended": NUMBER, "from": NUMBER, "until": (*NUMBER, None), "size": int,
    "address": ADDRESS, "batch": int, "inlined": [[(str, int)]], "view": (int, None),
}  # fmt: skip
SHAPE = {
    "format": {"kaleido-recording"},
    "version": {1},
    "producer": {"kaleido": str, "llvm": str, "machine": str},
    "program": {
        "name": str, "mode": {"tiered", "sync", "O0", "O3"}, "thresholds": {"calls": int, "iterations": int},
        "patience": NUMBER,
    },
    "length": NUMBER,
    "live": bool,
    "left_out": {"events": int, "units": int, "versions": int},
    "sources": [{"name": str, "text": str}],
    "units": [{
        "symbol": str, "name": str, "kind": {"function", "loop", "expression", "other"},
        "counter": {"calls", "iterations", "none"}, "origin": {"program", "prelude"}, "parent": (str, None),
        "versions": [{
            "version": int, "defined": (*NUMBER, None), "replaced": (*NUMBER, None), "place": (PLACE, None),
            "calls": [str], "codes": [CODE],
        }],
    }],
    "views": [dict],
    "events": [{
        "time": NUMBER, "kind": str, "symbol": str, "version": int, "sentence": str, ...: (str, list, *NUMBER),
    }],
    "redefinitions": [
        {"time": NUMBER, "symbol": str, "version": int, "deoptimized": [str], "recompiled": NUMBER}
    ],
    "counts": {str: [[NUMBER]]},
    "stubs": {str: [{
        "time": NUMBER, "version": int, "slot": ADDRESS, "target": {"prologue", "body", "none"}, "runs": int,
        "limit": (int, None), "body": ADDRESS, "number": int,
    }]},
    "jumps": {"symbol": (str, None), "before": [str], "after": [str]},
    "samples": {
        "interval": NUMBER, "total": int, "times": [[(str, None, *NUMBER)]], "missing": str,
        "shares": [{"symbol": (str, None), "tier": {"O0", "O3", "other"}, "count": int}],
    },
    "measured": (None,),
    "account": [{"part": str, "time": float}],
    "advice": [{"symbol": (str, None), "text": str}],
}  # fmt: skip
"""The keys of each object; ``...`` stands for others. A set has the values, a tuple the shapes, one of which it is."""


def wrong(value: Any, shape: Any, where: str = "") -> list[str]:
    """Where `value` does not have the shape."""
    match shape:
        case tuple():
            return [] if any(not wrong(value, each, where) for each in shape) else [f"{where}: {value!r}"]
        case dict() if isinstance(value, dict):
            return _wrong_keys(value, shape, where)
        case [item] if isinstance(value, list):
            return [each for index, one in enumerate(value) for each in wrong(one, item, f"{where}[{index}]")]
        case set():
            return [] if value in shape else [f"{where}: {value!r}"]
        case re.Pattern():
            return [] if isinstance(value, str) and shape.fullmatch(value) else [f"{where}: {value!r}"]
        case type():
            return [] if isinstance(value, shape) else [f"{where}: {value!r}"]
    return [] if shape is None and value is None else [f"{where}: {value!r}"]


def _wrong_keys(value: dict[str, Any], shape: dict[Any, Any], where: str) -> list[str]:
    others = shape.get(..., shape.get(str))
    missing = [f"{where}.{key}: missing" for key in shape if isinstance(key, str) and key not in value]
    unknown = [f"{where}.{key}: unknown" for key in value if key not in shape and others is None]
    inside = [
        each
        for key, one in value.items()
        if key in shape or others is not None
        for each in wrong(one, shape.get(key, others), f"{where}.{key}")
    ]
    return [*missing, *unknown, *inside]


def test_a_recording_has_the_documented_shape_and_is_json() -> None:
    recorded = recording(PROGRAM)
    assert wrong(json.loads(json.dumps(recorded)), SHAPE) == []
    assert [key for key in recorded if f"`{key}`" not in FORMAT] == []


def test_the_shape_is_not_that_of_anything() -> None:
    recorded = recording("1")
    recorded["units"][0]["kind"] = "procedure"
    recorded["extra"] = 1
    del recorded["length"]
    assert wrong(recorded, SHAPE) == [".length: missing", ".extra: unknown", ".units[0].kind: 'procedure'"]


def test_every_key_of_the_shape_is_documented() -> None:
    def keys(shape: Any) -> set[str]:
        if isinstance(shape, dict):
            return {key for key in shape if isinstance(key, str)}.union(*map(keys, shape.values()))
        return set().union(*map(keys, shape)) if isinstance(shape, list | tuple) else set()

    assert [key for key in keys(SHAPE) if f"`{key}`" not in FORMAT] == []


def test_another_language_on_the_engine_is_recorded() -> None:
    with tape.Tape(sync(3)) as program, streams.discarded():
        recorder = Recorder(program.engine, name="demo.tape", live=False)
        program.run("double { [->++<] } +++++ double double")
        program.run("double { [->+<] } >++ double")
        recorder.close()
        recorded = recorder.snapshot()
    assert wrong(recorded, SHAPE) == []
    [double] = [unit for unit in recorded["units"] if unit["name"] == "double"]
    assert [version["version"] for version in double["versions"]] == [1, 2]
    loops = [unit for unit in recorded["units"] if unit["kind"] == "loop"]
    assert {loop["parent"] for loop in loops} == {double["symbol"]}
    assert next(event["sentence"] for event in recorded["events"] if event["kind"] == "hot").endswith("3 iterations")
