"""COUNT: counters of a language's own in baseline code, read by a transform when a unit is recompiled."""

from __future__ import annotations

from typing import Any

import pytest

from kaleido.jit import COUNT, Data, Engine, Policy, Signature, Tier, Unit, UnitError
from tests.jit.helpers import sync

INTEGER = Signature("i64", ("i64",))
COUNTERS = Data("f.branches", "[2 x i64]")


def branching(count: str = f"declare void @{COUNT}(ptr)") -> Unit:
    """Counts how often its argument is negative, and how often not."""
    ir = f"""@f.branches = external global [2 x i64]
{count}
define tailcc i64 @f.impl(i64 %x) nounwind {{
  %negative = icmp slt i64 %x, 0
  br i1 %negative, label %first, label %second
first:
  call void @{COUNT}(ptr @f.branches)
  %minus = sub i64 0, %x
  ret i64 %minus
second:
  call void @{COUNT}(ptr getelementptr ([2 x i64], ptr @f.branches, i64 0, i64 1))
  ret i64 %x
}}
"""
    return Unit("f", INTEGER, ir, data=frozenset({"f.branches"}))


def counts(engine: Engine) -> list[int]:
    return list(memoryview(engine.read_data("f.branches")).cast("q"))


def test_a_transform_reads_what_the_baseline_has_counted() -> None:
    profiles: list[list[int]] = []

    def look(module: Any, unit: Unit, tier: Tier) -> None:
        if tier is Tier.OPTIMIZED:
            profiles.append(counts(engine))

    with Engine(sync(5), transform=look) as engine:
        engine.define(COUNTERS, branching())
        for each in (-1, -2, 3, -4, 5, 6, -7):
            assert engine.call("f", each) == abs(each)
        assert engine.describe("f").tier is Tier.OPTIMIZED
        # The fifth call makes it hot before it counts, and still runs the baseline; then nothing is counted.
        assert profiles == [[3, 1]]
        assert counts(engine) == [3, 2]
        assert "f.branches" not in engine.ir("f", Tier.OPTIMIZED)
        engine.deoptimize("f")
        engine.call("f", 1)
        assert counts(engine) == [3, 3]


def test_all_versions_share_the_counters() -> None:
    with Engine(Policy(optimize=False)) as engine:
        engine.define(COUNTERS, branching())
        engine.call("f", 1)
        engine.define(branching("declare void @jit.count(ptr) ; another version"))
        engine.call("f", 1)
        assert counts(engine) == [0, 2]


def test_many_units_in_one_batch_count() -> None:
    with Engine(sync(3)) as engine:
        engine.define(COUNTERS, branching())
        calls = "declare tailcc i64 @f(i64)\ndeclare void @jit.count(ptr)\n@f.branches = external global [2 x i64]\n"
        body = "  call void @jit.count(ptr @f.branches)\n  %r = call tailcc i64 @f(i64 %x)\n  ret i64 %r\n"
        ir = f"{calls}define tailcc i64 @g.impl(i64 %x) nounwind {{\n{body}}}\n"
        engine.define(Unit("g", INTEGER, ir, {"f": INTEGER}, data=frozenset({"f.branches"})))
        assert [engine.call("g", 1) for _ in range(5)] == [1] * 5
        assert {each.tier for each in engine.stats()} == {Tier.OPTIMIZED}
        assert counts(engine) == [3, 3]


def test_an_object_file_counts_nothing() -> None:
    with Engine() as engine:
        engine.define(COUNTERS, branching())
        assert COUNT.encode() not in engine.object_file("f")


def test_its_type_is_checked() -> None:
    with Engine() as engine, pytest.raises(UnitError, match=r"calls `jit.count` as void \(i64\)"):
        engine.define(COUNTERS, branching("declare void @jit.count(i64)"))
    with Engine() as engine, pytest.raises(KeyError):
        engine.read_data("nothing")
