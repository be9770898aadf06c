"""The engine's side of an object cache: what is taken from it, what is kept in it, and under which keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kaleido.jit import Engine, Policy, Signature, Tier, Unit
from tests.jit.helpers import sync

DOUBLE = Signature("double", ("double",))


class Memory:
    """An object cache that remembers what it was asked for."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}
        self.hits: list[str] = []

    def get(self, key: str) -> bytes | None:
        if key in self.entries:
            self.hits.append(key)
        return self.entries.get(key)

    def put(self, key: str, code: bytes) -> None:
        self.entries[key] = code


def twice(operation: str = "fadd", symbol: str = "twice") -> Unit:
    body = f'define tailcc double @"{symbol}.impl"(double %x) nounwind {{\n  %r = {operation} double %x, %x\n'
    return Unit(symbol, DOUBLE, body + "  ret double %r\n}\n")


def run(memory: Any, *units: Unit, policy: Policy | None = None, **options: Any) -> Any:
    with Engine(policy or sync(), cache=memory, **options) as engine:
        engine.define(*units)
        results = [engine.call(units[0].symbol, float(number)) for number in range(5)]
        assert results == [engine.call(units[0].symbol, float(number)) for number in range(5)]
        return results


def test_an_unchanged_program_compiles_nothing() -> None:
    memory = Memory()
    first = run(memory, twice())
    entries = dict(memory.entries)
    memory.hits.clear()
    assert run(memory, twice()) == first == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert memory.entries == entries
    # Both tiers of the unit. (The engine's own code stays in this process.)
    assert len(memory.hits) == 2


def test_a_unit_that_is_not_to_be_kept_is_not_asked_for_either() -> None:
    memory = Memory()
    once = replace(twice(symbol="once"), cache=False)
    for _ in range(2):
        assert run(memory, once) == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert not memory.entries
    run(memory, twice(), once)
    assert memory.entries


@pytest.mark.parametrize(
    "changed",
    [
        lambda memory: run(memory, twice("fmul")),
        lambda memory: run(memory, twice(symbol="other")),
        lambda memory: run(memory, twice(), twice(symbol="other"), policy=Policy(baseline=False)),
        lambda memory: run(memory, twice(), policy=sync(inline_threshold=7)),
    ],
    ids=["IR", "symbol", "tier", "policy"],
)
def test_what_determines_the_code_is_part_of_the_key(changed: Callable[[Memory], object]) -> None:
    memory = Memory()
    run(memory, twice())
    before = len(memory.entries)
    changed(memory)
    assert len(memory.entries) > before


def test_the_tiers_are_separate_entries() -> None:
    memory = Memory()
    for policy in (Policy(optimize=False), Policy(baseline=False)):
        run(memory, twice(), policy=policy)
    codes = [code for code in memory.entries.values() if b"twice.impl" in code]
    assert len(codes) == len(set(codes)) == 2


def test_code_that_was_transformed_is_not_kept() -> None:
    memory, seen = Memory(), []
    for _ in range(2):
        run(memory, twice(), policy=Policy(baseline=False), transform=lambda *given: seen.append(given))
    assert len(seen) == 2
    assert not any(b"twice.impl" in code for code in memory.entries.values())


@pytest.mark.parametrize("damage", ["flipped", "shorter", "longer", "empty", "no object", "another entry"])
def test_a_damaged_entry_is_ignored_and_replaced(damage: str) -> None:
    memory = Memory()
    run(memory, twice())
    intact = dict(memory.entries)
    keys = sorted(intact)
    for key, other in zip(keys, [*keys[1:], keys[0]], strict=True):
        entry = intact[key]
        changes = {
            "flipped": bytes([*entry[:-1], entry[-1] ^ 1]),
            "shorter": entry[:-1],
            "longer": entry + b"\0",
            "empty": b"",
            "no object": b"no object file",
            "another entry": intact[other],
        }
        memory.entries[key] = changes[damage]
    assert run(memory, twice()) == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert {key: entry for key, entry in memory.entries.items() if entry != intact[key]} == {
        key: memory.entries[key] for key in keys if b"twice.impl" not in intact[key]
    }


class Broken:
    def get(self, key: str) -> bytes | None:
        raise OSError("no")

    def put(self, key: str, entry: bytes) -> None:
        raise OSError("no")


def test_a_cache_that_raises_changes_no_result() -> None:
    assert run(Broken(), twice()) == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_ir_that_llvm_rejects_is_rejected_again() -> None:
    memory = Memory()
    for _ in range(2):
        with Engine(Policy(check=False), cache=memory) as engine:
            engine.define(Unit("bad", DOUBLE, "define nonsense"))
            with pytest.raises(ValueError, match="expected"):
                engine.prepare("bad")


def test_no_entry_contains_an_address() -> None:
    # The same program in engines whose stubs, records and handlers are at other addresses.
    entries = []
    for _ in range(2):
        memory = Memory()
        with Engine(cache=Memory()):
            run(memory, twice())
        entries.append({key: code for key, code in memory.entries.items() if b"twice.impl" in code})
    assert entries[0] == entries[1]
    assert len(entries[0]) == len(Tier)
