"""A recording stays small, however much happens; a reader of one that goes on gets each change once."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

from kaleido.jit import Engine, Event, EventKind, RunCounter, Tier
from kaleido.recording import Recorder, additions, recorder, unit_history
from kaleido.recording.bounded import Capped, Thinned
from kaleido.session import Session
from kaleido.session.unit_descriptions import describe


def event(kind: EventKind, symbol: str, version: int = 1, **details: Any) -> Event:
    return Event(kind, symbol, symbol, time.perf_counter(), 1, version=version, counter=RunCounter.CALLS, **details)


def test_events_of_many_redefinitions_and_expressions_are_bounded() -> None:
    """As many as in ten minutes of a program that redefines and runs a thousand times in a second, or more."""
    with Engine() as engine:
        recorded = Recorder(engine, live=False)
        for number in range(1, 6_001):
            recorded._waiting.append(event(EventKind.DEFINED, "f", number))
            recorded._waiting.append(event(EventKind.COMPILED, "f", number, tier=Tier.BASELINE))
            recorded._waiting.append(event(EventKind.DEFINED, f"once {number}"))
            recorded._waiting.append(event(EventKind.RAN, f"once {number}"))
            recorded._tick()
        data = recorded.snapshot()
        recorded.close()
    assert len(data["events"]) == recorder._MOST_EVENTS
    assert data["left_out"]["events"] == 4 * 6_000 - recorder._MOST_EVENTS
    assert len(data["units"]) <= unit_history._MOST_UNITS
    assert data["left_out"]["units"] == 6_001 - len(data["units"])
    [f] = [unit for unit in data["units"] if unit["symbol"] == "f"]
    assert len(f["versions"]) == unit_history._MOST_VERSIONS
    assert (f["versions"][0]["version"], f["versions"][-1]["version"]) == (1, 6_000)
    assert data["left_out"]["versions"] == 6_000 - unit_history._MOST_VERSIONS
    assert data["events"][0]["version"] == 1
    assert data["events"][-1]["symbol"] == "once 6000"


def test_a_capped_list_has_the_first_and_the_latest() -> None:
    capped: Capped[int] = Capped(4)
    for number in range(10):
        capped.append(number)
    assert (list(capped), len(capped), capped.left_out) == ([0, 1, 8, 9], 4, 6)


def test_a_thinned_list_is_even_and_ends_with_the_latest() -> None:
    thinned: Thinned[int] = Thinned(8)
    for number in range(1_001):
        thinned.append(number)
    kept = list(thinned)
    assert len(kept) <= 9
    assert (kept[0], kept[-1]) == (0, 1_000)
    assert len({after - before for before, after in pairwise(kept[:-1])}) == 1


def test_changes_are_what_was_added_since_the_last_call() -> None:
    with Session(jit="sync", threshold=3) as session:
        recorded = Recorder(session.engine, describe=describe, live=False)
        session.run("def f(x) x; f(1)", "a.kal")
        first = recorded.changes()
        assert (first["format"], first["live"]) == ("kaleido-recording", True)
        known = len(first["events"])
        session.run("f(2); f(3)", "b.kal")
        message = recorded.changes()
        assert "format" not in message
        assert next(each["kind"] for each in message["events"] if each["symbol"] == "kal.f") == "hot"
        assert "kal.f" in {unit["symbol"] for unit in message["units"]}
        assert [source["name"] for source in message["sources"]] == ["b.kal"]
        assert message["stubs"]["kal.f"][-1]["target"] == "body"
        assert len(recorded.snapshot()["events"]) == known + len(message["events"])
        assert recorded.changes()["events"] == []
        recorded.close()
        assert recorded.changes()["live"] is False


def test_a_reader_of_changes_asks_for_code_that_is_in_use() -> None:
    with Session(jit="sync", threshold=2) as session:
        recorded = session.record("demo.kal")
        recorded.changes()
        session.run("def g(x) x * x def f(x) g(x) + 1", "demo.kal")
        assert recorded.code_view("kal.f", Tier.OPTIMIZED) is None
        session.run("f(1); f(2)")
        assert recorded.report()["views"] != []
        message = recorded.changes()
        assert message["jumps"]["symbol"] in ("kal.f", "kal.g")
        codes = [each for unit in message["units"] for each in unit["versions"][0]["codes"]]
        assert [code["view"] for code in codes] == [None] * len(codes)
        found = recorded.code_view("kal.f", Tier.OPTIMIZED)
        assert found is not None
        assert found["began"] in [code["began"] for code in codes]
        assert [0, 1, 12, "kal.g"] in found["view"]["ir_lines"]
        session.run("def g(x) x")
        assert recorded.code_view("kal.f", Tier.OPTIMIZED) is None
        recorded.close()


def test_a_reader_that_stays_away_gets_all_again() -> None:
    with Engine() as engine:
        recorded = Recorder(engine, live=False)
        recorded.changes()
        for _ in range(additions._MOST // 2 + 2):
            recorded._waiting.append(event(EventKind.DEFINED, "f"))
        assert recorded.changes()["format"] == "kaleido-recording"
        assert recorded.changes()["events"] == []
        recorded.close()
