"""Retired code is freed after its grace period: when no call that began before is active, and not earlier."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import pytest

from kaleido.jit import Engine, EventKind, Policy
from tests.jit.helpers import Log, callback, sync
from tests.jit.tiny import unit, units

POLICIES = {"sync": sync(1), "O0": Policy(optimize=False), "O3": Policy(baseline=False)}


@pytest.fixture(params=POLICIES)
def policy(request: pytest.FixtureRequest) -> Policy:
    return POLICIES[request.param]


def freed(log: Log) -> list[str]:
    return [event.unit for event in log.events if event.kind is EventKind.FREED]


def test_code_without_an_active_call_is_freed_at_once(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(unit("(define (f x) x)"))
        engine.call("f", 1)
        log = Log(engine)
        engine.define(unit("(define (f x) 2)"))
        assert set(freed(log)) == {"f"}


def test_a_running_unit_may_be_redefined_and_ends_in_its_old_code(policy: Policy) -> None:
    with Engine(policy) as engine:
        during: list[list[str]] = []

        def redefine(_: int) -> None:
            engine.define(unit("(define (f x) 2)"))
            during.append(freed(log))

        change = callback(redefine)
        text = "(define (f x) (do (foreign change x) (+ 1000 x)))"
        engine.define(unit(text, {"change": change.address}))
        engine.prepare("f")
        log = Log(engine)
        assert engine.call("f", 7) == 1007
        assert (during, change.errors) == ([[]], [])
        assert set(freed(log)) == {"f"}
        assert engine.call("f", 7) == 2


def test_a_running_unit_may_be_removed(policy: Policy) -> None:
    with Engine(policy) as engine:
        remove = callback(lambda _: engine.remove("f"))
        text = "(define (f x) (do (foreign remove x) (+ 1000 x)))"
        engine.define(unit(text, {"remove": remove.address}))
        log = Log(engine)
        assert engine.call("f", 7) == 1007
        assert remove.errors == []
        assert "f" in freed(log)


def test_a_running_loop_ends_in_the_version_it_began_in(policy: Policy) -> None:
    with Engine(policy) as engine:
        turns: list[int] = []

        def redefine(turn: int) -> None:
            turns.append(turn)
            if turn == 5:
                engine.define(unit("(define (f n) 2)"))

        change = callback(redefine)
        text = "(define (f n) (let i 0 (do (while (< i n) (foreign change i) (set i (+ i 1))) i)))"
        whole = unit(text)
        # It is the loop that calls the C function.
        engine.define(
            replace(whole, nested_units=(replace(whole.nested_units[0], externals={"change": change.address}),))
        )
        log = Log(engine)
        assert engine.call("f", 100) == 100
        assert (turns, change.errors) == (list(range(100)), [])
        # At -O3 alone the loop has no code of its own.
        assert set(freed(log)) == ({"f", "f.loop"} if policy.baseline else {"f"})
        assert engine.call("f", 100) == 2


def test_a_running_caller_calls_the_new_version() -> None:
    with Engine(sync(3)) as engine:
        change = callback(lambda _: engine.define(unit("(define (g x) 2)")))
        engine.define(
            unit("(define (f x) (do (foreign change x) (g x)))", {"change": change.address}),
            unit("(define (g x) 1)"),
        )
        assert engine.call("f", 0) == 2


def test_nested_calls_hold_everything_back(policy: Policy) -> None:
    with Engine(policy) as engine:
        counts: list[int] = []

        def recurse(depth: int) -> int:
            engine.define(unit(f"(define (g x) (+ x {depth}))"))
            result: int = engine.call("f", depth - 1) if depth else engine.call("g", 0)
            counts.append(len(freed(log)))
            return result

        dive = callback(recurse)
        engine.define(*units("(define (f x) (foreign dive x))", {"dive": dive.address}))
        engine.define(unit("(define (g x) x)"))
        engine.prepare("g")
        log = Log(engine)
        assert engine.call("f", 5) == 0
        assert (counts, dive.errors) == ([0] * 6, [])
        assert freed(log).count("g") == 6


def test_a_call_by_address_holds_code_back_too() -> None:
    with Engine(sync(3)) as engine:
        during: list[int] = []

        def redefine(_: int) -> None:
            engine.define(unit("(define (f x) 2)"))
            during.append(len(freed(log)))

        change = callback(redefine)
        engine.define(
            unit("(define (f x) (do (foreign change x) (+ 1000 x)))", {"change": change.address}),
            unit("(define (h x) x)"),
        )
        native = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(engine.address("f"))
        log = Log(engine)
        assert native(7) == 1007
        assert during == [0]
        engine.call("h", 1)
        assert freed(log) == ["f"]
        assert native(7) == 2
