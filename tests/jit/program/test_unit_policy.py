"""What a unit says about its own tiers: a threshold, and whether it may be optimized and inlined."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kaleido.jit import Engine, EventKind, Policy, RunCounter, Tier, Unit, UnitError
from tests.jit.helpers import Log, settle, statistics, sync
from tests.jit.program.test_visibility import NEVER_HOT, TWICE, Redefining, g
from tests.jit.tiny import unit, units

CALLS = "(define (f x) (+ 1 (g x)))"
SQUARE = "(define (g x) (* x x))"


def test_a_unit_is_hot_at_its_own_threshold() -> None:
    with Engine(sync(100)) as engine:
        log = Log(engine)
        engine.define(replace(unit(SQUARE), threshold=4))
        for runs in range(1, 5):
            assert engine.call("g", 3) == 9
            assert statistics(engine, "g").tier is (Tier.OPTIMIZED if runs == 4 else Tier.BASELINE)
        hot = log.only("g", EventKind.HOT)
        assert (hot.runs, hot.threshold) == (4, 4)


def test_its_threshold_may_be_larger_than_the_policy_s_and_outlives_other_policies() -> None:
    with Engine(sync(1)) as engine:
        engine.define(replace(unit(SQUARE), threshold=5))
        for policy in (sync(2), Policy(optimize=False), sync(2)):
            engine.configure(policy)
            assert [engine.call("g", 3) for _ in range(4)] == [9] * 4
            assert engine.describe("g").tier is Tier.BASELINE
            engine.define(replace(unit(SQUARE), threshold=5))
        engine.configure(replace(sync(2), iteration_threshold=7))
        assert [engine.call("g", 3) for _ in range(5)] == [9] * 5
        assert engine.describe("g").tier is Tier.OPTIMIZED


def test_a_threshold_is_not_for_a_unit_whose_runs_are_not_counted() -> None:
    with Engine(sync(1)) as engine:
        engine.define(replace(unit(SQUARE), threshold=1, counter=RunCounter.NONE))
        assert [engine.call("g", 3) for _ in range(3)] == [9] * 3
        assert engine.describe("g").tier is Tier.BASELINE


@pytest.mark.parametrize("threshold", [0, -1, 1 << 62, 1.5, "many"])
def test_a_wrong_threshold_is_refused(threshold: object) -> None:
    with pytest.raises(UnitError, match="g: its threshold is"):
        replace(unit(SQUARE), threshold=threshold)  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", [sync(1), Policy(call_threshold=1), Policy(baseline=False)])
def test_a_unit_may_stay_at_the_baseline(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(replace(unit(SQUARE), optimize=False), unit(CALLS))
        for _ in range(3):
            assert (engine.call("f", 3), engine.call("g", 3)) == (10, 9)
            settle(engine)
        engine.optimize("g")
        engine.optimize("g", background=True)
        settle(engine)
        assert (engine.describe("f").tier, engine.describe("g").tier) == (Tier.OPTIMIZED, Tier.BASELINE)
        assert [each.symbol for each in engine.inline_group("f", Tier.OPTIMIZED)] == ["f"]
        assert [str(each.reason) for each in engine.outside_group("f")] == ["it is never inlined"]
        # Its code is not a part of any other's, so a redefinition takes no code back.
        assert engine.define(replace(unit("(define (g x) 5)"), optimize=False)) == frozenset()
        assert engine.call("f", 3) == 6


def test_a_unit_may_change_whether_it_is_optimized() -> None:
    with Engine(sync(2)) as engine:
        for allowed in (True, False, True):
            engine.define(replace(unit(SQUARE), optimize=allowed))
            assert [engine.call("g", 3) for _ in range(3)] == [9] * 3
            assert engine.describe("g").tier is (Tier.OPTIMIZED if allowed else Tier.BASELINE)


def test_a_unit_that_is_never_inlined_is_optimized_by_itself() -> None:
    with Engine(sync(2)) as engine:
        engine.define(unit(CALLS), replace(unit(SQUARE), inline=False))
        assert [engine.call("f", 3) for _ in range(4)] == [10] * 4
        assert [each.tier for each in engine.stats()] == [Tier.OPTIMIZED] * 2
        assert engine.define(replace(unit("(define (g x) 5)"), inline=False)) == {"g"}
        assert engine.describe("f").tier is Tier.OPTIMIZED
        assert engine.call("f", 3) == 6


def test_what_only_it_reaches_is_not_inlined_either() -> None:
    chain = units("(define (f x) (g x)) (define (g x) (h x)) (define (h x) (* x 2))")
    with Engine(sync(2)) as engine:
        engine.define(*(replace(each, inline=each.symbol != "g") for each in chain))
        assert [each.symbol for each in engine.inline_group("f", Tier.OPTIMIZED)] == ["f"]
        assert [each.symbol for each in engine.inline_group("g", Tier.OPTIMIZED)] == ["g", "h"]


@pytest.mark.parametrize("optimized", [False, True])
def test_running_code_reaches_the_new_definition_of_what_is_never_inlined(optimized: bool) -> None:
    def apart(value: int) -> Unit:
        return replace(g(value), inline=False)

    with Redefining(NEVER_HOT, TWICE, make=apart) as engine:
        if optimized:
            engine.optimize("f")
        assert [engine.call("f", 0) for _ in range(2)] == [1002, 2002]
