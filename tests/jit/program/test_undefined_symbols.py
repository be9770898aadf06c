"""Calls of undefined symbols: an error before anything runs, until the symbol is defined."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import suppress

import pytest

from kaleido.jit import Engine, Policy, RunCounter, UndefinedUnit
from tests.jit.helpers import callback, in_new_process, sync
from tests.jit.tiny import unit, units

# Without checks: a wrong unit fails as late as it can.
POLICIES = {
    "sync": sync(3, check=False),
    "O0": Policy(optimize=False, check=False),
    "O3": Policy(baseline=False, check=False),
}


@pytest.fixture(params=POLICIES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with Engine(POLICIES[request.param]) as engine:
        yield engine


def test_the_error_names_the_symbol_and_its_caller(engine: Engine) -> None:
    engine.define(*units("(define (f x) (g x)) (define (g x) (missing x))"))
    with pytest.raises(UndefinedUnit, match="g calls missing, which is not defined") as raised:
        engine.call("f", 1)
    assert (raised.value.symbol, raised.value.caller.symbol) == ("missing", "g")


@pytest.mark.parametrize("method", ["prepare", "address", "optimize"])
def test_every_method_that_needs_its_code_raises(engine: Engine, method: str) -> None:
    engine.define(unit("(define (f x) (missing x))"))
    with pytest.raises(UndefinedUnit):
        getattr(engine, method)("f")


def test_a_call_works_once_the_symbol_is_defined(engine: Engine) -> None:
    engine.define(unit("(define (f x) (missing x))"))
    with pytest.raises(UndefinedUnit):
        engine.call("f", 1)
    engine.define(unit("(define (missing x) (+ x 1))"))
    assert [engine.call("f", 1) for _ in range(4)] == [2] * 4


def test_the_symbol_must_be_defined_with_the_signature_of_its_calls(engine: Engine) -> None:
    engine.define(unit("(define (f x) (missing x))"))
    with pytest.raises(ValueError, match="another signature"):
        engine.define(unit("(define (missing x y) x)"))
    engine.define(unit("(define (missing x) 7)"))
    assert engine.call("f", 1) == 7


def test_a_symbol_that_was_never_defined_is_a_key_error(engine: Engine) -> None:
    for method in (engine.call, engine.prepare, engine.address, engine.optimize, engine.describe, engine.remove):
        with pytest.raises(KeyError, match="nothing"):
            method("nothing")


def test_a_symbol_is_dropped_with_its_last_caller(engine: Engine) -> None:
    engine.define(unit("(define (f x) (if x (f (- x 1)) 0))"))
    engine.prepare("f")
    for number in range(20):
        engine.define(unit(f"(define (f x) (if x (do (f 0) (missing{number} x)) 0))"))
        with pytest.raises(UndefinedUnit):
            engine.call("f", 1)
    assert engine.memory().symbols == {"f", "missing19"}
    engine.define(unit("(define (g x) (missing19 x))"))
    engine.remove("f")
    assert engine.memory().symbols == {"g", "missing19"}
    engine.remove("g")
    assert engine.memory().symbols == set()


def test_a_symbol_that_only_a_failed_definition_calls_is_dropped(engine: Engine) -> None:
    engine.define(unit("(define (f x) 1)"))
    engine.prepare("f")
    with pytest.raises(LookupError):
        engine.define(unit("(define (f x) (do (missing x) (foreign not_a_c_function x)))"))
    assert engine.memory().symbols == {"f"}
    assert engine.call("f", 1) == 1


def begin_to_call_an_undefined_symbol() -> None:
    for policy in POLICIES.values():
        with Engine(policy) as engine:
            engine.define(*units("(define (f x) (g x)) (define (g x) x)"))
            assert [engine.call("f", 1) for _ in range(4)] == [1] * 4
            engine.define(unit("(define (g x) (missing x))"))
            with pytest.raises(UndefinedUnit, match="missing"):
                engine.call("f", 1)
            engine.define(unit("(define (missing x) 5)"))
            assert [engine.call("f", 1) for _ in range(4)] == [5] * 4


def reach_an_undefined_symbol_through_inlined_code() -> None:
    # Everything that main can reach is inlined in f, and main itself is not compiled again.
    with Engine(Policy(baseline=False)) as engine:
        engine.define(*units("(define (f x) (g x)) (define (g x) x)"))
        engine.define(unit("(define (main x) (f x))", counter=RunCounter.NONE))
        assert engine.call("main", 1) == 1
        engine.define(unit("(define (g x) (missing x))"))
        with pytest.raises(UndefinedUnit, match="missing"):
            engine.call("main", 1)


def call_an_undefined_symbol_from_c() -> None:
    for policy in POLICIES.values():
        with Engine(policy) as engine:
            engine.define(unit("(define (f x) x)"))
            native = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(engine.address("f"))
            engine.define(unit("(define (f x) (+ 1 (missing x)))"))
            assert native(7) == 1


def define_a_symbol_that_running_code_will_call() -> None:
    for policy in POLICIES.values():
        with Engine(policy) as engine:
            engine.define(unit("(define (f x) x)"))
            native = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(engine.address("f"))
            assert native(1) == 1
            engine.define(unit("(define (f x) (missing x))"))
            engine.define(unit("(define (missing x) 5)"))
            assert native(1) == 5


def redefine_running_code_to_call_an_undefined_symbol() -> None:
    with Engine(sync(3)) as engine:
        change = callback(lambda _: engine.define(unit("(define (g x) (missing x))")))
        engine.define(
            unit("(define (g x) x)"),
            unit("(define (f x) (do (foreign change x) (g x)))", {"change": change.address}),
        )
        # Either the definition is refused, or the call raises an error. A crash would be wrong.
        with suppress(UndefinedUnit):
            assert engine.call("f", 1) == 1
            assert change.errors


@pytest.mark.parametrize(
    "scenario",
    [
        begin_to_call_an_undefined_symbol,
        reach_an_undefined_symbol_through_inlined_code,
        call_an_undefined_symbol_from_c,
        define_a_symbol_that_running_code_will_call,
        redefine_running_code_to_call_an_undefined_symbol,
    ],
)
def test_running_code_never_jumps_to_an_invalid_address(scenario: object) -> None:
    assert callable(scenario)
    in_new_process(scenario)
