"""Redefining a unit deoptimizes its dependents: they run their baseline until they are hot again."""

from __future__ import annotations

import pytest

from kaleido.jit import Engine, EventKind, Policy, Tier
from tests.jit.helpers import Log, statistics, sync
from tests.jit.tiny import unit, units

CALLS = "(define (f x) (+ 1 (g x))) (define (g x) x)"
CHAIN = """
(define (top x) (+ 1 (middle x)))
(define (middle x) (+ 10 (bottom x)))
(define (bottom x) (+ 100 x))
"""


def heat(engine: Engine, symbol: str, *arguments: int) -> None:
    """Run a unit three times, which is the threshold here: it and its callees are optimized."""
    for _ in range(3):
        engine.call(symbol, *arguments)
    assert engine.describe(symbol).tier is Tier.OPTIMIZED


def test_a_caller_runs_its_baseline_and_is_optimized_again() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(CALLS))
        heat(engine, "f", 5)
        assert statistics(engine, "g").dependents == ("f",)
        log = Log(engine)
        engine.define(unit("(define (g x) (* x 10))"))
        assert (engine.describe("f").tier, statistics(engine, "f").runs) == (Tier.BASELINE, 0)
        assert statistics(engine, "g").dependents == ()
        assert [engine.call("f", 5) for _ in range(3)] == [51, 51, 51]
        assert (engine.describe("f").tier, statistics(engine, "f").runs) == (Tier.OPTIMIZED, 3)
        assert statistics(engine, "g").dependents == ("f",)
        assert engine.call("f", 5) == 51
        assert log.kinds("f") == ["deoptimized", "freed O3", "hot", "compiled O3", "swapped"]


def test_the_event_has_tier_runs_and_version_of_what_was_deoptimized() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(CALLS))
        heat(engine, "f", 5)
        log = Log(engine)
        engine.define(unit("(define (g x) (* x 10))"))
        deoptimized = log.only("f", EventKind.DEOPTIMIZED)
        assert (deoptimized.tier, deoptimized.runs, deoptimized.version) == (Tier.OPTIMIZED, 3, 1)


@pytest.mark.parametrize("policy", [sync(3), sync(1), Policy(baseline=False), Policy(optimize=False)])
def test_a_redefinition_three_calls_down_changes_the_result(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(*units(CHAIN))
        assert [engine.call("top", 1000) for _ in range(4)] == [1111] * 4
        engine.define(unit("(define (bottom x) (+ 200 x))"))
        assert [engine.call("top", 1000) for _ in range(4)] == [1211] * 4
        engine.define(unit("(define (middle x) (+ 20 (bottom x)))"))
        assert [engine.call("top", 1000) for _ in range(4)] == [1221] * 4


def test_all_dependents_and_nothing_else_are_deoptimized() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(CHAIN), unit("(define (other x) x)"))
        heat(engine, "top", 1)
        heat(engine, "other", 1)
        assert statistics(engine, "bottom").dependents == ("middle", "top")
        log = Log(engine)
        engine.define(unit("(define (bottom x) (+ 200 x))"))
        deoptimized = {event.unit for event in log.events if event.kind is EventKind.DEOPTIMIZED}
        assert deoptimized == {"top", "middle"}
        assert engine.describe("other").tier is Tier.OPTIMIZED


def runs_until_optimized(engine: Engine, symbol: str) -> int:
    runs = 0
    while engine.describe(symbol).tier is not Tier.OPTIMIZED:
        engine.call(symbol, 5)
        runs += 1
    return runs


def test_the_threshold_is_doubled_from_the_ninth_invalidation_on() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(CALLS))
        runs = []
        for number in range(12):
            runs.append(runs_until_optimized(engine, "f"))
            engine.define(unit(f"(define (g x) (+ x {number}))"))
        assert runs == [3] * 9 + [6, 12, 24]
        # A new definition has not been invalidated.
        engine.define(unit("(define (f x) (g x))"))
        assert runs_until_optimized(engine, "f") == 3


def test_requests_to_deoptimize_are_no_invalidations() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(CALLS))
        for _ in range(12):
            assert runs_until_optimized(engine, "f") == 3
            engine.deoptimize("f")


