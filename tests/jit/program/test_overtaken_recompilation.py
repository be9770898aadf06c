"""Definitions and removals during a recompilation: it is dropped, repeated or published."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kaleido.jit import Engine, EventKind, Policy, Tier
from tests.jit.helpers import Hold, Log, Running, settle, statistics
from tests.jit.tiny import unit, units

DROPPED = ["compiled O3", "discarded", "compiled O3", "swapped"]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(Policy(call_threshold=3)) as engine:
        engine.define(*units("(define (f x) (+ 1 (g x))) (define (g x) x)"))
        engine.define(unit("(define (other x) x)"))
        engine.prepare("f")
        engine.prepare("other")
        yield engine


def heat(engine: Engine, symbol: str) -> None:
    # `g` becomes hot, too; only the recompilation of `f` is held, at any place in the queue.
    for _ in range(3):
        engine.call(symbol, 5)


def test_a_redefined_callee_restarts_it(engine: Engine) -> None:
    with Hold(engine, "f") as hold:
        heat(engine, "f")
        hold.wait()
        log = Log(engine)
        engine.define(unit("(define (g x) (* x 10))"))
        hold.release()
        hold.wait()
        hold.release()
        settle(engine)
        assert log.kinds("f") == ["discarded", "compiled O3", "swapped"]
        assert log.only("f", EventKind.DISCARDED).message == "g has changed"
        assert (engine.call("f", 5), engine.describe("f").tier) == (51, Tier.OPTIMIZED)
        assert statistics(engine, "g").dependents == ("f",)


def test_a_callee_redefined_during_each_of_two_attempts_restarts_it_twice(engine: Engine) -> None:
    with Hold(engine, "f") as hold:
        log = Log(engine)
        heat(engine, "f")
        for factor in (10, 100):
            hold.wait()
            engine.define(unit(f"(define (g x) (* x {factor}))"))
            hold.release()
        hold.wait()
        hold.release()
        settle(engine)
        assert log.kinds("f") == ["hot", *DROPPED[:2], *DROPPED]
        assert engine.call("f", 5) == 501


def test_two_redefinitions_during_one_attempt_restart_it_once(engine: Engine) -> None:
    with Hold(engine, "f") as hold:
        log = Log(engine)
        heat(engine, "f")
        hold.wait()
        engine.define(unit("(define (g x) (* x 10))"))
        engine.define(unit("(define (g x) (* x 100))"))
        hold.release()
        hold.wait()
        hold.release()
        settle(engine)
        assert log.kinds("f") == ["hot", *DROPPED]
        assert engine.call("f", 5) == 501


def test_a_redefinition_of_the_unit_itself_drops_it(engine: Engine) -> None:
    with Hold(engine, "f") as hold:
        heat(engine, "f")
        hold.wait()
        log = Log(engine)
        engine.define(unit("(define (f x) (+ 2 (g x)))"))
        hold.release()
        settle(engine)
        assert EventKind.SWAPPED not in [event.kind for event in log.of("f")]
        discarded = log.only("f", EventKind.DISCARDED)
        assert (discarded.message, discarded.tier) == ("f has changed", Tier.OPTIMIZED)
        assert discarded.size > 0 and discarded.seconds > 0
        assert (engine.describe("f").tier, statistics(engine, "f").runs) == (Tier.BASELINE, 0)
        assert statistics(engine, "g").dependents == ()
        heat(engine, "f")
        hold.wait()
        hold.release()
        settle(engine)
        assert (engine.call("f", 5), engine.describe("f").tier) == (7, Tier.OPTIMIZED)


def test_a_redefinition_of_both_together_drops_it(engine: Engine) -> None:
    with Hold(engine, "f") as hold:
        heat(engine, "f")
        hold.wait()
        engine.define(*units("(define (g x y) (* x y)) (define (f x) (g x 3))"))
        hold.release()
        settle(engine)
        assert (engine.call("f", 5), engine.describe("f").tier) == (15, Tier.BASELINE)


def test_a_removed_unit_is_not_published(engine: Engine) -> None:
    with Hold(engine, "f") as hold:
        heat(engine, "f")
        hold.wait()
        log = Log(engine)
        engine.remove("f")
        hold.release()
        settle(engine)
        assert log.kinds("f") == ["freed O0", "discarded"]
        assert log.only("f", EventKind.DISCARDED).message == "it was removed"
        assert [each.name for each in engine.stats()] == ["g", "other"]
        with pytest.raises(KeyError):
            engine.call("f", 5)


def test_a_symbol_that_was_removed_and_defined_again_is_another_unit(engine: Engine) -> None:
    with Hold(engine, "f") as hold:
        heat(engine, "f")
        hold.wait()
        engine.remove("f")
        engine.define(unit("(define (f x) 9)"))
        hold.release()
        settle(engine)
        assert (engine.call("f", 5), engine.describe("f").tier) == (9, Tier.BASELINE)


def test_a_redefinition_of_another_unit_does_not_restart_it(engine: Engine) -> None:
    with Hold(engine, "f") as hold:
        log = Log(engine)
        heat(engine, "f")
        hold.wait()
        engine.define(unit("(define (other x) (+ x 1))"))
        hold.release()
        settle(engine)
        assert log.kinds("f") == ["hot", "compiled O3", "swapped"]


def test_a_failed_redefinition_does_not_restart_it(engine: Engine) -> None:
    with Hold(engine, "f") as hold:
        log = Log(engine)
        heat(engine, "f")
        hold.wait()
        with pytest.raises(ValueError, match="another signature"):
            engine.define(unit("(define (g x y) x)"))
        hold.release()
        settle(engine)
        assert log.kinds("f") == ["hot", "compiled O3", "swapped"]


def test_optimizing_on_request_meanwhile_drops_it(engine: Engine) -> None:
    with Hold(engine, "f") as hold:
        log = Log(engine)
        heat(engine, "f")
        hold.wait()
        engine.optimize("f")
        hold.release()
        settle(engine)
        assert log.kinds("f").count("swapped") == 1
        assert log.only("f", EventKind.DISCARDED).message == "it was optimized"
        assert engine.call("f", 5) == 6


def test_a_redefined_callee_restarts_optimizing_on_request(engine: Engine) -> None:
    with Hold(engine, "f") as hold:
        log = Log(engine)
        running = Running(lambda: engine.optimize("f"))
        hold.wait()
        engine.define(unit("(define (g x) (* x 10))"))
        hold.release()
        hold.wait()
        hold.release()
        running.result()
        assert log.kinds("f") == DROPPED
        assert engine.call("f", 5) == 51
