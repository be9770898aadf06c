"""Optimizing by hand, and a language's own passes."""

from __future__ import annotations

from typing import Any

import pytest

from kaleido.jit import Engine, EventKind, Policy, Tier
from tests.jit.helpers import Log, settle, statistics, sync
from tests.jit.tiny import unit, units

CALLS = "(define (f x) (+ 1 (g x))) (define (g x) x)"


class Failure(Exception):
    """What a pass may raise."""


def fail(module: Any) -> None:
    raise Failure("no such luck")


@pytest.mark.parametrize("policy", [sync(1000), Policy(), Policy(optimize=False)])
def test_a_unit_can_be_optimized_cold(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(*units(CALLS))
        log = Log(engine)
        engine.optimize("f")
        assert log.kinds("f") == ["compiled O0", "compiled O3", "swapped"]
        assert (engine.describe("f").tier, engine.describe("g").tier) == (Tier.OPTIMIZED, Tier.BASELINE)
        assert engine.call("f", 1) == 2
        engine.define(unit("(define (g x) (* x 10))"))
        assert (engine.describe("f").tier, engine.call("f", 1)) == (Tier.BASELINE, 11)


def test_optimizing_twice_is_optimizing_once() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(CALLS))
        log = Log(engine)
        engine.optimize("f")
        engine.optimize("f")
        assert log.kinds("f").count("compiled O3") == 1


def test_a_transformation_sees_the_linked_module() -> None:
    seen: list[list[str]] = []

    def look(module: Any) -> None:
        seen.append(sorted(each.name for each in module.functions if not each.is_declaration))

    with Engine(sync(3), transform=look) as engine:
        engine.define(*units(CALLS))
        engine.prepare("f")
        assert seen == []
        engine.optimize("f")
        assert seen == [["f", "f.impl", "g", "g.impl"]]


# What `g` does cannot be seen from its call, so that the call stays where `g` is not inlined.
SQUARE = "(define (f x) (+ 1 (g x))) (define (g x) (* x x))"


def keep_apart(module: Any) -> None:
    for function in module.functions:
        if function.name == "g.impl":
            function.add_function_attribute("noinline")
            function.name = "kept apart"


def test_a_transformation_can_change_the_module() -> None:
    with Engine(sync(3), transform=keep_apart) as engine:
        engine.define(*units(SQUARE))
        assert [engine.call("f", 3) for _ in range(4)] == [10] * 4
        assert engine.describe("f").tier is Tier.OPTIMIZED
        assert 'tailcc i64 @"kept apart"' in engine.ir("f", Tier.OPTIMIZED)
        assert "kept apart" not in engine.ir("f", Tier.BASELINE)


def test_at_once_at_the_optimized_tier_it_is_called_too() -> None:
    with Engine(Policy(baseline=False), transform=keep_apart) as engine:
        engine.define(*units(SQUARE))
        assert engine.call("f", 3) == 10
        assert "kept apart" in engine.ir("f", Tier.OPTIMIZED)


@pytest.mark.parametrize("policy", [Policy(call_threshold=3), sync(3)], ids=["background", "sync"])
def test_one_that_raises_leaves_the_unit_at_the_baseline(policy: Policy) -> None:
    with Engine(policy, transform=fail) as engine:
        log = Log(engine)
        engine.define(*units(CALLS))
        assert [engine.call("f", 1) for _ in range(5)] == [2] * 5
        settle(engine)
        assert log.kinds("f") == ["defined", "compiled O0", "hot", "failed"]
        assert log.only("f", EventKind.FAILED).message == "no such luck"
        assert (engine.describe("f").tier, statistics(engine, "f").runs) == (Tier.BASELINE, 5)


def test_one_that_raises_does_not_stop_the_others() -> None:
    def fail_for_f(module: Any) -> None:
        if any(function.name == "f.impl" for function in module.functions):
            fail(module)

    with Engine(Policy(call_threshold=3), transform=fail_for_f) as engine:
        engine.define(*units(CALLS))
        for _ in range(5):
            engine.call("f", 1)
        settle(engine)
        assert (engine.describe("f").tier, engine.describe("g").tier) == (Tier.BASELINE, Tier.OPTIMIZED)


def test_by_hand_its_exception_comes_out() -> None:
    with Engine(sync(3), transform=fail) as engine:
        engine.define(*units(CALLS))
        with pytest.raises(Failure, match="no such luck"):
            engine.optimize("f")
        assert (engine.describe("f").tier, engine.call("f", 1)) == (Tier.BASELINE, 2)


def test_at_once_at_the_optimized_tier_nothing_is_defined_by_halves() -> None:
    working = True

    def sometimes(module: Any) -> None:
        if not working:
            fail(module)

    with Engine(Policy(baseline=False), transform=sometimes) as engine:
        engine.define(*units(CALLS))
        assert engine.call("f", 1) == 2
        before = engine.stats()
        working = False
        with pytest.raises(Failure):
            engine.define(unit("(define (g x) (* x 10))"))
        assert (engine.stats(), engine.call("f", 1)) == (before, 2)
        working = True
        engine.define(unit("(define (g x) (* x 10))"))
        assert engine.call("f", 1) == 11


def test_what_it_breaks_is_noticed_before_it_runs() -> None:
    def forget(module: Any) -> None:
        for function in module.functions:
            if function.name == "f.impl":
                function.name = "gone"

    with Engine(sync(3), transform=forget) as engine:
        engine.define(*units(CALLS))
        with pytest.raises((ValueError, LookupError)):
            engine.optimize("f")
        assert (engine.describe("f").tier, engine.call("f", 1)) == (Tier.BASELINE, 2)
