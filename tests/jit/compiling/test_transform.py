"""``Engine(transform=…)``: a language's own passes over the linked module, and their failures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kaleido.jit import Engine, EventKind, Policy, Tier, Unit, UnitError
from tests.jit.helpers import Log, settle, statistics, sync
from tests.jit.tiny import unit, units

CALLS = "(define (f x) (+ 1 (g x))) (define (g x) x)"


class Failure(Exception):
    """An exception of a pass."""


def fail(module: Any, unit: Unit, tier: Tier) -> None:
    if tier is Tier.OPTIMIZED:
        raise Failure("no such luck")


def test_a_transform_sees_the_module_of_each_unit_and_then_the_linked_one() -> None:
    seen: list[tuple[str, str, Tier, list[str]]] = []

    def look(module: Any, unit: Unit, tier: Tier) -> None:
        defined = sorted(each.name for each in module.functions if not each.is_declaration)
        seen.append((module.name, unit.symbol, tier, defined))

    with Engine(sync(3), transform=look) as engine:
        engine.define(*units(CALLS))
        engine.prepare("f")
        assert seen == [("f", "f", Tier.BASELINE, ["f.impl"]), ("g", "g", Tier.BASELINE, ["g.impl"])]
        seen.clear()
        engine.optimize("f")
        assert seen == [("f", "f", Tier.OPTIMIZED, ["f.impl", "g.impl", "jit.stub.f", "jit.stub.g"])]


def test_a_transform_sees_the_modules_of_an_object_file() -> None:
    seen: list[tuple[str, Tier]] = []
    with Engine(transform=lambda module, unit, tier: seen.append((unit.symbol, tier))) as engine:
        engine.define(*units(CALLS))
        for tier in (Tier.BASELINE, Tier.OPTIMIZED):
            engine.object_file("f", tier=tier)
    assert seen == [("f", Tier.BASELINE), ("g", Tier.BASELINE), ("f", Tier.OPTIMIZED)]


def test_modules_have_the_names_of_their_units() -> None:
    with Engine() as engine:
        engine.define(replace(unit("(define (f x) x)"), name="ƒ \ud800"))
        for tier in Tier:
            assert engine.ir("f", tier).startswith("; ModuleID = 'ƒ ?'")


def test_a_transform_of_the_baseline_changes_its_code() -> None:
    def mark(module: Any, unit: Unit, tier: Tier) -> None:
        if tier is Tier.BASELINE:
            module.get_function(unit.body).add_function_attribute("cold")

    with Engine(sync(3), transform=mark) as engine:
        engine.define(*units(CALLS))
        assert [engine.call("f", 1) for _ in range(4)] == [2] * 4
        assert "cold" in engine.ir("g", Tier.BASELINE)
        assert "cold" not in engine.ir("f", Tier.OPTIMIZED)


def test_an_exception_at_the_baseline_is_raised_and_can_be_cured() -> None:
    broken = True

    def sometimes(module: Any, unit: Unit, tier: Tier) -> None:
        if broken and unit.symbol == "g":
            raise Failure("not yet")

    with Engine(sync(3), transform=sometimes) as engine:
        engine.define(*units(CALLS))
        with pytest.raises(UnitError, match="g: the transform at -O0 has failed: Failure: not yet") as raised:
            engine.call("f", 1)
        assert raised.value.unit.symbol == "g" and isinstance(raised.value.__cause__, Failure)
        broken = False
        assert engine.call("f", 1) == 2


# Not constant, so that the call remains where `g` is not inlined.
SQUARE = "(define (f x) (+ 1 (g x))) (define (g x) (* x x))"


def forbid_inlining(module: Any, unit: Unit, tier: Tier) -> None:
    for function in module.functions:
        if function.name == "g.impl" and tier is Tier.OPTIMIZED:
            function.add_function_attribute("noinline")
            function.name = "not inlined"


def test_a_transform_can_change_the_module() -> None:
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
        failed = log.only("f", EventKind.FAILED)
        assert failed.message == "f: the transform at -O3 has failed: Failure: no such luck"
        assert isinstance(failed.error, UnitError) and isinstance(failed.error.__cause__, Failure)
        assert (engine.describe("f").tier, statistics(engine, "f").runs) == (Tier.BASELINE, 5)


def test_an_exception_does_not_stop_other_recompilations() -> None:
    def fail_for_f(module: Any, unit: Unit, tier: Tier) -> None:
        if any(function.name == "f.impl" for function in module.functions):
            fail(module, unit, tier)

    with Engine(Policy(call_threshold=3), transform=fail_for_f) as engine:
        engine.define(*units(CALLS))
        for _ in range(5):
            engine.call("f", 1)
        settle(engine)
        assert (engine.describe("f").tier, engine.describe("g").tier) == (Tier.BASELINE, Tier.OPTIMIZED)


def test_optimizing_on_request_raises_its_exception() -> None:
    with Engine(sync(3), transform=fail) as engine:
        engine.define(*units(CALLS))
        with pytest.raises(UnitError, match="no such luck") as raised:
            engine.optimize("f")
        assert isinstance(raised.value.__cause__, Failure)
        assert (engine.describe("f").tier, engine.call("f", 1)) == (Tier.BASELINE, 2)


def test_without_a_baseline_an_exception_undoes_the_definition() -> None:
    working = True

    def sometimes(module: Any, unit: Unit, tier: Tier) -> None:
        if not working:
            fail(module, unit, tier)

    with Engine(Policy(baseline=False), transform=sometimes) as engine:
        engine.define(*units(CALLS))
        assert engine.call("f", 1) == 2
        before = engine.stats()
        working = False
        with pytest.raises(UnitError, match="no such luck"):
            engine.define(unit("(define (g x) (* x 10))"))
        assert (engine.stats(), engine.call("f", 1)) == (before, 2)
        working = True
        engine.define(unit("(define (g x) (* x 10))"))
        assert engine.call("f", 1) == 11


@pytest.mark.parametrize("tier", Tier)
def test_a_module_that_it_breaks_is_not_published(tier: Tier) -> None:
    broken = True

    def forget(module: Any, unit: Unit, at: Tier) -> None:
        if broken and at is tier:
            module.get_function("f.impl").name = "gone"

    with Engine(sync(3), transform=forget) as engine:
        engine.define(*units(CALLS))
        with pytest.raises(UnitError, match=f"f: the transform at -{tier} has failed: NameError"):
            engine.optimize("f")
        broken = False
        assert engine.call("f", 1) == 2
