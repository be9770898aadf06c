"""Recordings: units, versions and code over time; events with sentences; places in the sources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from kaleido.recording import Recorder
from kaleido.session import Session
from kaleido.session.unit_descriptions import describe

PROGRAM = """def square(x) x * x
def sum(n) var s in
    (for i = 1, i < n in s = s + square(i)) : s
sum(2)
sum(1)
def square(x) x + x
sum(1)
"""


def recording(*texts: str, jit: str = "sync", threshold: int | None = 3) -> dict[str, Any]:
    with Session(jit=jit, threshold=threshold) as session:
        recorder = Recorder(session.engine, name="demo.kal", describe=describe, live=False)
        for text in texts:
            session.run(text, "demo.kal")
        recorder.close()
        return recorder.snapshot()


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    return recording(PROGRAM)


def units(recorded: dict[str, Any]) -> dict[str, Any]:
    return {unit["name"]: unit for unit in recorded["units"]}


def sentences(recorded: dict[str, Any], kind: str = "") -> Iterator[str]:
    """The sentences of events, with every time as `T` and every address as `A`."""
    for event in recorded["events"]:
        if not kind or event["kind"] == kind:
            yield re.sub(r"0x[0-9a-f]+", "A", re.sub(r"[\d,]+\.\d ms", "T ms", event["sentence"]))


def test_sentences_say_what_happened_to_a_function(recorded: dict[str, Any]) -> None:
    told = [each for each in sentences(recorded) if each.startswith(("square", "sum.for"))]
    assert [each for each in told if "bytes" not in each] == [
        "square was defined",
        "sum.for@3:6 was defined",
        "sum.for@3:6 was hot at 3 iterations",
        "sum.for@3:6 began to be compiled at -O3 with square, after 3 iterations",
        "sum.for@3:6 was hot at 3 iterations; -O3 T ms later",
        "square was hot at 3 calls",
        "square began to be compiled at -O3, after 3 calls",
        "square was hot at 3 calls; -O3 T ms later",
        "square was redefined: version 2",
        "sum.for@3:6 was deoptimized to -O0: square has changed",
    ]


def test_a_version_has_its_code_and_the_times_of_its_use(recorded: dict[str, Any]) -> None:
    first, second = units(recorded)["square"]["versions"]
    baseline, optimized = first["codes"]
    assert (baseline["tier"], optimized["tier"]) == ("O0", "O3")
    assert first["defined"] < baseline["from"]
    assert optimized["began"] <= optimized["ended"] <= optimized["from"] < optimized["until"]
    assert first["replaced"] == second["defined"] == optimized["until"] == baseline["until"]
    assert [code["until"] for code in second["codes"]] == [None]


def test_optimized_code_has_the_versions_that_it_inlined(recorded: dict[str, Any]) -> None:
    [loop] = units(recorded)["sum.for@3:6"]["versions"]
    optimized = loop["codes"][1]
    assert optimized["inlined"] == [["kal.square", 1]]
    assert optimized["until"] >= units(recorded)["square"]["versions"][1]["defined"]


def test_a_redefinition_has_what_it_deoptimized_and_the_cost() -> None:
    calls = "f(1); f(1); f(1); f(1)"
    recorded = recording(f"def g(x) x def f(x) g(x); {calls}", f"def g(x) x + 1; {calls}")
    [row] = recorded["redefinitions"]
    assert (row["symbol"], row["version"], row["deoptimized"]) == ("kal.g", 2, ["kal.f"])
    [version] = units(recorded)["f"]["versions"]
    [first, second] = [code for code in version["codes"] if code["tier"] == "O3"]
    assert row["time"] <= first["until"]
    assert row["recompiled"] == pytest.approx(second["ended"] - second["began"])


def test_units_have_kinds_parents_and_places(recorded: dict[str, Any]) -> None:
    loop = units(recorded)["sum.for@3:6"]
    assert (loop["kind"], loop["counter"], loop["parent"]) == ("loop", "iterations", "kal.sum")
    assert loop["versions"][0]["place"] == {"source": 0, "start": [3, 6], "end": [3, 43]}
    assert units(recorded)["sum"]["versions"][0]["place"] == {"source": 0, "start": [2, 1], "end": [3, 48]}
    assert recorded["sources"][0] == {"name": "demo.kal", "text": PROGRAM}
    assert units(recorded)["binary:"]["origin"] == "prelude"
    assert units(recorded)["demo.kal:4:1"]["kind"] == "expression"
    assert units(recorded)["sum"]["versions"][0]["calls"] == [loop["symbol"], "kal.binary:"]


def test_a_recording_that_begins_later_has_the_code_of_before() -> None:
    with Session(jit="sync", threshold=3) as session:
        session.run("def f(x) x; f(1); f(1); f(1); f(1)")
        recorder = Recorder(session.engine, describe=describe)
        session.run("def f(x) x + 1")
        [before, after] = units(recorder.snapshot())["f"]["versions"]
    assert [code["tier"] for code in before["codes"]] == ["O0", "O3"]
    assert before["replaced"] == after["defined"]


def test_counts_and_records_change_when_the_unit_does() -> None:
    recorded = recording("def f(x) x; f(1)", "f(2); f(3); f(4)", "def f(x) x + 1; f(1)")
    points = recorded["counts"]["kal.f"]
    assert [point[1:] for point in points if point[2]] == [[1, 3], [2, 1]]
    assert [point[0] for point in points] == sorted(point[0] for point in points)
    fields = ("version", "target", "runs", "limit")
    assert [tuple(record[field] for field in fields) for record in recorded["stubs"]["kal.f"]] == [
        (1, "prologue", 0, 3),
        (1, "prologue", 3, None),
        (1, "body", 3, None),
        (2, "prologue", 3, 6),
    ]


def test_a_loop_that_has_ended_has_all_its_iterations() -> None:
    with Session(jit="tiered") as session:
        recorder = Recorder(session.engine, describe=describe, live=False)
        session.run("for i = 1, i < 2 in i", "demo.kal")
        recorder.close()
        [points] = recorder.snapshot()["counts"].values()
    assert points[-1][2] == 2


def test_the_jump_leads_to_the_counter_and_then_to_the_body() -> None:
    recorded = recording("def f(x) x; f(1); f(2)", "f(3)")
    jumps, records = recorded["jumps"], recorded["stubs"]["kal.f"]
    assert jumps["symbol"] == "kal.f"
    prologue, body = records[0], records[-1]
    assert jumps["before"][0].startswith("stub at 0x")
    assert any(line.endswith(f"{prologue['slot']}, the counter prologue") for line in jumps["before"])
    assert any(line.startswith(f"prologue at {prologue['slot']}") for line in jumps["before"])
    assert any("incq" in line or "add" in line for line in jumps["before"])
    assert any(line.endswith("limit: 3") for line in jumps["before"])
    assert jumps["after"][-1].endswith(f"{body['slot']}, the body")
    [optimized] = [code for code in units(recorded)["f"]["versions"][0]["codes"] if code["tier"] == "O3"]
    assert optimized["address"] == body["slot"]
