"""From the baseline to optimized code: thresholds, counters, events, and the address that does not change."""

from __future__ import annotations

import ctypes
import threading

import pytest

from kaleido.jit import Engine, EventKind, Policy, RunCounter, Tier
from tests.jit.helpers import Log, settle, statistics, sync
from tests.jit.tiny import unit

IDENTITY = "(define (f x) x)"
COUNT = "(define (count n) (let i 0 (do (while (< i n) (set i (+ i 1))) i)))"


@pytest.mark.parametrize("threshold", [1, 2, 7])
def test_a_unit_is_hot_at_exactly_its_threshold(threshold: int) -> None:
    with Engine(sync(threshold)) as engine:
        engine.define(unit(IDENTITY))
        engine.prepare("f")
        for _ in range(threshold - 1):
            engine.call("f", 1)
        assert engine.describe("f").tier is Tier.BASELINE
        engine.call("f", 1)
        assert engine.describe("f").tier is Tier.OPTIMIZED
        assert statistics(engine, "f").runs == threshold


def test_calls_and_iterations_have_thresholds_of_their_own() -> None:
    with Engine(Policy(background=False, call_threshold=3, iteration_threshold=20)) as engine:
        log = Log(engine)
        engine.define(unit(COUNT))
        engine.call("count", 18)
        assert (statistics(engine, "count").runs, statistics(engine, "count.loop").runs) == (1, 19)
        engine.call("count", 0)
        assert log.only("count.loop", EventKind.HOT).runs == 20
        assert engine.describe("count").tier is Tier.BASELINE
        engine.call("count", 0)
        assert log.only("count", EventKind.HOT).runs == 3


def test_the_events_of_a_tier_change_are_in_order() -> None:
    with Engine(sync(3)) as engine:
        log = Log(engine)
        engine.define(unit(IDENTITY))
        assert log.kinds("f") == ["defined"]
        for _ in range(5):
            engine.call("f", 1)
        assert log.kinds("f") == ["defined", "compiled O0", "hot", "compiled O3", "swapped"]


def test_events_have_unit_time_thread_runs_and_size() -> None:
    with Engine(sync(3)) as engine:
        log = Log(engine)
        engine.define(unit(IDENTITY))
        for _ in range(3):
            engine.call("f", 1)
        defined, baseline, hot, optimized, swapped = log.events
        assert [event.runs for event in log.events] == [0, 0, 3, 3, 3]
        assert [event.tier for event in log.events] == [None, "O0", "O0", "O3", "O3"]
        assert {(event.unit, event.symbol, event.version, event.counter) for event in log.events} == {
            ("f", "f", 1, RunCounter.CALLS)
        }
        assert sorted(event.time for event in log.events) == [event.time for event in log.events]
        assert defined.thread == baseline.thread == threading.get_native_id()
        assert hot.thread == optimized.thread == swapped.thread != threading.get_native_id()
        assert min(baseline.seconds, optimized.seconds) > 0
        assert swapped.seconds == optimized.seconds
        assert min(baseline.size, optimized.size) > 0
        assert swapped.size == optimized.size


def test_units_first_needed_together_are_compiled_together() -> None:
    with Engine(sync()) as engine:
        log = Log(engine)
        engine.define(unit("(define (f x) (g x))"), unit("(define (g x) (h x))"), unit("(define (h x) x)"))
        engine.call("f", 1)
        compiled = [event for event in log.events if event.kind is EventKind.COMPILED]
        assert [(event.unit, event.batch) for event in compiled] == [("f", 3), ("g", 3), ("h", 3)]
        assert len({event.seconds for event in compiled}) == 1


def test_a_definition_compiles_nothing() -> None:
    with Engine(sync()) as engine:
        engine.define(unit(IDENTITY))
        assert engine.describe("f").tier is None
        assert statistics(engine, "f").code_bytes == {}


def test_a_unit_without_a_counter_is_never_hot() -> None:
    with Engine(sync(1)) as engine:
        log = Log(engine)
        engine.define(unit(IDENTITY, counter=RunCounter.NONE))
        for _ in range(5):
            engine.call("f", 1)
        assert log.kinds("f") == ["defined", "compiled O0", *["ran"] * 5]
        assert statistics(engine, "f").runs == 0


@pytest.mark.parametrize("policy", [Policy(optimize=False), Policy(baseline=False)], ids=["O0", "O3"])
def test_with_one_tier_nothing_is_counted(policy: Policy) -> None:
    with Engine(policy) as engine:
        log = Log(engine)
        engine.define(unit(IDENTITY))
        for _ in range(5):
            engine.call("f", 1)
        assert log.kinds("f") == ["defined", "compiled O3" if policy.optimize else "compiled O0"]
        assert statistics(engine, "f").runs == 0


def test_the_address_is_the_same_in_every_tier_and_version() -> None:
    with Engine(sync(3)) as engine:
        engine.define(unit(IDENTITY))
        address = engine.address("f")
        native = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)
        assert [native(n) for n in range(5)] == [0, 1, 2, 3, 4]
        assert (engine.describe("f").tier, engine.address("f")) == (Tier.OPTIMIZED, address)
        engine.define(unit("(define (f x) (+ x 100))"))
        assert (engine.describe("f").tier, engine.address("f")) == (Tier.BASELINE, address)
        assert [native(n) for n in range(5)] == [100, 101, 102, 103, 104]
        assert engine.describe("f").tier is Tier.OPTIMIZED


def test_calls_by_address_are_counted_like_others() -> None:
    with Engine(sync(100)) as engine:
        engine.define(unit(IDENTITY))
        native = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(engine.address("f"))
        for _ in range(7):
            native(1)
        engine.call("f", 1)
        assert statistics(engine, "f").runs == 8


def test_in_the_background_a_unit_is_optimized_without_waiting() -> None:
    with Engine(Policy(call_threshold=3)) as engine:
        log = Log(engine)
        engine.define(unit(IDENTITY))
        for _ in range(3):
            engine.call("f", 1)
        settle(engine)
        assert log.kinds("f") == ["defined", "compiled O0", "hot", "compiled O3", "swapped"]
        assert engine.describe("f").tier is Tier.OPTIMIZED
