"""``Engine(transform=…)``: a language's own passes over the linked module, and their failures."""

from __future__ import annotations

from typing import Any

import pytest

from kaleido.jit import Engine, EventKind, Policy, Tier
from tests.jit.helpers import Log, settle, statistics, sync
from tests.jit.tiny import unit, units

CALLS = "(define (f x) (+ 1 (g x))) (define (g x) x)"


class Failure(Exception):
    """An exception of a pass."""


def fail(module: Any) -> None:
    raise Failure("no such luck")


def test_a_transformation_sees_the_linked_module() -> None:
    seen: list[list[str]] = []

    def look(module: Any) -> None:
        seen.append(sorted(each.name for each in module.functions if not each.is_declaration))

    with Engine(sync(3), transform=look) as engine:
        engine.define(*units(CALLS))
        engine.prepare("f")
        assert seen == []
        engine.optimize("f")
        assert seen == [["f", "f.impl", "g", "g.impl"]]


# Not constant, so that the call remains where `g` is not inlined.
SQUARE = "(define (f x) (+ 1 (g x))) (define (g x) (* x x))"


def forbid_inlining(module: Any) -> None:
    for function in module.functions:
        if function.name == "g.impl":
            function.add_function_attribute("noinline")
            function.name = "not inlined"


def test_a_transformation_can_change_the_module() -> None:
    with Engine(sync(3), transform=forbid_inlining) as engine:
        engine.define(*units(SQUARE))
        assert [engine.call("f", 3) for _ in range(4)] == [10] * 4
        assert engine.describe("f").tier is Tier.OPTIMIZED
        assert 'tailcc i64 @"not inlined"' in engine.ir("f", Tier.OPTIMIZED)
        assert "not inlined" not in engine.ir("f", Tier.BASELINE)


def test_without_a_baseline_it_is_called_too() -> None:
    with Engine(Policy(baseline=False), transform=forbid_inlining) as engine:
        engine.define(*units(SQUARE))
        assert engine.call("f", 3) == 10
        assert "not inlined" in engine.ir("f", Tier.OPTIMIZED)


@pytest.mark.parametrize("policy", [Policy(call_threshold=3), sync(3)], ids=["background", "sync"])
def test_an_exception_leaves_the_unit_at_the_baseline(policy: Policy) -> None:
    with Engine(policy, transform=fail) as engine:
        log = Log(engine)
        engine.define(*units(CALLS))
        assert [engine.call("f", 1) for _ in range(5)] == [2] * 5
        settle(engine)
        assert log.kinds("f") == ["defined", "compiled O0", "hot", "failed"]
        assert log.only("f", EventKind.FAILED).message == "no such luck"
        assert (engine.describe("f").tier, statistics(engine, "f").runs) == (Tier.BASELINE, 5)


def test_an_exception_does_not_stop_other_recompilations() -> None:
    def fail_for_f(module: Any) -> None:
        if any(function.name == "f.impl" for function in module.functions):
            fail(module)

    with Engine(Policy(call_threshold=3), transform=fail_for_f) as engine:
        engine.define(*units(CALLS))
        for _ in range(5):
            engine.call("f", 1)
        settle(engine)
        assert (engine.describe("f").tier, engine.describe("g").tier) == (Tier.BASELINE, Tier.OPTIMIZED)


def test_optimizing_on_request_raises_its_exception() -> None:
    with Engine(sync(3), transform=fail) as engine:
        engine.define(*units(CALLS))
        with pytest.raises(Failure, match="no such luck"):
            engine.optimize("f")
        assert (engine.describe("f").tier, engine.call("f", 1)) == (Tier.BASELINE, 2)


def test_without_a_baseline_an_exception_undoes_the_definition() -> None:
    working = True

    def sometimes(module: Any) -> None:
        if not working:
            fail(module)

    with Engine(Policy(baseline=False), transform=sometimes) as engine:
        engine.define(*units(CALLS))
        assert engine.call("f", 1) == 2
        before = engine.stats()
        working = False
        with pytest.raises(Failure):
            engine.define(unit("(define (g x) (* x 10))"))
        assert (engine.stats(), engine.call("f", 1)) == (before, 2)
        working = True
        engine.define(unit("(define (g x) (* x 10))"))
        assert engine.call("f", 1) == 11


def test_a_module_that_it_breaks_is_not_published() -> None:
    def forget(module: Any) -> None:
        for function in module.functions:
            if function.name == "f.impl":
                function.name = "gone"

    with Engine(sync(3), transform=forget) as engine:
        engine.define(*units(CALLS))
        with pytest.raises((ValueError, LookupError)):
            engine.optimize("f")
        assert (engine.describe("f").tier, engine.call("f", 1)) == (Tier.BASELINE, 2)
