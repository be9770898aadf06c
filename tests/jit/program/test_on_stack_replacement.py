"""On-stack replacement: a loop or recursion that becomes hot continues in optimized code."""

from __future__ import annotations

from kaleido.jit import Engine, EventKind, Policy, Tier
from tests.jit.helpers import Hold, Log, Running, callback, settle, statistics, sync
from tests.jit.tiny import unit, units

SUM = "(define (sum n) (let s 0 (let i 0 (while (< i n) (set s (+ s i)) (set i (+ i 1))) s)))"


def test_a_loop_is_replaced_in_its_only_run() -> None:
    with Engine(sync(10)) as engine:
        engine.define(unit(SUM))
        assert engine.call("sum", 1000) == 499500
        loop = statistics(engine, "sum.loop")
        assert (loop.tier, loop.runs) == (Tier.OPTIMIZED, 10)
        assert (engine.describe("sum").tier, statistics(engine, "sum").runs) == (Tier.BASELINE, 1)


def test_an_inner_loop_is_replaced_while_the_outer_one_runs() -> None:
    with Engine(Policy(background=False, iteration_threshold=10)) as engine:
        engine.define(
            unit("""(define (grid n) (let s 0 (let i 0 (let j 0
                (while (< i n) (set j 0)
                    (while (< j n) (set s (+ s 1)) (set j (+ j 1)))
                    (set i (+ i 1)))
                s))))""")
        )
        assert engine.call("grid", 7) == 49
        assert statistics(engine, "grid.loop.loop").runs == 10
        assert statistics(engine, "grid.loop").tier is Tier.BASELINE


def test_a_recursive_function_is_replaced_while_frames_of_its_baseline_exist() -> None:
    with Engine(sync(10)) as engine:
        engine.define(unit("(define (sum n) (if (= n 0) 0 (+ n (sum (- n 1)))))"))
        assert engine.call("sum", 1000) == 500500
        assert (engine.describe("sum").tier, statistics(engine, "sum").runs) == (Tier.OPTIMIZED, 10)


def test_mutual_recursion_is_replaced_while_it_runs() -> None:
    with Engine(sync(10)) as engine:
        engine.define(
            *units("""
            (define (even n) (if (= n 0) 1 (odd (- n 1) 7)))
            (define (odd n k) (if (= n 0) 0 (even (- n 1))))
            """)
        )
        assert engine.call("even", 10**6) == 1
        # The run that makes `even` hot is still of the baseline, and calls `odd` through its stub.
        assert (statistics(engine, "even").runs, statistics(engine, "odd").runs) == (10, 10)


def test_in_the_background_a_running_loop_is_replaced() -> None:
    # Python decides when the loop ends, so it is still running when the optimized code is published.
    with Engine(Policy(iteration_threshold=5)) as engine:
        log = Log(engine)
        swapped: list[int] = []

        def go_on(turn: int) -> int:
            if turn == 5:
                settle(engine)
                swapped.append(len(log.of("wait.loop")))
            return turn < 100

        poll = callback(go_on)
        engine.define(
            unit("(define (ask n) (foreign poll n))", {"poll": poll.address}),
            unit("(define (wait n) (let i 0 (do (while (ask i) (set i (+ i 1))) i)))"),
        )
        assert engine.call("wait", 0) == 100
        assert poll.errors == []
        # It is hot at its fifth run; the sixth has waited until the code was published.
        assert log.only("wait.loop", EventKind.SWAPPED).runs in (5, 6)
        assert statistics(engine, "wait.loop").runs in (5, 6)


def test_the_program_runs_on_while_its_loop_is_recompiled() -> None:
    with Engine(Policy(iteration_threshold=5)) as engine:
        engine.define(unit(SUM))
        symbol = engine.stats()[1].symbol
        with Hold(engine, symbol) as hold:
            running = Running(lambda: engine.call("sum", 1000))
            hold.wait()
            assert running.result() == 499500
            assert statistics(engine, "sum.loop").tier is Tier.BASELINE
            assert statistics(engine, "sum.loop").runs == 1001
            hold.release()
            settle(engine)
            assert statistics(engine, "sum.loop").tier is Tier.OPTIMIZED
