"""The fields and the order of events: the queue of the recompiler, inline groups, addresses of code."""

from __future__ import annotations

import pytest

from kaleido.jit import Engine, Event, EventKind, Policy, RunCounter, Tier
from tests.jit.compiling.test_transform import fail
from tests.jit.helpers import settle, sync
from tests.jit.tiny import unit, units

PROGRAM = "(define (f x) (+ 1 (g x))) (define (g x) (+ 2 (h x))) (define (h x) (* x x))"


def recorded(engine: Engine) -> list[Event]:
    events: list[Event] = []
    engine.subscribe(events.append)
    return events


def of(events: list[Event], symbol: str, tier: Tier | None = Tier.OPTIMIZED) -> list[EventKind]:
    return [event.kind for event in events if event.symbol == symbol and event.tier is tier]


@pytest.mark.parametrize("policy", [Policy(), sync(1000)], ids=["background", "sync"])
def test_a_request_is_followed_to_its_swap(policy: Policy) -> None:
    with Engine(policy) as engine:
        events = recorded(engine)
        engine.define(*units(PROGRAM))
        engine.prepare("f")
        baseline = engine.describe("f").address
        engine.optimize("f", background=True)
        settle(engine)
        steps = [EventKind.STARTED, EventKind.COMPILED, EventKind.LOADED, EventKind.SWAPPED]
        assert of(events, "f") == steps
        if policy.background:
            asked = [event for event in events if event.kind in (EventKind.REQUESTED, EventKind.HOT)]
            assert [each.kind for each in asked] == [EventKind.REQUESTED, EventKind.HOT]
            assert [each.address for each in asked] == [baseline] * 2
        times = [event.time for event in events if event.tier is Tier.OPTIMIZED]
        assert times == sorted(times)


def test_the_events_of_an_optimized_compilation_name_its_inline_group() -> None:
    with Engine(sync(2)) as engine:
        engine.define(*units(PROGRAM))
        engine.call("f", 1)
        events = recorded(engine)
        engine.optimize("f")
        named = {event.kind: event.inlined for event in events}
        assert named.pop(EventKind.LOADED) == ()
        assert named == dict.fromkeys((EventKind.STARTED, EventKind.COMPILED, EventKind.SWAPPED), ("g", "h"))
        assert engine.define(unit("(define (h x) x)")) == {"f"}


def test_without_a_baseline_there_is_no_queue_and_no_swap() -> None:
    with Engine(Policy(baseline=False)) as engine:
        events = recorded(engine)
        engine.define(*units(PROGRAM))
        engine.prepare("f")
        assert of(events, "f") == [EventKind.STARTED, EventKind.COMPILED, EventKind.LOADED]
        assert EventKind.REQUESTED not in {event.kind for event in events}


def test_a_compilation_that_fails_has_started() -> None:
    with Engine(Policy(call_threshold=1), transform=fail) as engine:
        events = recorded(engine)
        engine.define(unit("(define (f x) x)"))
        engine.call("f", 1)
        settle(engine)
        kinds = [event.kind for event in events if event.symbol == "f"]
        assert kinds[-3:] == [EventKind.HOT, EventKind.STARTED, EventKind.FAILED]


def test_events_of_code_have_its_address() -> None:
    with Engine(sync(2)) as engine:
        events = recorded(engine)
        engine.define(unit("(define (f x) x)"), unit("(define (once x) x)", counter=RunCounter.NONE))
        engine.call("f", 1)
        baseline = engine.describe("f").address
        engine.call("f", 1)
        optimized = engine.describe("f").address
        engine.call("once", 1)
        engine.deoptimize("f")
        engine.remove("f")
        found = {(event.kind, event.tier): event.address for event in events if event.symbol == "f"}
        assert found == {
            (EventKind.DEFINED, None): 0,
            (EventKind.COMPILED, Tier.BASELINE): baseline,
            (EventKind.LOADED, Tier.BASELINE): baseline,
            (EventKind.HOT, Tier.BASELINE): baseline,
            (EventKind.STARTED, Tier.OPTIMIZED): 0,
            (EventKind.COMPILED, Tier.OPTIMIZED): 0,
            (EventKind.LOADED, Tier.OPTIMIZED): optimized,
            (EventKind.SWAPPED, Tier.OPTIMIZED): optimized,
            (EventKind.DEOPTIMIZED, Tier.OPTIMIZED): optimized,
            (EventKind.FREED, Tier.OPTIMIZED): optimized,
            (EventKind.FREED, Tier.BASELINE): baseline,
        }
        [ran] = [event for event in events if event.kind is EventKind.RAN]
        assert ran.address == engine.describe("once").address
