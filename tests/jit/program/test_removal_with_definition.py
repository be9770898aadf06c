"""``Engine.define(*units, removed=…)``: definitions and removals that take effect together."""

from __future__ import annotations

import ctypes

import pytest

from kaleido.jit import Engine, EventKind, Policy, UndefinedUnit
from tests.jit.helpers import Log, callback, sync
from tests.jit.tiny import unit, units

CALLS = "(define (f x) (+ 1 (g x))) (define (g x) x)"

every_policy = pytest.mark.parametrize("policy", [sync(3), Policy(baseline=False), Policy(optimize=False)])


@every_policy
def test_units_that_call_each_other_are_removed_together(policy: Policy) -> None:
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
def test_a_call_of_a_removed_unit_is_an_undefined_unit(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(*units(CALLS))
        assert [engine.call("f", 5) for _ in range(4)] == [6] * 4
        engine.define(removed=["g"])
        with pytest.raises(UndefinedUnit, match="f calls g"):
            engine.call("f", 5)
        engine.define(unit("(define (g x) (* x 10))"))
        assert [engine.call("f", 5) for _ in range(4)] == [51] * 4


def test_a_call_from_c_gets_zero_from_a_removed_unit() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(CALLS))
        f = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(engine.address("f"))
        assert f(5) == 6
        engine.define(removed=["g"])
        assert f(5) == 1


@every_policy
def test_a_unit_may_change_its_signature_when_its_callers_are_removed(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(*units("(define (g x y) (+ x y)) (define (f x) (g x x))"))
        assert [engine.call("f", 5) for _ in range(4)] == [10] * 4
        with pytest.raises(ValueError, match="another signature"):
            engine.define(unit("(define (g x) x)"))
        engine.define(unit("(define (g x) x)"), removed=["f"])
        assert engine.call("g", 5) == 5


@every_policy
def test_new_units_do_not_inline_removed_ones(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(*units(CALLS))
        assert [engine.call("f", 5) for _ in range(4)] == [6] * 4
        engine.define(unit("(define (f x) (+ 2 (g x)))"), removed=["g"])
        with pytest.raises(UndefinedUnit):
            engine.call("f", 5)
        engine.define(unit("(define (g x) x)"))
        assert [engine.call("f", 5) for _ in range(4)] == [7] * 4


def test_a_failure_changes_nothing() -> None:
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


def test_a_unit_that_a_running_call_can_reach_is_not_removed() -> None:
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


def test_it_returns_the_units_with_code_that_was_deoptimized_or_removed() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(f"{CALLS} (define (h x) (* x 2))"))
        for _ in range(4):
            engine.call("f", 5)
        engine.optimize("h")
        log = Log(engine)
        assert engine.define(unit("(define (g x) (* x 10))")) == {"f", "g"}
        assert log.only("f", EventKind.DEOPTIMIZED).message == "g has changed"
        assert engine.define(unit("(define (g x) (* x 20))")) == frozenset()
        assert engine.define(removed=["h"]) == {"h"}
