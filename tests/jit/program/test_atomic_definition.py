"""A definition of several units takes effect completely, or fails and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from kaleido.jit import Engine, EventKind, Policy, Tier, Unit
from tests.jit.helpers import Log, callback, statistics, sync
from tests.jit.tiny import unit, units

# Without checks: a wrong unit fails as late as it can.
POLICIES = {
    "sync": sync(3, check=False),
    "O0": Policy(optimize=False, check=False),
    "O3": Policy(baseline=False, check=False),
    "checked": sync(3),
}


@pytest.fixture(params=POLICIES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with Engine(POLICIES[request.param]) as engine:
        engine.define(*units("(define (f x) (+ 1 (g x))) (define (g x) x) (define (k x) x)"))
        for _ in range(4):
            assert engine.call("f", 5) == 6
            assert engine.call("g", 5) == 5
            assert engine.call("k", 5) == 5
        yield engine


def broken(text: str) -> Unit:
    """A unit with invalid IR: it returns another type than it declares."""
    valid = unit(text)
    return replace(valid, ir=valid.ir.replace("ret i64", "ret i32"))


FAILURES: dict[str, Callable[[], list[Unit]]] = {
    "invalid IR": lambda: [broken("(define (g x) (+ x 1))")],
    "text that is not IR": lambda: [replace(unit("(define (g x) x)"), ir="call me")],
    "a valid unit and an invalid one": lambda: [unit("(define (f x) (k x))"), broken("(define (g x) x)")],
    "another signature than callers use": lambda: [unit("(define (g x y) x)")],
    "another result than callers use": lambda: [unit("(define (g:double x) 1.0)")],
    "a call by another signature": lambda: [unit("(define (g x) (k x x))")],
    "a C function that does not exist": lambda: [unit("(define (g x) (foreign not_a_c_function x))")],
    "such a C function, after a valid unit": lambda: [
        unit("(define (f x) (k x))"),
        unit("(define (g x) (foreign not_a_c_function x))"),
    ],
    "a symbol twice": lambda: [unit("(define (g x) 1)"), unit("(define (g x) 2)")],
    "a nested unit that is defined already": lambda: [
        replace(unit("(define (g x) x)"), nested_units=(unit("(define (k x) 1)"),)),
    ],
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_definition_that_fails_changes_nothing(engine: Engine, failure: str) -> None:
    before, code = engine.stats(), {name: engine.address(name) for name in "fgk"}
    log = Log(engine)
    with pytest.raises((ValueError, LookupError)) as raised:
        engine.define(*FAILURES[failure]())
    assert not isinstance(raised.value, KeyError)
    assert engine.stats() == before
    assert {name: engine.address(name) for name in "fgk"} == code
    # Code may have been compiled, but was freed again.
    assert {event.kind for event in log.events} <= {EventKind.COMPILED, EventKind.FREED}
    assert [engine.call(name, 5) for name in "fgk"] == [6, 5, 5]
    engine.define(unit("(define (g x) (* x 10))"))
    assert [engine.call(name, 5) for name in "fgk"] == [51, 50, 5]


def test_units_change_together(engine: Engine) -> None:
    engine.define(*units("(define (f x) (g x 3)) (define (g x y) (* x y))"))
    assert [engine.call("f", 5) for _ in range(4)] == [15] * 4
    assert engine.call("g", 6, 7) == 42


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_in_which_units_change_together_does_not_matter(engine: Engine, order: int) -> None:
    engine.define(*units("(define (f x) (g x 3)) (define (g x y) (* x y))")[::order])
    assert engine.call("f", 5) == 15
    with pytest.raises(ValueError, match="is called by f"):
        engine.remove("g")
    with pytest.raises(ValueError, match="another signature"):
        engine.define(unit("(define (g x) x)"))


def test_the_signature_of_a_unit_without_callers_may_change(engine: Engine) -> None:
    engine.define(unit("(define (f x y) (+ x (g y)))"))
    assert engine.call("f", 5, 7) == 12
    assert statistics(engine, "f").versions == 2
    engine.define(unit("(define (f:double) 0.5)"))
    assert engine.call("f") == 0.5


def test_a_function_that_calls_itself_may_change_its_signature(engine: Engine) -> None:
    engine.define(unit("(define (k n) (if (= n 0) 1 (k (- n 1))))"))
    assert [engine.call("k", 9) for _ in range(4)] == [1] * 4
    engine.define(unit("(define (k n a) (if (= n 0) a (k (- n 1) (+ a 2))))"))
    assert [engine.call("k", 9, 0) for _ in range(4)] == [18] * 4


def test_a_unit_that_is_called_cannot_be_removed(engine: Engine) -> None:
    before = engine.stats()
    with pytest.raises(ValueError, match="g is called by f"):
        engine.remove("g")
    assert engine.stats() == before
    engine.remove("f")
    engine.remove("g")
    assert [each.name for each in engine.stats()] == ["k"]


def test_a_nested_unit_is_only_changed_with_the_unit_around_it(engine: Engine) -> None:
    whole = unit("(define (count n) (let i 0 (do (while (< i n) (set i (+ i 1))) i)))")
    engine.define(whole)
    assert engine.call("count", 5) == 5
    with pytest.raises(ValueError, match=r"count\.loop"):
        engine.remove(whole.nested_units[0].symbol)
    with pytest.raises(ValueError, match=r"count\.loop"):
        engine.define(whole.nested_units[0])
    engine.define(unit("(define (count n) n)"))
    assert engine.call("count", 7) == 7


@pytest.mark.parametrize("engine", [name for name, policy in POLICIES.items() if not policy.check], indirect=True)
def test_an_invalid_unit_only_affects_its_callers(engine: Engine) -> None:
    engine.define(broken("(define (bad x) x)"))
    with pytest.raises(ValueError, match="i32"):
        engine.call("bad", 1)
    assert engine.call("f", 5) == 6
    engine.define(unit("(define (bad x) (f x))"))
    assert engine.call("bad", 5) == 6


def test_two_units_may_use_one_name_for_different_c_functions(engine: Engine) -> None:
    # A unit brings the addresses of the C functions that it calls.
    one, two = callback(lambda _: 1), callback(lambda _: 2)
    engine.define(
        unit("(define (first x) (+ (foreign answer x) (* 10 (second x))))", {"answer": one.address}),
        unit("(define (second x) (foreign answer x))", {"answer": two.address}),
    )
    assert [engine.call("first", 0) for _ in range(4)] == [21] * 4


def test_the_tier_survives_a_failure() -> None:
    with Engine(sync(3)) as engine:
        engine.define(unit("(define (f x) x)"))
        for _ in range(3):
            engine.call("f", 1)
        with pytest.raises(ValueError):  # noqa: PT011 - the message is LLVM's
            engine.define(broken("(define (f x) x)"))
        assert (engine.describe("f").tier, statistics(engine, "f").runs) == (Tier.OPTIMIZED, 3)


def test_code_that_cannot_be_loaded_does_not_change_its_dependents() -> None:
    # Without a baseline, dependents are compiled again before anything changes. No code calls g through its stub.
    with Engine(POLICIES["O3"]) as engine:
        engine.define(*units("(define (f x) (+ 1 (g x))) (define (g x) x)"))
        assert engine.call("f", 5) == 6
        before, log = engine.stats(), Log(engine)
        with pytest.raises(LookupError):
            engine.define(unit("(define (g x) (foreign not_a_c_function x))"))
        assert engine.stats() == before
        assert {event.kind for event in log.events} <= {EventKind.COMPILED, EventKind.FREED}
        assert engine.call("f", 5) == 6


def test_a_definition_that_fails_has_no_dependents() -> None:
    # The new p needs c, which is compiled with p inlined; then d cannot be loaded, and p is not redefined.
    with Engine(Policy(baseline=False, max_group_units=2, check=False)) as engine:
        engine.define(*units("(define (p x) 1) (define (c x) (p x)) (define (d x) (foreign not_a_c_function x))"))
        assert engine.call("p", 0) == 1
        with pytest.raises(LookupError):
            engine.define(unit("(define (p x) (do (c x) (d x) 2))"))
        assert statistics(engine, "p").dependents == ()
        assert engine.call("c", 0) == 1
