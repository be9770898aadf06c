"""Another policy while the program runs, and deoptimization on request."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from kaleido.jit import Engine, EventKind, Policy, RunCounter, Tier
from tests.jit.helpers import Hold, Log, Running, callback, settle, statistics, sync
from tests.jit.tiny import unit, units

PROGRAM = """
(define (hot x) (+ 1 (inlined x)))
(define (inlined x) (* 2 x))
(define (cold x) (+ 100 (hot x)))
(define (sum n) (let s 0 (let i 0 (do (while (< i n) (do (set i (+ i 1)) (set s (+ s (inlined i))))) s))))
(define (never x) (cold x))
"""
EXPECTED = {"hot": 11, "inlined": 10, "cold": 111, "sum": 30, "never": 111}

MODES = {
    "tiered": Policy(call_threshold=3, iteration_threshold=3),
    "sync": sync(3),
    "O0": Policy(optimize=False, call_threshold=3, iteration_threshold=3),
    "O3": Policy(baseline=False, call_threshold=3, iteration_threshold=3),
}


def check_values(engine: Engine, times: int = 1) -> None:
    for _ in range(times):
        assert {name: engine.call(name, 5) for name in EXPECTED} == EXPECTED


def run_until_settled(engine: Engine) -> None:
    """Run the units until all of them are optimized, if they are to be.

    A unit that a hot caller has inlined is counted again. So each round may optimize one caller more only.
    """
    for _ in EXPECTED:
        check_values(engine, 5)
        settle(engine)


def tiers(engine: Engine) -> dict[str, Tier | None]:
    return {each.name: each.tier for each in engine.stats()}


@pytest.mark.parametrize("order", list(permutations(MODES, 3)), ids="-".join)
def test_any_order_of_modes_keeps_the_values_and_ends_in_its_tiers(order: tuple[str, ...]) -> None:
    with Engine(MODES[order[0]]) as engine:
        engine.define(*units(PROGRAM))
        for mode in order:
            engine.configure(MODES[mode])
            assert engine.policy == MODES[mode]
            for name in ("hot", "sum", "cold"):
                assert engine.call(name, 5) == EXPECTED[name]
            check_values(engine, 5)
            settle(engine)
            check_values(engine)
            # A redefinition finds what it needs in every mode.
            engine.define(unit("(define (inlined x) (* 3 x))"))
            assert (engine.call("hot", 5), engine.call("sum", 5), engine.call("never", 5)) == (16, 45, 116)
            engine.define(unit("(define (inlined x) (* 2 x))"))
            run_until_settled(engine)
            expected = Tier.BASELINE if mode == "O0" else Tier.OPTIMIZED
            found = tiers(engine)
            assert {name: found[name] for name in EXPECTED} == dict.fromkeys(EXPECTED, expected)


@pytest.mark.parametrize("before", ["tiered", "sync", "O3"])
def test_without_optimization_all_code_is_deoptimized_and_not_counted(before: str) -> None:
    with Engine(MODES[before]) as engine:
        engine.define(*units(PROGRAM))
        run_until_settled(engine)
        log = Log(engine)
        engine.configure(MODES["O0"])
        assert Tier.OPTIMIZED not in tiers(engine).values()
        deoptimized = [event for event in log.events if event.kind is EventKind.DEOPTIMIZED]
        assert {event.message for event in deoptimized} == {"-O3 is switched off"}
        assert {"hot", "inlined", "cold"} <= {event.unit for event in deoptimized}
        check_values(engine, 5)
        assert {each.runs for each in engine.stats()} == {0}
        assert engine.memory().retired == 0


def test_units_that_were_not_counted_count_from_zero() -> None:
    with Engine(MODES["O0"]) as engine:
        engine.define(*units(PROGRAM))
        check_values(engine, 5)
        engine.configure(MODES["sync"])
        assert [engine.call("hot", 5) for _ in range(2)] == [11, 11]
        assert (statistics(engine, "hot").runs, engine.describe("hot").tier) == (2, Tier.BASELINE)
        engine.call("hot", 5)
        assert engine.describe("hot").tier is Tier.OPTIMIZED


def test_a_lower_threshold_makes_a_unit_hot_at_its_next_run() -> None:
    with Engine(sync(1000)) as engine:
        engine.define(*units(PROGRAM))
        engine.prepare("cold")
        for _ in range(10):
            engine.call("inlined", 5)
        log = Log(engine)
        engine.configure(sync(5))
        assert (statistics(engine, "inlined").runs, engine.describe("inlined").tier) == (10, Tier.BASELINE)
        assert engine.call("inlined", 5) == 10
        assert engine.describe("inlined").tier is Tier.OPTIMIZED
        hot = log.only("inlined", EventKind.HOT)
        assert (hot.runs, hot.threshold) == (11, 5)
        assert engine.describe("hot").tier is Tier.BASELINE


def test_a_higher_threshold_counts_on() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(PROGRAM))
        engine.call("inlined", 5)
        engine.configure(sync(6))
        for _ in range(4):
            engine.call("inlined", 5)
        assert (statistics(engine, "inlined").runs, engine.describe("inlined").tier) == (5, Tier.BASELINE)
        engine.call("inlined", 5)
        assert engine.describe("inlined").tier is Tier.OPTIMIZED


def test_each_counter_has_its_threshold() -> None:
    with Engine(sync(1000)) as engine:
        engine.define(*units(PROGRAM))
        engine.configure(replace(sync(1000), iteration_threshold=10))
        assert engine.call("sum", 100) == 10100
        assert tiers(engine) == {
            "hot": None,
            "inlined": Tier.BASELINE,
            "cold": None,
            "sum": Tier.BASELINE,
            "sum.loop": Tier.OPTIMIZED,
            "never": None,
        }


def test_an_equal_policy_changes_nothing() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(PROGRAM))
        check_values(engine, 2)
        before, log = engine.stats(), Log(engine)
        engine.configure(sync(3))
        assert engine.stats() == before
        assert log.events == []


def test_without_a_baseline_a_unit_is_swapped_before_its_next_call() -> None:
    with Engine(sync(1000)) as engine:
        engine.define(*units(PROGRAM))
        engine.call("cold", 5)
        log = Log(engine)
        engine.configure(MODES["O3"])
        assert tiers(engine)["cold"] is Tier.BASELINE
        assert engine.call("cold", 5) == 111
        assert tiers(engine)["cold"] is Tier.OPTIMIZED
        assert log.kinds("cold") == ["compiled O3", "swapped"]


@pytest.mark.parametrize("setting", ["stack_size", "inline_threshold", "max_group_units", "batch_units"])
def test_other_settings_are_fixed(setting: str) -> None:
    with Engine(sync(3)) as engine:
        policy = sync(5, **{setting: 1 << 21})
        with pytest.raises(ValueError, match=f"^{setting} is set when the engine is created"):
            engine.configure(policy)
        assert engine.policy == sync(3)


def test_a_closed_engine_cannot_be_configured() -> None:
    engine = Engine(sync(3))
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        engine.configure(sync(4))


def test_baseline_code_that_cannot_be_made_leaves_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine(MODES["O3"]) as engine:
        engine.define(*units(PROGRAM))
        check_values(engine)

        def fail(*_: object, **__: object) -> None:
            raise MemoryError

        with monkeypatch.context() as patch:
            patch.setattr(engine._program.compiler, "_compile_baseline", fail)
            for mode in ("tiered", "O0"):
                with pytest.raises(MemoryError):
                    engine.configure(MODES[mode])
                assert engine.policy == MODES["O3"]
        check_values(engine)
        assert tiers(engine)["hot"] is Tier.OPTIMIZED
        engine.configure(MODES["O0"])
        check_values(engine)


def test_a_compilation_in_progress_is_discarded_when_optimization_is_switched_off() -> None:
    with Engine(MODES["tiered"]) as engine:
        engine.define(*units(PROGRAM))
        engine.prepare("never")
        log = Log(engine)
        with Hold(engine, "inlined") as hold:
            for _ in range(3):
                engine.call("inlined", 5)
            hold.wait()
            for _ in range(3):
                engine.call("cold", 5)
            engine.configure(MODES["O0"])
            hold.release()
            settle(engine)
        assert log.only("inlined", EventKind.DISCARDED).message == "-O3 was switched off"
        assert EventKind.SWAPPED not in {event.kind for event in log.events}
        engine.configure(MODES["tiered"])
        run_until_settled(engine)
        assert tiers(engine)["inlined"] is Tier.OPTIMIZED


def test_a_request_from_before_optimization_was_switched_off_for_a_while_is_used() -> None:
    with Engine(MODES["tiered"]) as engine:
        engine.define(*units(PROGRAM))
        engine.prepare("inlined")
        with Hold(engine, "inlined") as hold:
            for _ in range(3):
                engine.call("inlined", 5)
            hold.wait()
            engine.configure(MODES["O0"])
            engine.configure(MODES["tiered"])
            hold.release()
            settle(engine)
        assert tiers(engine)["inlined"] is Tier.OPTIMIZED
        assert engine.call("inlined", 5) == 10


@pytest.mark.parametrize("mode", MODES)
def test_a_program_changes_its_own_mode_while_it_runs(mode: str) -> None:
    # Also while the hook of another thread waits, or would have: each hook gets the reply that it asked for.
    with Engine(MODES["sync"]) as engine:
        changes = iter(["tiered", "O0", "sync", "O3", "tiered", "sync", "O0", mode])

        def change(argument: int) -> int:
            engine.configure(MODES[next(changes)])
            return argument

        back = callback(change)
        engine.define(
            *units("""
            (define (inner x) (+ x 1))
            (define (run n) (let s 0 (let i 0 (do
              (while (< i n) (do (set i (+ i 1)) (set s (+ s (inner (tick i)))))) s))))
            """),
            unit("(define (tick x) (foreign change x))", {"change": back.address}),
        )
        assert Running(lambda: engine.call("run", 8)).result() == 44
        assert back.errors == []
        assert engine.policy == MODES[mode]
        assert [engine.call("inner", 1) for _ in range(5)] == [2] * 5


def test_another_thread_changes_modes_while_a_loop_runs() -> None:
    with Engine(MODES["sync"]) as engine:
        engine.define(*units(PROGRAM))
        running = Running(lambda: [engine.call("sum", 200_000) for _ in range(5)])
        while not running.ended:
            for policy in MODES.values():
                engine.configure(policy)
        assert running.result() == [200_000 * 200_001] * 5
        settle(engine)


def test_the_thread_that_recompiles_starts_with_the_mode_that_needs_it() -> None:
    with Engine(MODES["O0"]) as engine:
        assert engine._lifetime.recompiler is None
        engine.configure(MODES["tiered"])
        recompiler = engine._lifetime.recompiler
        assert recompiler is not None
        engine.configure(MODES["O3"])
        engine.configure(MODES["sync"])
        assert engine._lifetime.recompiler is recompiler


# Deoptimization on request


def test_a_unit_returns_to_its_baseline_and_can_tier_up_again() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(PROGRAM))
        check_values(engine, 4)
        log = Log(engine)
        assert engine.deoptimize("inlined") == {"inlined"}
        assert (engine.describe("inlined").tier, statistics(engine, "inlined").runs) == (Tier.BASELINE, 0)
        event = log.only("inlined", EventKind.DEOPTIMIZED)
        assert (event.message, event.tier) == ("on request", Tier.OPTIMIZED)
        assert event.size > 0
        # What inlined it keeps its copy.
        assert statistics(engine, "inlined").dependents != ()
        assert engine.describe("hot").tier is Tier.OPTIMIZED
        assert [engine.call("inlined", 5) for _ in range(3)] == [10] * 3
        assert log.kinds("inlined") == ["deoptimized", "freed O3", "hot", "compiled O3", "swapped"]
        check_values(engine)


def test_a_function_with_its_loops() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(PROGRAM))
        check_values(engine, 4)
        [loop] = [each for each in engine.stats() if each.counter is RunCounter.ITERATIONS]
        assert loop.tier is engine.describe("sum").tier is Tier.OPTIMIZED
        assert engine.deoptimize("sum") == {"sum", loop.symbol}
        assert engine.describe(loop.symbol).tier is engine.describe("sum").tier is Tier.BASELINE
        check_values(engine, 4)
        assert engine.deoptimize(loop.symbol) == {loop.symbol}
        assert engine.describe("sum").tier is Tier.OPTIMIZED
        check_values(engine)


def test_a_unit_at_its_baseline_stays_as_it_is() -> None:
    with Engine(sync(3)) as engine:
        engine.define(*units(PROGRAM))
        assert engine.deoptimize("never") == frozenset()
        check_values(engine, 2)
        log = Log(engine)
        assert engine.deoptimize("never") == frozenset()
        assert (log.events, statistics(engine, "never").runs) == ([], 2)


def test_what_cannot_be_deoptimized() -> None:
    with Engine(MODES["O3"]) as engine:
        engine.define(*units(PROGRAM))
        check_values(engine)
        with pytest.raises(ValueError, match="no baseline"):
            engine.deoptimize("hot")
        with pytest.raises(KeyError):
            engine.deoptimize("unknown")
        check_values(engine)
        engine.configure(MODES["tiered"])
        assert engine.deoptimize("hot") == {"hot"}
        check_values(engine)


def test_running_code_keeps_its_tier_until_it_returns() -> None:
    with Engine(sync(1)) as engine:
        back = callback(lambda argument: engine.deoptimize("outer") and argument)
        engine.define(unit("(define (outer x) (+ 1 (foreign back x)))", {"back": back.address}))
        engine.optimize("outer")
        assert engine.call("outer", 4) == 5
        assert back.errors == []
        assert engine.describe("outer").tier is Tier.BASELINE
        assert engine.memory().retired == 0
