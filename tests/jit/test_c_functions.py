"""Units that C calls: callbacks whose addresses IR passes on."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import pytest

from kaleido.jit import LEAVE_JIT, REENTER_JIT, Engine, Interrupted, Policy, Signature, Tier, Unit, UnitError, c_name
from tests.jit.helpers import Running, sync

COMPARE = Signature("i32", ("ptr", "ptr"))
SORT = Signature("void", ("ptr", "i64"))


def compare(sign: str = "sgt", **fields: object) -> Unit:
    ir = f"""define tailcc i32 @compare.impl(ptr %a, ptr %b) nounwind {{
  %x = load i64, ptr %a
  %y = load i64, ptr %b
  %greater = icmp {sign} i64 %x, %y
  %one = zext i1 %greater to i32
  %same = icmp eq i64 %x, %y
  %less = select i1 %same, i32 0, i32 -1
  %r = select i1 %greater, i32 1, i32 %less
  ret i32 %r
}}
"""
    return replace(Unit("compare", COMPARE, ir), **fields)  # type: ignore[arg-type]


SORTING = f"""declare i32 @"jit.c.compare"(ptr, ptr)
declare void @qsort(ptr, i64, i64, ptr)
declare ptr @{LEAVE_JIT}()
declare void @{REENTER_JIT}(ptr)
define tailcc void @sort.impl(ptr %items, i64 %number) nounwind {{
  %thread = call ptr @{LEAVE_JIT}()
  call void @qsort(ptr %items, i64 %number, i64 8, ptr @"jit.c.compare")
  call void @{REENTER_JIT}(ptr %thread)
  ret void
}}
"""


def sort(ir: str = SORTING) -> Unit:
    return Unit("sort", SORT, ir, {"compare": COMPARE}, c_functions=frozenset({"compare"}))


def sorted_by(engine: Engine) -> list[int]:
    items = (ctypes.c_int64 * 9)(5, -2, 9, 9, 0, -7, 3, 1, 4)
    engine.call("sort", ctypes.addressof(items), 9)
    return list(items)


UP = [-7, -2, 0, 1, 3, 4, 5, 9, 9]
DOWN = UP[::-1]


@pytest.mark.parametrize("policy", [Policy(optimize=False), sync(3), Policy(baseline=False)], ids=["O0", "sync", "O3"])
@pytest.mark.parametrize("inline", [True, False])
def test_qsort_calls_a_unit_in_every_tier(policy: Policy, inline: bool) -> None:
    with Engine(policy) as engine:
        engine.define(sort(), compare(inline=inline))
        for _ in range(4):
            assert sorted_by(engine) == UP
        tier = Tier.OPTIMIZED if policy.optimize else Tier.BASELINE
        assert {each.tier for each in engine.stats()} == {tier}
        # The pointer that C has is that of all versions.
        before = engine.address("compare")
        engine.define(compare("slt", inline=inline))
        assert (sorted_by(engine), engine.address("compare")) == (DOWN, before)


def test_a_unit_gives_itself_to_c() -> None:
    ir = """declare i64 @"jit.c.f"(i64)
define tailcc i64 @f.impl(i64 %x) nounwind {
  %end = icmp sle i64 %x, 0
  br i1 %end, label %done, label %more
done:
  ret i64 100
more:
  %less = sub i64 %x, 1
  %r = call i64 @"jit.c.f"(i64 %less)
  %s = add i64 %r, 1
  ret i64 %s
}
"""
    signature = Signature("i64", ("i64",))
    for policy in (sync(2), Policy(baseline=False)):
        with Engine(policy) as engine:
            engine.define(Unit("f", signature, ir, {"f": signature}, c_functions=frozenset("f")))
            assert [engine.call("f", 5) for _ in range(3)] == [105] * 3


def test_a_callback_that_is_removed_must_be_defined_again() -> None:
    with Engine(sync(2)) as engine:
        engine.define(sort(), compare())
        assert sorted_by(engine) == UP
        engine.define(removed=["compare"])
        with pytest.raises(LookupError, match="sort calls compare, which is not defined"):
            sorted_by(engine)
        engine.define(compare("slt"))
        assert sorted_by(engine) == DOWN


def test_a_fault_in_a_callback_ends_the_call() -> None:
    endless = replace(compare(), ir="define tailcc i32 @compare.impl(ptr %a, ptr %b) nounwind {\n  br label %l\nl:\n"
                      "  call void asm sideeffect \"\", \"\"()\n  br label %l\n}\n")  # fmt: skip
    with Engine(sync(2)) as engine:
        engine.define(sort(), endless)
        engine.prepare("sort")
        running = Running(lambda: sorted_by(engine))
        while not running.ended:
            engine.interrupt()
            running.join(0.01)
        with pytest.raises(Interrupted):
            running.result()
        engine.define(compare())
        assert sorted_by(engine) == UP


def test_what_is_declared_otherwise_is_refused() -> None:
    with Engine() as engine:
        engine.define(compare())
        for old, new, message in [
            ("(ptr, ptr)", "(ptr, i64)", "as i32 (ptr, i64), but `jit.c.compare` is i32 (ptr, ptr) in C"),
            ('declare i32 @"jit', 'declare tailcc i32 @"jit', "calls `jit.c.compare`, which is not among its `calls`"),
            ("jit.c.compare", "jit.c.other", "uses `jit.c.other`, which is neither"),
        ]:  # fmt: skip
            with pytest.raises(UnitError) as raised:
                engine.define(sort(SORTING.replace(old, new)))
            assert message in str(raised.value)


def test_only_callees_that_c_can_call_are_c_functions() -> None:
    with pytest.raises(UnitError, match="`f` is among its `c_functions`, but not among its `calls`"):
        Unit("g", SORT, "", {}, c_functions=frozenset("f"))
    with pytest.raises(UnitError, match="argument 1 of f is i128"):
        Unit("g", SORT, "", {"f": Signature("void", ("i128",))}, c_functions=frozenset("f"))


def test_the_name_in_ir() -> None:
    assert c_name("compare") == "jit.c.compare"


def test_functions_of_c_with_any_number_of_arguments() -> None:
    ir = """declare i32 @snprintf(ptr, i64, ptr, ...)
@format = private constant [16 x i8] c"%ld %s %.1f %d\\00\\00"
@text = private constant [3 x i8] c"is\\00"
define tailcc i32 @show.impl(ptr %to, i64 %x, double %y) nounwind {
  %n = call i32 (ptr, i64, ptr, ...) @snprintf(ptr %to, i64 64, ptr @format, i64 %x, ptr @text, double %y, i32 -1)
  ret i32 %n
}
"""
    with Engine(sync(2)) as engine:
        engine.define(Unit("show", Signature("i32", ("ptr", "i64", "double")), ir))
        for _ in range(4):
            text = ctypes.create_string_buffer(64)
            assert engine.call("show", ctypes.addressof(text), 1 << 40, 2.5) == len(text.value)
            assert text.value == b"1099511627776 is 2.5 -1"
