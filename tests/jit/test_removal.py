"""Removal together with redefinition: a whole state of definitions is exchanged for another, at once."""

from __future__ import annotations

import ctypes

import pytest

from kaleido.jit import Engine, EventKind, Policy, Tier, UndefinedUnit
from tests.jit.helpers import Log, callback, sync
from tests.jit.tiny import unit, units

CALLS = "(define (f x) (+ 1 (g x))) (define (g x) x)"

every_policy = pytest.mark.parametrize("policy", [sync(3), Policy(baseline=False), Policy(optimize=False)])


@every_policy
def test_units_that_call_each_other_go_together(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(*units(f"{CALLS} (define (h x) (* x 2))"))
        assert [engine.call("f", 5) for _ in range(4)] == [6] * 4
        engine.define(removed=["f", "g"])
        assert [each.symbol for each in engine.stats()] == ["h"]
        with pytest.raises(KeyError):
            engine.call("f", 5)
        assert engine.call("h", 5) == 10
        engine.define(*units(CALLS))
        assert [engine.call("f", 5) for _ in range(4)] == [6] * 4


@every_policy
def test_what_still_calls_a_removed_unit_calls_what_is_not_defined(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(*units(CALLS))
        assert [engine.call("f", 5) for _ in range(4)] == [6] * 4
        engine.define(removed=["g"])
        with pytest.raises(UndefinedUnit, match="f calls g"):
            engine.call("f", 5)
        engine.define(unit("(define (g x) (* x 10))"))
        assert [engine.call("f", 5) for _ in range(4)] == [51] * 4


def test_c_that_comes_to_a_removed_unit_gets_zero() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(CALLS))
        f = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(engine.address("f"))
        assert f(5) == 6
        engine.define(removed=["g"])
        assert f(5) == 1


@every_policy
def test_a_unit_may_change_its_signature_when_its_callers_go(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(*units("(define (g x y) (+ x y)) (define (f x) (g x x))"))
        assert [engine.call("f", 5) for _ in range(4)] == [10] * 4
        with pytest.raises(ValueError, match="another signature"):
            engine.define(unit("(define (g x) x)"))
        engine.define(unit("(define (g x) x)"), removed=["f"])
        assert engine.call("g", 5) == 5


@every_policy
def test_new_units_are_not_bound_to_what_goes(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(*units(CALLS))
        assert [engine.call("f", 5) for _ in range(4)] == [6] * 4
        engine.define(unit("(define (f x) (+ 2 (g x)))"), removed=["g"])
        with pytest.raises(UndefinedUnit):
            engine.call("f", 5)
        engine.define(unit("(define (g x) x)"))
        assert [engine.call("f", 5) for _ in range(4)] == [7] * 4


def test_a_failure_leaves_everything_as_it_was() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(CALLS))
        assert engine.call("f", 5) == 6
        log = Log(engine)
        with pytest.raises(KeyError):
            engine.define(unit("(define (f x) x)"), removed=["nothing"])
        with pytest.raises(ValueError, match="given twice"):
            engine.define(unit("(define (f x) x)"), removed=["f"])
        with pytest.raises(ValueError, match="given twice"):
            engine.define(removed=["g", "g"])
        assert log.events == []
        assert engine.call("f", 5) == 6


def test_what_a_running_program_could_come_to_stays() -> None:
    with Engine(sync(3)) as engine:
        refused = []

        def remove(_: int) -> None:
            try:
                engine.define(removed=["g"])
            except UndefinedUnit as error:
                refused.append(error.symbol)

        own = callback(remove)
        engine.define(*units("(define (f x) (do (foreign own x) (g x))) (define (g x) x)", {"own": own.address}))
        assert engine.call("f", 5) == 5
        assert refused == ["g"]
        assert engine.call("f", 5) == 5


def test_it_says_whose_optimized_code_is_out_of_use() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(f"{CALLS} (define (h x) (* x 2))"))
        for _ in range(4):
            engine.call("f", 5)
        engine.optimize("h")
        log = Log(engine)
        assert engine.define(unit("(define (g x) (* x 10))")) == {"f", "g"}
        assert log.only("f", EventKind.DEOPTIMIZED).message == "g"
        assert engine.define(unit("(define (g x) (* x 20))")) == frozenset()
        assert engine.define(removed=["h"]) == {"h"}


def test_optimizing_in_the_background() -> None:
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