def test_without_a_baseline_dependents_are_optimized_again_at_once() -> None:
    with Engine(Policy(baseline=False)) as engine:
        engine.define(*units(CHAIN))
        assert engine.call("top", 1000) == 1111
        log = Log(engine)
        engine.define(unit("(define (bottom x) (+ 200 x))"))
        assert log.kinds("top") == ["compiled O3", "deoptimized", "freed O3"]
        assert engine.describe("top").tier is Tier.OPTIMIZED
        assert statistics(engine, "bottom").dependents == ("top",)
        assert engine.call("top", 1000) == 1211


def test_a_new_version_counts_from_zero() -> None:
    with Engine(sync(3)) as engine:
        engine.define(unit("(define (f x) 1)"))
        for _ in range(2):
            engine.call("f", 0)
        engine.define(unit("(define (f x) 2)"))
        log = Log(engine)
        assert [engine.call("f", 0) for _ in range(3)] == [2, 2, 2]
        assert log.kinds("f") == ["hot", "compiled O3", "swapped"]
        assert (statistics(engine, "f").runs, statistics(engine, "f").versions) == (3, 2)


def test_either_function_of_a_mutual_recursion_may_be_redefined() -> None:
    with Engine(sync(3)) as engine:
        engine.define(
            *units("""
            (define (even n) (if (= n 0) 1 (odd (- n 1) 7)))
            (define (odd n k) (if (= n 0) 0 (even (- n 1))))
            """)
        )
        heat(engine, "even", 100)
        assert engine.describe("odd").tier is Tier.OPTIMIZED or statistics(engine, "odd").dependents == ("even",)
        engine.define(unit("(define (odd n k) (if (= n 0) 5 (even (- n 1))))"))
        assert [engine.call("even", n) for n in (100, 101, 101, 101)] == [1, 5, 5, 5]
        engine.define(unit("(define (even n) (if (= n 0) 6 (odd (- n 1) 7)))"))
        assert [engine.call("even", n) for n in (100, 101, 100, 101)] == [6, 5, 6, 5]
        assert statistics(engine, "odd").dependents == ("even",)


def test_a_loop_is_replaced_with_the_function_around_it() -> None:
    text = "(define (f n) (let i 0 (let s 0 (do (while (< i n) (set i (+ i 1)) (set s (+ s {step}))) s))))"
    with Engine(sync(3)) as engine:
        engine.define(unit(text.format(step=1)))
        assert [engine.call("f", 10) for _ in range(4)] == [10] * 4
        before = engine.stats()[1].symbol
        log = Log(engine)
        engine.define(unit(text.format(step=2)))
        assert [each.name for each in engine.stats()] == ["f", "f.loop"]
        assert engine.stats()[1].symbol != before
        # Both tiers of the old loop were freed with the old function.
        assert sorted(log.kinds("f.loop")) == ["compiled O0", "defined", "freed O0", "freed O3"]
        assert [engine.call("f", 10) for _ in range(4)] == [20] * 4


def test_a_loop_that_calls_it_is_deoptimized_too() -> None:
    with Engine(sync(3)) as engine:
        engine.define(
            *units("""
            (define (f n) (let s 0 (do (while (< 0 n) (set s (+ s (g n))) (set n (- n 1))) s)))
            (define (g x) 1)
            """)
        )
        heat(engine, "f", 10)
        assert statistics(engine, "g").dependents == ("f", "f.loop")
        engine.define(unit("(define (g x) 2)"))
        assert {statistics(engine, name).tier for name in ("f", "f.loop")} == {Tier.BASELINE}
        assert [engine.call("f", 10) for _ in range(4)] == [20] * 4


def test_a_new_version_may_add_or_drop_a_loop() -> None:
    with Engine(sync(3)) as engine:
        for _ in range(3):
            engine.define(unit("(define (f n) n)"))
            assert [engine.call("f", 7) for _ in range(4)] == [7] * 4
            assert len(engine.stats()) == 1
            engine.define(unit("(define (f n) (let i 0 (do (while (< i n) (set i (+ i 1))) i)))"))
            assert [engine.call("f", 7) for _ in range(4)] == [7] * 4
            assert len(engine.stats()) == 2
