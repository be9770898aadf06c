"""Calls on several threads: beside redefinition, removal and closing, and into several engines."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial

import pytest

from kaleido.jit import Engine, Policy, Tier
from tests.jit.helpers import TIMEOUT, Gate, Hold, Remains, Running, callback, in_new_process, settle, statistics, sync
from tests.jit.tiny import unit, units

FIBONACCI = "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))"


def close_under_a_waiting_program() -> None:
    """In deterministic mode, a unit that becomes hot after closing must not wait for the recompiler for ever."""
    engine = Engine(sync(1))
    engine.define(*units("(define (main x) (+ (f x) (g x))) (define (f x) x) (define (g x) (* x 2))"))
    with Hold(engine, "f") as hold:
        running = Running(lambda: engine.call("main", 7))
        hold.wait()
        closing = Running(engine.close)
        while not Remains(engine).closed:
            pass
        hold.release()
        closing.result()
        assert running.result() == 21


def close_before_a_call_arrives() -> None:
    engine = Engine(Policy())
    engine.define(unit("(define (f x) x)"))
    engine.prepare("f")
    gate = Gate(7)
    running = Running(lambda: engine.call("f", gate))
    assert gate.reached.wait(TIMEOUT)
    # Closing may wait for the call, or leave its code in memory.
    closing = Running(engine.close)
    closing.join(0.2)
    gate.open.set()
    with suppress(RuntimeError):
        assert running.result() == 7
    closing.result()


def remove_before_a_call_arrives() -> None:
    with Engine(Policy()) as engine:
        engine.define(unit("(define (f x) x)"))
        engine.prepare("f")
        gate = Gate(7)
        running = Running(lambda: engine.call("f", gate))
        assert gate.reached.wait(TIMEOUT)
        engine.remove("f")
        gate.open.set()
        assert running.result() == 7


def change_the_signature_before_a_call_arrives() -> None:
    with Engine(Policy()) as engine:
        engine.define(unit("(define (f x) x)"))
        engine.prepare("f")
        gate = Gate(7)
        running = Running(lambda: engine.call("f", gate))
        assert gate.reached.wait(TIMEOUT)
        engine.define(unit("(define (f x y) y)"))
        gate.open.set()
        assert running.result() == 7
        assert engine.call("f", 1, 2) == 2


@pytest.mark.parametrize(
    "scenario",
    [
        close_under_a_waiting_program,
        close_before_a_call_arrives,
        remove_before_a_call_arrives,
        change_the_signature_before_a_call_arrives,
    ],
)
def test_a_call_that_has_begun_returns_a_result_or_raises(scenario: object) -> None:
    assert callable(scenario)
    in_new_process(scenario)


def test_two_engines_are_independent() -> None:
    with Engine(sync(1)) as one, Engine(Policy(baseline=False)) as two:
        one.define(unit("(define (f x) 1)"))
        two.define(unit("(define (f x) 2)"))
        assert [one.call("f", 0), two.call("f", 0)] * 2 == [1, 2] * 2
        one.close()
        assert two.call("f", 0) == 2


def test_an_engine_may_call_into_another() -> None:
    with Engine(sync(1)) as one, Engine(sync(1)) as two:
        two.define(unit(FIBONACCI))
        inner = callback(lambda n: two.call("fib", n))
        one.define(unit("(define (f x) (+ 1 (foreign inner x)))", {"inner": inner.address}))
        assert [one.call("f", 10) for _ in range(3)] == [56] * 3


def test_engines_that_call_each_other() -> None:
    with Engine() as one, Engine() as two:
        into_two, into_one = callback(lambda n: two.call("g", n)), callback(lambda n: one.call("h", n))
        one.define(*units("(define (h x) (+ x 1))"))
        two.define(unit("(define (g x) (* 10 (foreign into_one x)))", {"into_one": into_one.address}))
        one.define(unit("(define (f x) (* 2 (foreign into_two x)))", {"into_two": into_two.address}))
        assert Running(lambda: one.call("f", 1)).result() == 40


def test_engines_that_call_each_other_at_the_same_time() -> None:
    both_run = threading.Barrier(2)

    def define(engine: Engine, other: Engine, factor: int) -> callback:
        def after_both(n: int) -> int:
            both_run.wait(TIMEOUT)
            return int(other.call("inner", n))

        into_other = callback(after_both)
        engine.define(unit(f"(define (inner x) (* {factor} x))"))
        engine.define(unit("(define (outer x) (foreign into_other x))", {"into_other": into_other.address}))
        engine.prepare("outer")
        return into_other

    with Engine() as one, Engine() as two:
        _kept = define(one, two, 2), define(two, one, 3)
        calls = [Running(partial(engine.call, "outer", 5)) for engine in (one, two)]
        assert [call.result() for call in calls] == [15, 10]


@pytest.mark.parametrize("policy", [Policy(call_threshold=2), sync(2), Policy(baseline=False)])
def test_two_threads_may_call_at_once(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(unit(FIBONACCI))
        together = threading.Barrier(2)

        def work() -> list[int]:
            together.wait(10)
            return [engine.call("fib", n) for n in range(15)]

        expected = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377]
        assert [each.result() for each in (Running(work), Running(work))] == [expected] * 2
        settle(engine)
        assert engine.describe("fib").tier is Tier.OPTIMIZED


def test_one_thread_redefines_while_another_runs() -> None:
    with Engine(Policy(call_threshold=10)) as engine:
        engine.define(*units("(define (f x) (+ (g x) (g x))) (define (g x) 0)"))
        engine.prepare("f")
        done = threading.Event()

        def work() -> set[int]:
            results = set()
            while not done.is_set():
                results.add(engine.call("f", 1))
            return results

        running = Running(work)
        for number in range(100):
            engine.define(unit(f"(define (g x) {number})"))
        done.set()
        assert running.result() <= set(range(200))
        assert engine.call("f", 1) == 198
        assert statistics(engine, "g").versions == 101


def test_the_wrong_number_of_arguments_is_a_type_error() -> None:
    with Engine(sync()) as engine:
        engine.define(unit("(define (f x) x)"))
        for arguments in ((), (1, 2)):
            with pytest.raises(TypeError):
                engine.call("f", *arguments)
        assert engine.call("f", 7) == 7
