"""Beginning and end of an engine, several of them, and several threads in one."""

from __future__ import annotations

import gc
import threading
from contextlib import suppress
from dataclasses import replace

import pytest

from kaleido.jit import Engine, Policy, Tier
from tests.jit.helpers import TIMEOUT, Gate, Hold, Running, apart, callback, settle, statistics, sync
from tests.jit.tiny import unit, units

FIBONACCI = "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))"


def test_closing_twice_is_closing_once() -> None:
    engine = Engine()
    engine.define(unit(FIBONACCI))
    assert engine.call("fib", 10) == 55
    engine.close()
    engine.close()


def test_an_engine_that_never_ran_can_be_closed() -> None:
    for policy in (Policy(), sync(), Policy(baseline=False), Policy(optimize=False)):
        Engine(policy).close()


def test_leaving_the_context_closes() -> None:
    before = set(threading.enumerate())
    engine = Engine(sync(1))
    with pytest.raises(KeyError), engine:
        engine.call("nothing")
    assert engine._access.closed
    assert set(threading.enumerate()) <= before


def test_closing_waits_for_the_compilation_in_progress_only() -> None:
    engine = Engine(Policy(call_threshold=3))
    engine.define(*units("(define (f x) x) (define (g x) x)"))
    with Hold(engine, "f", "g") as hold:
        for _ in range(3):
            engine.call("f", 1)
        hold.wait()
        for _ in range(3):
            engine.call("g", 1)
        closing = Running(engine.close)
        assert not closing.ended
        hold.release()
        closing.result()


def test_the_engine_may_be_closed_from_the_code_it_runs() -> None:
    engine = Engine(Policy(optimize=False))
    end = callback(lambda _: engine.close())
    engine.define(unit("(define (f x) (do (foreign end x) (+ 1 x)))", {"end": end.address}))
    assert Running(lambda: engine.call("f", 1)).result() == 2
    assert end.errors == []


def close_under_a_waiting_program() -> None:
    """In deterministic mode, what becomes hot after the end must not wait for the recompiler for ever."""
    engine = Engine(sync(1))
    engine.define(*units("(define (main x) (+ (f x) (g x))) (define (f x) x) (define (g x) (* x 2))"))
    with Hold(engine, "f") as hold:
        running = Running(lambda: engine.call("main", 7))
        hold.wait()
        closing = Running(engine.close)
        while not engine._access.closed:
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
    # To wait for the call is as good as to leave its code in memory.
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
def test_a_call_on_its_way_arrives_somewhere(scenario: object) -> None:
    assert callable(scenario)
    apart(scenario)


def test_two_engines_know_nothing_of_each_other() -> None:
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


def test_the_wrong_number_of_arguments_is_refused() -> None:
    with Engine(sync()) as engine:
        engine.define(unit("(define (f x) x)"))
        for arguments in ((), (1, 2)):
            with pytest.raises(TypeError):
                engine.call("f", *arguments)
        assert engine.call("f", 7) == 7


def keep_errors_in_cycles() -> None:
    with Engine(sync(1)) as engine:
        engine.define(*units("(define (f x) x) (define (g x) x)"))
        engine.prepare("f")
        engine.prepare("g")
        for _ in range(20):
            # The first one's module is there, with its context, when the second one fails.
            first, second = units("(define (f x) 1) (define (g x) 2)")
            try:
                engine.define(first, replace(second, ir=second.ir.replace("ret i64", "ret i32")))
            except ValueError as error:
                error.itself = error  # type: ignore[attr-defined]
            gc.collect()
        assert engine.call("f", 1) == 1


def test_an_error_may_be_collected_in_any_order() -> None:
    # A traceback holds the module and its context, and the garbage collector does not know which owns which.
    apart(keep_errors_in_cycles)
