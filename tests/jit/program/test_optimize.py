"""``Engine.optimize``: -O3 on request, whatever a unit's run count."""

from __future__ import annotations

import pytest

from kaleido.jit import Engine, Policy, Tier
from tests.jit.helpers import Log, sync
from tests.jit.tiny import unit, units

CALLS = "(define (f x) (+ 1 (g x))) (define (g x) x)"


@pytest.mark.parametrize("policy", [sync(1000), Policy(), Policy(optimize=False)])
def test_a_unit_that_never_ran_can_be_optimized(policy: Policy) -> None:
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


def test_a_unit_can_be_optimized_in_the_background() -> None:
    with Engine(Policy()) as engine:
        engine.define(*units(CALLS))
        engine.optimize("f", background=True)
        engine.wait_until_idle()
        assert engine.describe("f").tier is Tier.OPTIMIZED
    with Engine(sync(3)) as engine:
        engine.define(*units(CALLS))
        engine.optimize("f", background=True)
        assert engine.describe("f").tier is Tier.OPTIMIZED
        assert [engine.call("g", 5) for _ in range(4)] == [5] * 4
        assert engine.describe("g").tier is Tier.OPTIMIZED
