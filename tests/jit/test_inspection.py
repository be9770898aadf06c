"""What an engine reports of its units: addresses, IR, assembly, statistics."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from kaleido.jit import Engine, Policy, RunCounter, Tier, UnitStats
from tests.jit.helpers import callback, statistics, sync
from tests.jit.tiny import unit, units

LOOP = "(define (f n) (let i 0 (do (while (< i n) (set i (+ i (g 1)))) i))) (define (g x) x)"


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(sync(3)) as engine:
        engine.define(*units(LOOP))
        yield engine


def body(engine: Engine, symbol: str) -> tuple[int, int]:
    """The address and the size of a unit's current code."""
    [now] = (each for each in engine.stats() if each.symbol == symbol)
    assert now.address is not None
    assert now.tier is not None
    return now.address, now.code_bytes[now.tier]


def test_every_address_in_a_unit_is_found_in_both_tiers(engine: Engine) -> None:
    for tier in Tier:
        engine.prepare("g") if tier is Tier.BASELINE else engine.optimize("g")
        address, size = body(engine, "g")
        for offset in range(size):
            found = engine.find(address + offset)
            assert found is not None and (found[0].symbol, found[1]) == ("g", tier)
        beyond = engine.find(address + size)
        assert beyond is None or beyond[0].symbol != "g"


def test_units_compiled_together_are_distinguished(engine: Engine) -> None:
    engine.prepare("f")
    for each in engine.stats():
        address, size = body(engine, each.symbol)
        for inside in (address, address + size - 1):
            found = engine.find(inside)
            assert found is not None and found[0].symbol == each.symbol


def test_other_addresses_belong_to_no_unit(engine: Engine) -> None:
    assert engine.find(0) is None
    foreign = callback(lambda x: x)
    stub = engine.address("g")
    buffer = ctypes.create_string_buffer(8)
    for address in (1, foreign.address, stub, ctypes.addressof(buffer), 2**64 - 1):
        assert engine.find(address) is None


def test_code_that_was_freed_is_not_found(engine: Engine) -> None:
    engine.prepare("g")
    address, _ = body(engine, "g")
    engine.remove("f")
    engine.remove("g")
    assert engine.find(address) is None


def test_the_code_of_both_tiers_is_found_by_address() -> None:
    # Both tiers of a unit can be in memory: each is found with its tier.
    with Engine(sync(3)) as engine:
        engine.define(unit("(define (f x) (+ x 1))"))
        engine.prepare("f")
        baseline, _ = body(engine, "f")
        engine.optimize("f")
        optimized, _ = body(engine, "f")
        tiers = [found[1] for address in (baseline, optimized) if (found := engine.find(address))]
        assert tiers == [Tier.BASELINE, Tier.OPTIMIZED]


def test_ir_is_that_of_the_machine_code(engine: Engine) -> None:
    baseline, optimized = engine.ir("f", Tier.BASELINE), engine.ir("f", Tier.OPTIMIZED)
    assert "define tailcc i64 @f.impl" in baseline
    assert "alloca" in baseline and "call tailcc" in baseline
    # At -O3 the loop and `g` are inlined in `f`.
    assert "define tailcc" in optimized
    assert "call tailcc" not in optimized and "alloca" not in optimized


def test_assembly_shows_the_machine_code(engine: Engine) -> None:
    baseline, optimized = engine.assembly("f", Tier.BASELINE), engine.assembly("f", Tier.OPTIMIZED)
    assert "f.impl:" in baseline and "f.impl:" in optimized
    assert baseline != optimized
    assert "f.loop" in baseline and "f.loop" not in optimized


def test_inspection_changes_nothing(engine: Engine) -> None:
    before = engine.stats()
    for tier in Tier:
        engine.ir("f", tier)
        engine.assembly("f", tier)
    assert engine.stats() == before
    assert engine.describe("f").tier is None


@pytest.mark.parametrize("tier", Tier)
def test_an_undefined_symbol_cannot_be_inspected(engine: Engine, tier: Tier) -> None:
    for look in (engine.ir, engine.assembly):
        with pytest.raises(KeyError):
            look("nothing", tier)


def test_statistics_before_anything_ran(engine: Engine) -> None:
    f, loop, g = engine.stats()
    assert f == UnitStats("f", "f", f.unit, RunCounter.CALLS, None, 0, {}, {}, 1, (), None)
    assert (loop.name, loop.counter) == ("f.loop", RunCounter.ITERATIONS)
    assert loop.symbol.startswith("f.loop#")
    assert g.name == "g"


def test_statistics_of_both_tiers(engine: Engine) -> None:
    for _ in range(3):
        assert engine.call("f", 10) == 10
    f = statistics(engine, "f")
    assert (f.tier, f.runs, f.versions, f.dependents) == (Tier.OPTIMIZED, 3, 1, ())
    assert set(f.compile_seconds) == set(f.code_bytes) == set(Tier)
    assert min(f.compile_seconds.values()) > 0 and min(f.code_bytes.values()) > 0
    assert statistics(engine, "g").dependents == ("f", "f.loop")
    assert statistics(engine, "f.loop").dependents == ("f",)


def test_versions_are_counted_per_symbol(engine: Engine) -> None:
    for number in range(4):
        engine.define(unit(f"(define (g x) {number})"))
    assert (statistics(engine, "g").versions, statistics(engine, "f").versions) == (5, 1)


def test_a_version_that_counts_nothing_has_no_runs() -> None:
    with Engine(sync(10)) as engine:
        engine.define(unit("(define (f x) 1)"))
        for _ in range(5):
            engine.call("f", 0)
        engine.define(unit("(define (f x) 2)", counter=RunCounter.NONE))
        engine.call("f", 0)
        assert statistics(engine, "f").runs == 0


def test_events_carry_the_version_they_are_about() -> None:
    with Engine(sync(10)) as engine:
        engine.define(unit("(define (f x) 1)"))
        for _ in range(5):
            engine.call("f", 0)
        seen: list[tuple[str, int, int]] = []
        engine.subscribe(lambda event: seen.append((str(event.kind), event.version, event.runs)))
        engine.define(unit("(define (f x) 2)"))
        assert sorted(seen) == [("compiled", 2, 0), ("defined", 2, 0), ("freed", 1, 5), ("loaded", 2, 0)]


def test_statistics_of_an_engine_with_one_tier() -> None:
    with Engine(Policy(baseline=False)) as engine:
        engine.define(*units(LOOP))
        engine.call("f", 3)
        assert set(statistics(engine, "f").code_bytes) == {Tier.OPTIMIZED}
        # `g` has no code of its own: it is inlined in `f`.
        assert (statistics(engine, "g").tier, statistics(engine, "g").dependents) == (None, ("f",))
