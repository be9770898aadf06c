"""kaleido/report/trace.py: a trace has the format that its readers expect."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest

from kaleido import Session
from kaleido.diagnostics import KaleidoError
from kaleido.report.trace import Trace

Entry = dict[str, Any]

SUM = """def square(x) x * x
def sum(n) var t in (for i = 1, i < n in t = t + square(i)) : t
sum(300000)
for i = 1, i < 300000 in square(i)
"""

KEYS: dict[str, set[str]] = {"M": set(), "X": {"dur"}, "i": {"s"}, "s": {"id"}, "t": {"id"}, "f": {"id", "bp"}}
"""What an entry of each phase has, besides what all have."""


class Saved(StringIO):
    """A file with a text that outlives it."""

    text = ""

    def close(self) -> None:
        self.text = self.getvalue()
        super().close()


def traced(act: Callable[[Session], object], **options: Any) -> list[Entry]:
    """The trace of what `act` does in a session."""
    trace, file = Trace(), Saved()
    with Session(**options) as session:
        session.subscribe(trace)
        act(session)
        session.engine.wait_until_idle()
    count = trace.save(file)
    entries: list[Entry] = json.loads(file.text)["traceEvents"]
    assert len(entries) == count
    return entries


def traced_run(program: str, **options: Any) -> list[Entry]:
    return traced(lambda session: session.run(program), **options)


def slices(entries: list[Entry], verb: str = "") -> list[Entry]:
    return [entry for entry in entries if entry["ph"] == "X" and entry["name"].startswith(verb)]


def check_format(entries: list[Entry]) -> None:
    for entry in entries:
        common = {"name", "ph", "ts", "pid", "tid"} | ({"args"} if entry["ph"] in "MXi" else set())
        assert entry.keys() - {"cat"} == common | KEYS[entry["ph"]]
    check_nesting(entries)
    check_arrows(entries)


def check_nesting(entries: list[Entry]) -> None:
    """The slices of a thread nest: one that begins in another ends in it."""
    for thread in {entry["tid"] for entry in entries}:
        ends: list[float] = []
        for each in sorted(
            (entry for entry in slices(entries) if entry["tid"] == thread), key=lambda each: (each["ts"], -each["dur"])
        ):
            assert each["dur"] >= 0
            while ends and ends[-1] <= each["ts"] + 0.001:
                ends.pop()
            end = each["ts"] + each["dur"]
            assert not ends or end <= ends[-1] + 0.001, each
            ends.append(end)


def check_arrows(entries: list[Entry]) -> None:
    """Each arrow begins, passes and ends once, in this order; it passes and ends in slices of its threads."""
    arrows: dict[int, list[Entry]] = {}
    for entry in entries:
        if entry["ph"] in "stf":
            arrows.setdefault(entry["id"], []).append(entry)
    for steps in arrows.values():
        assert [step["ph"] for step in steps] == ["s", "t", "f"]
        assert all(first["ts"] <= second["ts"] for first, second in pairwise(steps))
        for step in steps[1:]:
            assert any(
                each["tid"] == step["tid"] and each["ts"] - 0.001 <= step["ts"] <= each["ts"] + each["dur"] + 0.001
                for each in slices(entries)
            )


@pytest.mark.parametrize("jit", ["tiered", "sync", "O0", "O3"])
def test_format(jit: str) -> None:
    entries = traced_run(SUM + "def square(x) x + 1\nsum(300000)", jit=jit)
    check_format(entries)
    assert bool(slices(entries, "swap")) == (jit in ("tiered", "sync"))


def test_a_slice_for_each_module() -> None:
    entries = traced_run(SUM, jit="sync")
    first, second = slices(entries, "compile -O0")
    assert first["name"] == "compile -O0 input:3:1 + 4 more"
    assert sorted(first["args"]["units"]) == ["binary:", "input:3:1", "square", "sum", "sum.for@2:22"]
    assert second["args"]["units"] == ["input:4:1", "input.for@4:1"]
    assert [each["name"] for each in slices(entries, "compile -O3")] == [
        "compile -O3 square",
        "compile -O3 sum.for@2:22",
        "compile -O3 input.for@4:1",
    ]
    assert {each["args"]["tier"] for each in slices(entries, "compile")} == {"O0", "O3"}


def test_a_slice_for_each_item_that_runs() -> None:
    entries = traced_run(SUM, jit="sync")
    assert [each["name"] for each in slices(entries, "run")] == ["run input:3:1", "run input:4:1"]
    # What it made hot happened in it.
    [loop] = [entry for entry in entries if entry["name"] == "hot input.for@4:1"]
    [run] = slices(entries, "run input:4:1")
    assert run["tid"] == loop["tid"]
    assert run["ts"] <= loop["ts"] <= run["ts"] + run["dur"]


def test_an_item_that_fails_has_run() -> None:
    def fail(session: Session) -> None:
        with pytest.raises(KaleidoError, match="recursion too deep"):
            session.run("def f(x) 1 + f(x); f(1)")

    entries = traced(fail)
    check_format(entries)
    assert len(slices(entries, "run input:")) == 1
    assert any(entry["name"] == "faulted f" for entry in entries)


def test_arrows_from_hot_to_swapped() -> None:
    entries = traced_run(SUM, jit="sync")
    assert [entry["ph"] for entry in entries if entry["ph"] in "stf"] == ["s", "t", "f"] * 3


def test_what_was_optimized_on_request_was_not_hot() -> None:
    def request(session: Session) -> None:
        session.run("def f(x) x; f(1)")
        session.engine.optimize(session["f"].unit.symbol)

    entries = traced(request)
    assert [each["name"] for each in slices(entries, "swap")] == ["swap f"]
    assert not any(entry["ph"] in "stf" for entry in entries)


def test_processes_and_threads_have_names() -> None:
    entries = traced_run(SUM, jit="sync")
    names = [entry["args"]["name"] for entry in entries if entry["ph"] == "M"]
    assert names[0] == "kaleido"
    assert sorted(names[1:]) == ["evaluation", "program", "recompiler"]
    assert {entry["tid"] for entry in entries if entry["ph"] != "M"} <= {
        entry["tid"] for entry in entries if entry["name"] == "thread_name"
    }
