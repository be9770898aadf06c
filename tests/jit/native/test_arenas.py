"""Arenas are disposed of: an engine that redefines, removes and fails for a long time keeps few of them."""

from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from kaleido.jit import Engine, Policy, RunCounter
from kaleido.jit.compiling.llvm import Target, parse
from kaleido.jit.native.loader import Loader
from kaleido.jit.unit import Tier
from tests.jit.helpers import sync
from tests.jit.tiny import unit


def test_arenas_are_disposed_of_with_loops_and_both_tiers() -> None:
    with Engine(sync(1, arena_libraries=8)) as engine:
        for number in range(100):
            loop = "(while (< i n) (set i (+ i 1)))"
            engine.define(unit(f"(define (f n) (let i 0 (do {loop} (+ i {number}))))"))
            assert [engine.call("f", 5) for _ in range(2)] == [5 + number] * 2
        assert engine.memory().arenas <= 4
        assert engine.memory().objects <= 12


def test_removed_units_leave_no_arenas_and_no_statistics() -> None:
    with Engine(sync(1, arena_libraries=8)) as engine:
        for number in range(200):
            once = unit(f"(define (once{number}) {number})", counter=RunCounter.NONE)
            engine.define(once)
            assert engine.call(once.symbol) == number
            engine.remove(once.symbol)
        assert engine.memory().arenas <= 4
        assert engine.memory().objects <= 12
        assert engine.stats() == []


def test_failing_to_load_keeps_no_memory() -> None:
    with Engine(sync(1, arena_libraries=4)) as engine:
        engine.define(unit("(define (f x) x)"))
        engine.prepare("f")
        for _ in range(40):
            with pytest.raises(LookupError):
                engine.define(unit("(define (f x) (foreign not_a_c_function x))"))
        assert engine.call("f", 1) == 1
        assert engine.memory().arenas <= 3
        assert engine.memory().objects <= 12


def test_an_arena_is_closed_with_its_last_object() -> None:
    target = Target(Policy())
    loader = Loader(3, jitlink=True)
    code = target.emit(parse("define i32 @f() {\n ret i32 7\n}", llvm.create_context()), Tier.BASELINE)
    objects = [loader.load(code, ["f"], {}) for _ in range(7)]
    assert loader.arenas == 3
    for loaded in objects[:3]:
        loaded.release()
    assert loader.arenas == 2
    # The last arena is not full yet.
    objects[6].release()
    assert loader.arenas == 2
    loader.close()
    assert loader.arenas == 0
