"""Arguments that never changed are taken for constants: `Policy.speculate`."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence

import pytest

from kaleido.jit import Engine, EventKind, RunCounter, Signature, Tier, Unit
from kaleido.jit.compiling.specialization import constant
from tests.jit.helpers import Hold, Log, Running, sync
from tests.jit.tiny import unit, units

SCALE = "(define (scale x m) (if (= m 7) (+ x m) (* x m)))"


def speculating(threshold: int = 3) -> Engine:
    return Engine(sync(threshold, speculate=True))


def assumed(log: Log, name: str) -> list[str]:
    """What each optimized code of a unit that came into use took for constants."""
    return [event.message for event in log.of(name) if event.kind is EventKind.SWAPPED]


def given_up(log: Log, name: str) -> list[str]:
    return [event.message for event in log.of(name) if event.kind is EventKind.DEOPTIMIZED]


def test_an_argument_that_never_changed_is_a_constant_in_optimized_code() -> None:
    with speculating() as engine:
        log = Log(engine)
        engine.define(*units(SCALE))
        assert [engine.call("scale", x, 7) for x in range(5)] == [7, 8, 9, 10, 11]
        assert assumed(log, "scale") == ["argument 2 of scale is 7"]
        ir = engine.ir("scale", Tier.OPTIMIZED)
        assert "icmp eq i64" in ir
        assert "mul " not in ir


def test_without_the_policy_nothing_is_profiled() -> None:
    with Engine(sync()) as engine:
        log = Log(engine)
        engine.define(*units(SCALE))
        assert [engine.call("scale", x, 7) for x in range(5)] == [7, 8, 9, 10, 11]
        assert assumed(log, "scale") == [""]
        assert "mul " in engine.ir("scale", Tier.OPTIMIZED)


def test_a_unit_that_is_not_hot_has_no_constants() -> None:
    with speculating(threshold=100) as engine:
        log = Log(engine)
        engine.define(*units(SCALE))
        assert engine.call("scale", 1, 7) == 8
        engine.optimize("scale")
        assert assumed(log, "scale") == [""]


def test_a_failed_guard_calls_the_unit_for_any_arguments() -> None:
    with speculating(threshold=10) as engine:
        log = Log(engine)
        engine.define(*units(SCALE))
        assert [engine.call("scale", x, 7) for x in range(10)] == [x + 7 for x in range(10)]
        assert [engine.call("scale", x, 8) for x in range(9)] == [x * 8 for x in range(9)]
        assert given_up(log, "scale") == []
        assert engine.call("scale", 5, 7) == 12


def test_guards_that_fail_again_and_again_are_given_up() -> None:
    with speculating() as engine:
        log = Log(engine)
        engine.define(*units(SCALE))
        for x in range(4):
            engine.call("scale", x, 7)
        assert [engine.call("scale", x, 8) for x in range(5)] == [0, 8, 16, 24, 32]
        assert [engine.call("scale", x, 7) for x in range(5)] == [7, 8, 9, 10, 11]
        assert given_up(log, "scale") == ["argument 2 of scale has changed"]
        assert assumed(log, "scale") == ["argument 2 of scale is 7", ""]
        assert engine.describe("scale").tier is Tier.OPTIMIZED
        assert "jit.generic" not in engine.ir("scale", Tier.OPTIMIZED)


def test_what_was_given_up_is_not_tried_again() -> None:
    with speculating() as engine:
        log = Log(engine)
        engine.define(*units(SCALE))
        for x, m in enumerate((7, 7, 7, 8, 8, 8)):
            engine.call("scale", x, m)
        engine.deoptimize("scale")
        for _ in range(5):
            assert engine.call("scale", 1, 7) == 8
        assert assumed(log, "scale") == ["argument 2 of scale is 7", "", ""]


@pytest.mark.parametrize(("usual", "other"), [(0.0, -0.0), (-0.0, 0.0)])
def test_a_guard_compares_bits(usual: float, other: float) -> None:
    with speculating(threshold=10) as engine:
        log = Log(engine)
        engine.define(unit("(define (twice:double m:double) (+ m m))"))
        results = [engine.call("twice", m) for m in [usual] * 12 + [other] * 5 + [usual, math.inf]]
        signs = [math.copysign(1.0, result) for result in results]
        expected = [math.copysign(1.0, m) for m in [usual] * 12 + [other] * 5 + [usual, 1.0]]
        assert assumed(log, "twice") == [f"argument 1 of twice is {usual}"]
        assert signs == expected
        assert results[-1] == math.inf


def test_a_nan_is_no_constant_and_fails_a_guard() -> None:
    with speculating(threshold=10) as engine:
        log = Log(engine)
        engine.define(*units("(define (f:double m:double) (* m 2.0)) (define (g:double m:double) (* m 2.0))"))
        assert all(math.isnan(engine.call("f", math.nan)) for _ in range(12))
        assert assumed(log, "f") == [""]
        assert [engine.call("g", 1.5) for _ in range(12)] == [3.0] * 12
        assert assumed(log, "g") == ["argument 1 of g is 1.5"]
        assert math.isnan(engine.call("g", math.nan))


IR = """
define tailcc i64 @"pick.impl"(i1 zeroext %flag, i8 %small, float %factor, ptr %data, i64 %else) nounwind {
  %is.null = icmp eq ptr %data, null
  br i1 %is.null, label %null, label %some
null:
  %one = zext i1 %flag to i64
  %two = sext i8 %small to i64
  %real = fptosi float %factor to i64
  %sum = add i64 %one, %two
  %all = add i64 %sum, %real
  ret i64 %all
some:
  ret i64 %else
}
"""


def test_truth_values_small_integers_floats_and_null_pointers_can_be_constants() -> None:
    signature = Signature("i64", ("i1 zeroext", "i8", "float", "ptr", "i64"))
    with speculating(threshold=10) as engine:
        log = Log(engine)
        engine.define(Unit("pick", signature, IR))
        assert [engine.call("pick", True, -3, 100.5, 0, x) for x in range(12)] == [98] * 12
        [message] = assumed(log, "pick")
        assert (
            message.replace(" of pick is ", ": ") == "argument 1: 1, argument 2: -3, argument 3: 100.5, argument 4: 0"
        )
        cell = ctypes.c_int64(0)
        address = ctypes.addressof(cell)
        calls: Sequence[tuple[tuple[float, ...], int]] = [
            ((False, -3, 100.5, 0, 1), 97),
            ((True, -4, 100.5, 0, 1), 97),
            ((True, -3, 102.5, 0, 1), 100),
            ((True, -3, 100.5, address, 42), 42),
        ]
        for arguments, expected in calls:
            assert engine.call("pick", *arguments) == expected


def test_a_pointer_to_memory_is_no_constant() -> None:
    with speculating() as engine:
        log = Log(engine)
        engine.define(unit("(define (f p:ptr) (load p))"))
        cell = ctypes.c_int64(0)
        for cell.value in range(5):
            assert engine.call("f", ctypes.addressof(cell)) == cell.value
        assert assumed(log, "f") == [""]
    assert constant("i128", 0) is None


FACTORIAL = "(define (power n m) (if (= n 0) 1 (* m (power (- n 1) m))))"


def test_a_recursive_call_that_passes_the_argument_on_has_no_guard() -> None:
    with speculating() as engine:
        engine.define(*units(FACTORIAL))
        assert [engine.call("power", n, 3) for n in range(6)] == [1, 3, 9, 27, 81, 243]
        assert engine.ir("power", Tier.OPTIMIZED).count("@jit.generic.power(i64 %0") == 1
        assert [engine.call("power", n, 2) for n in range(6)] == [1, 2, 4, 8, 16, 32]


def test_a_tail_recursion_in_which_a_guard_fails_returns_in_constant_space() -> None:
    text = "(define (down n m s) (if (= n 0) s (down (- n 1) (if (= n 500000) 5 m) (+ s m))))"
    with speculating(threshold=100) as engine:
        log = Log(engine)
        engine.define(*units(text))
        assert engine.call("down", 1_000_000, 3, 0) == 500_001 * 3 + 499_999 * 5
        assert assumed(log, "down") == ["argument 2 of down is 3", ""]
        assert given_up(log, "down") == ["argument 2 of down has changed"]


def test_mutual_recursion_keeps_its_constant() -> None:
    text = """
    (define (even n step) (if (< n step) 1 (odd (- n step) step)))
    (define (odd n step) (if (< n step) 0 (even (- n step) step)))
    """
    with speculating(threshold=50) as engine:
        log = Log(engine)
        engine.define(*units(text))
        assert engine.call("even", 1_000_000, 1) == 1
        assert "argument 2 of even is 1" in ", ".join([*assumed(log, "even"), *assumed(log, "odd")])
        assert [engine.call("even", n, 2) for n in (1_000_000, 1_000_002, 7)] == [1, 0, 0]
        assert [engine.call("odd", n, 1) for n in (1_000_000, 999_999)] == [0, 1]


# Twice in each iteration, so that `scale` is hot before the loop.
LOOP = """
(define (sum n change) (let s 0 (let i 0
  (while (< i n)
    (set s (+ s (scale i (if (< i change) 7 8))))
    (set s (+ s (scale i (if (< i change) 7 8))))
    (set i (+ i 1)))
  s)))
