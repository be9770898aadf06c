"""The visibility rule: which callee the code of a running caller reaches after a redefinition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kaleido.jit import Engine, Policy, Tier, Unit
from tests.jit.helpers import callback, sync
from tests.jit.tiny import unit

NEVER_HOT = sync(1 << 40)

# Calls g, lets the callback redefine it, and calls g again.
TWICE = "(define (f x) (let before (g x) (let done (foreign redefine x) (+ (* 1000 before) (g x)))))"
# Calls g in each of five iterations; the callback redefines it in the third one.
TICK = "(define (tick i) (if (= i 3) (foreign redefine i) 0))"
LOOP = """(define (f n) (let s 0 (let i 0 (do
    (while (< i n) (do (set i (+ i 1)) (set s (+ (* 10 s) (g i))) (tick i)))
    (+ (* 10 s) (g 0))))))"""


def g(value: int) -> Unit:
    return unit(f"(define (g x) {value})")


class Redefining:
    """An engine in which a callback replaces g, which returns 1, by one that returns 2."""

    def __init__(self, policy: Policy, *texts: str, make: Callable[[int], Unit] = g) -> None:
        self.engine = Engine(policy)
        self.callback = callback(lambda _: self.engine.define(make(2)) and 0)
        externals = {"redefine": self.callback.address}
        self.engine.define(make(1), *(unit(text, externals) for text in texts))

    def __enter__(self) -> Engine:
        return self.engine

    def __exit__(self, *_: object) -> None:
        self.engine.close()
        assert self.callback.errors == []


def test_baseline_code_reaches_the_new_callee_at_its_next_call() -> None:
    with Redefining(NEVER_HOT, TWICE) as engine:
        assert [engine.call("f", 0) for _ in range(2)] == [1002, 2002]
    with Redefining(NEVER_HOT, TICK, LOOP) as engine:
        assert [engine.call("f", 5) for _ in range(2)] == [111222, 222222]


def test_optimized_code_keeps_what_it_inlined_until_it_returns() -> None:
    with Redefining(NEVER_HOT, TWICE) as engine:
        engine.optimize("f")
        assert engine.call("f", 0) == 1001
        assert engine.describe("f").tier is Tier.BASELINE
        assert engine.call("f", 0) == 2002
    with Redefining(NEVER_HOT, TICK, LOOP) as engine:
        engine.optimize("f")
        assert [engine.call("f", 5) for _ in range(2)] == [111111, 222222]


def test_an_optimized_loop_of_a_baseline_function_keeps_it_until_the_loop_ends() -> None:
    with Redefining(replace(NEVER_HOT, iteration_threshold=1), TICK, LOOP) as engine:
        assert engine.call("f", 5) == 111112


def test_without_a_baseline_too() -> None:
    with Redefining(Policy(baseline=False), TWICE) as engine:
        assert [engine.call("f", 0) for _ in range(2)] == [1001, 2002]


@pytest.mark.parametrize("group", [1, 64])
def test_a_callee_that_is_outside_of_the_inline_group_is_called_through_its_stub(group: int) -> None:
    with Redefining(replace(NEVER_HOT, max_group_units=group), TWICE) as engine:
        engine.optimize("f")
        assert engine.call("f", 0) == (1002 if group == 1 else 1001)
