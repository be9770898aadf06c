"""Assumption units: constants that optimized code folds, and whose redefinition deoptimizes that code and no other."""

from __future__ import annotations

import pytest

from kaleido.jit import Engine, EventKind, Tier, Unit
from tests.jit.helpers import Log, callback, statistics, sync
from tests.jit.tiny import unit

NEVER_HOT = sync(1 << 40)
GUARDED = "(define (f x) (if (simple) x (* x 100)))"


def assumption(truth: int) -> Unit:
    return unit(f"(define (simple) {truth})")


@pytest.fixture
def engine() -> Engine:
    return Engine(NEVER_HOT)


def test_the_test_of_an_assumption_is_folded(engine: Engine) -> None:
    with engine:
        engine.define(assumption(1), unit(GUARDED))
        engine.optimize("f")
        assert engine.call("f", 3) == 3
        optimized = engine.ir("f", Tier.OPTIMIZED)
        assert "mul" not in optimized and "br " not in optimized and "call" not in optimized
        assert statistics(engine, "simple").dependents == ("f",)


def test_withdrawing_it_deoptimizes_what_relied_on_it(engine: Engine) -> None:
    with engine:
        engine.define(assumption(1), unit(GUARDED), unit("(define (g x) (+ 1 (f x)))"), unit("(define (h x) (+ 1 x))"))
        for symbol in ("f", "g", "h"):
            engine.optimize(symbol)
        log = Log(engine)
        assert engine.define(assumption(0)) == {"f", "g"}
        deoptimized = [each.unit for each in log.events if each.kind is EventKind.DEOPTIMIZED]
        assert sorted(deoptimized) == ["f", "g"]
        assert [statistics(engine, symbol).tier for symbol in ("f", "g", "h")] == ["O0", "O0", "O3"]
        assert (engine.call("f", 3), engine.call("g", 3), engine.call("h", 3)) == (300, 301, 4)


def test_what_has_not_changed_deoptimizes_nothing(engine: Engine) -> None:
    with engine:
        engine.define(assumption(1), unit(GUARDED), unit("(define (other) 1)"), unit("(define (g x) (+ x (other)))"))
        engine.optimize("f")
        engine.optimize("g")
        assert engine.define(unit("(define (other) 2)")) == {"g"}
        assert statistics(engine, "f").tier is Tier.OPTIMIZED


def test_running_code_keeps_it_until_it_returns(engine: Engine) -> None:
    withdraw = callback(lambda _: engine.define(assumption(0)) and None)
    text = "(define (f x) (do (foreign withdraw x) (if (simple) x (* x 100))))"
    with engine:
        engine.define(assumption(1), unit(text, {"withdraw": withdraw.address}))
        engine.optimize("f")
        assert [engine.call("f", 3) for _ in range(2)] == [3, 300]
        engine.define(assumption(1))
        assert engine.call("f", 3) == 300  # at the baseline, the call of `simple` comes after its redefinition
    assert withdraw.errors == []


def test_it_tiers_up_again_with_the_new_constant() -> None:
    with Engine(sync(3)) as engine:
        engine.define(assumption(1), unit(GUARDED))
        assert [engine.call("f", 3) for _ in range(5)] == [3] * 5
        engine.define(assumption(0))
        assert [engine.call("f", 3) for _ in range(5)] == [300] * 5
        assert statistics(engine, "f").tier is Tier.OPTIMIZED
        assert "br " not in engine.ir("f", Tier.OPTIMIZED)