"""


def test_code_that_runs_survives_that_its_assumption_is_given_up() -> None:
    with speculating(threshold=10) as engine:
        log = Log(engine)
        engine.define(*units(SCALE + LOOP))
        expected = 2 * (sum(i + 7 for i in range(1000)) + sum(i * 8 for i in range(1000, 5000)))
        assert engine.call("sum", 5_000, 1_000) == expected
        assert assumed(log, "sum.loop")[0] == "argument 2 of scale is 7"
        assert given_up(log, "sum.loop") == ["argument 2 of scale has changed"]
        # Its iterations after that reached the unit's own stub, which was counted, and then its optimized code.
        assert assumed(log, "scale")[-1] == ""
        assert engine.describe("scale").tier is Tier.OPTIMIZED
        assert engine.call("sum", 5_000, 1_000) == expected


def test_a_redefinition_has_constants_of_its_own() -> None:
    with speculating() as engine:
        log = Log(engine)
        engine.define(*units(SCALE + "(define (outer x) (scale x 7))"))
        for x in range(8):
            assert engine.call("outer", x) == x + 7
        engine.define(unit("(define (scale x m) (- x m))"))
        for x in range(8):
            assert engine.call("scale", x, 2) == x - 2
        for x in range(8):
            assert engine.call("outer", x) == x - 7
        assert "argument 2 of scale is 2" in assumed(log, "scale")
        assert engine.memory().retired == 0


def test_the_stubs_of_failures_are_freed_with_their_version() -> None:
    with speculating(threshold=1) as engine:
        objects = 0
        for number in range(40):
            engine.define(unit(f"(define (f x m) (+ x (* m {number})))"))
            assert engine.call("f", 1, 2) == engine.call("f", 1, 2) == 1 + 2 * number
            if number == 20:
                objects = engine.memory().objects
        assert engine.memory().objects == objects
        engine.remove("f")
        assert engine.memory().retired == 0


def test_a_compilation_is_dropped_whose_assumption_was_given_up_meanwhile() -> None:
    with speculating(threshold=4) as engine:
        log = Log(engine)
        engine.define(*units(SCALE + "(define (outer x m) (scale (scale x m) m))"))
        for x in range(4):
            engine.call("scale", x, 7)
        engine.prepare("outer")
        with Hold(engine, "outer") as hold:
            other = Running(lambda: engine.optimize("outer"))
            hold.wait()
            for x in range(4):
                assert engine.call("scale", x, 8) == x * 8
        other.result()
        assert log.only("outer", EventKind.DISCARDED).message == "arguments of scale have changed"
        assert assumed(log, "outer") == [""]
        assert engine.call("outer", 3, 7) == 17


def test_units_that_run_once_have_no_profile_and_no_guard() -> None:
    with speculating(threshold=1) as engine:
        engine.define(unit("(define (f x) (+ x 1))", counter=RunCounter.NONE))
        assert [engine.call("f", 1) for _ in range(3)] == [2] * 3
        assert engine.describe("f").tier is Tier.BASELINE
