"""What is required of units: a wrong one is refused when it is defined, with its place; odd ones work in both tiers."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from kaleido.jit import (
    COUNT,
    LEAVE_JIT,
    PUT_BYTE,
    REENTER_JIT,
    Engine,
    Policy,
    Signature,
    Unit,
    UnitError,
    UnresolvedName,
)
from kaleido.jit.compiling import rehearsal, unit_checks
from kaleido.jit.compiling.intrinsics import is_known, places, usual
from kaleido.jit.compiling.ir_lines import contents
from kaleido.jit.compiling.ir_words import is_ordinary
from kaleido.jit.compiling.llvm import parse_as_it_is
from kaleido.jit.compiling.unit_checks import check_units
from tests.jit.compiling.wrong_units import ACCEPTED, DOUBLES, REFUSED, bad, calls, inlined, ir, unrolled
from tests.jit.helpers import TIMEOUT
from tests.jit.tiny import unit


@cache
def outcomes() -> dict[str, Any]:
    """What happened to each row, as far as the process came."""
    command = [sys.executable, "-m", "tests.jit.compiling.wrong_units"]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=TIMEOUT)
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_unit_is_refused(name: str) -> None:
    _, message, line = REFUSED[name]
    has_unit, found, place = outcomes()[name]
    assert has_unit and message in found
    assert place == line
    assert f", line {line}: " in found if line else ", line" not in found


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_odd_unit_works_in_both_tiers(name: str) -> None:
    _, value = ACCEPTED[name]
    assert outcomes()[name] == [value, value]


def test_a_unit_without_limits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_SECONDS", 1)
    with Engine() as engine, pytest.raises(UnitError, match="compiling it takes more than 1 seconds"):
        engine.define(bad(unrolled("unroll.full", 100_000)))


def test_helpers_that_are_always_inlined_into_each_other_are_tried_first() -> None:
    with parse_as_it_is(inlined(2)) as few, parse_as_it_is(inlined(3)) as many:
        assert is_ordinary(str(few))
        assert not is_ordinary(str(many))


def test_llvm_prints_the_usual_intrinsics_as_they_are() -> None:
    declared = [f"declare {kind.replace(' (', f' @{name}(')}" for name, kind in usual()]
    text = "\n".join(declared)
    with parse_as_it_is(text) as module:
        printed = contents(str(module)).functions
    assert all(place.is_known for place in places(text))
    assert list(printed) == [name for name, _ in usual()] and all(map(is_known, printed.values()))


@pytest.mark.parametrize(
    "call",
    [
        "call void @llvm.trap(metadata!5)",
        "call void @llvm.trap(ptr@g)",
        "call void @llvm.trap(i32-1)",
        "call void @llvm.trap(ptr addrspace(1) null)",
        "call void @llvm.trap(%T zeroinitializer)",
        "call void (i32) @llvm.trap(i32 1)",
        "call tailcc void @llvm.trap()",
        "call void @llvm.trap",
        'call void @"llvm.tr\\61p"()',
        "define void @llvm.trap()",
    ],
)
def test_the_type_of_an_intrinsic_is_read_with_certainty_or_not_at_all(call: str) -> None:
    [_, place] = places(f"declare void @llvm.trap()\n{call}")
    assert place.type == "" and not place.is_known


def test_an_intrinsic_that_is_not_known_is_parsed_in_another_process_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(unit_checks, "parse_elsewhere", parsed.append)
    vector = "declare <4 x float> @llvm.floor.v4f32(<4 x float>)"
    more = "declare { i64, i1 } @llvm.sadd.with.overflow.i64(i64, i64)"
    text = ir("%r = call { i64, i1 }@llvm.sadd.with.overflow.i64(i64 %x,i64 1)\nret i64 %x", f"{vector}\n{more}")
    check_units([bad(text), bad(text)])
    assert parsed == [text]


def test_nested_units_are_checked() -> None:
    whole = unit("(define (count n) (let i 0 (do (while (< i n) (set i (+ i 1))) i)))")
    [loop] = whole.nested_units
    wrong = Unit(loop.symbol, loop.signature, loop.ir.replace("tailcc", ""), loop.calls)
    with Engine() as engine, pytest.raises(UnitError, match="is not tailcc") as raised:
        engine.define(Unit(whole.symbol, whole.signature, whole.ir, whole.calls, nested_units=(wrong,)))
    assert raised.value.unit is wrong


def test_a_nested_unit_has_a_new_symbol_in_each_version() -> None:
    whole = unit("(define (count n) (let i 0 (do (while (< i n) (set i (+ i 1))) i)))")
    with Engine() as engine:
        engine.define(whole)
        with pytest.raises(UnitError, match="a nested unit has a new symbol in each version"):
            engine.define(whole)
        assert engine.call("count", 5) == 5


def test_an_error_changes_nothing() -> None:
    with Engine() as engine:
        engine.define(DOUBLES)
        with pytest.raises(UnitError):
            engine.define(Unit("g", DOUBLES.signature, DOUBLES.ir.replace("2", "3")), bad("rubbish"))
        assert engine.call("g", 4) == 8


def test_a_policy_may_trust_its_units() -> None:
    with Engine(Policy(check=False)) as engine:
        engine.define(bad("rubbish"))
        with pytest.raises(ValueError, match="expected top-level entity"):
            engine.call("bad", 1)


def test_a_name_that_is_not_found_is_a_lookup_error() -> None:
    wrong = calls("call i64 @no_such(i64 %x)", "declare i64 @no_such(i64)")
    with Engine() as engine, pytest.raises(UnresolvedName, match="`no_such`"):
        engine.define(wrong)
    assert issubclass(UnresolvedName, LookupError)


def test_what_the_engine_provides_is_known() -> None:
    assert set(unit_checks._PROVIDED) == {LEAVE_JIT, REENTER_JIT, PUT_BYTE, COUNT}


ARGUMENTS = [
    ("i64", 2**63 - 1, True), ("i64", -(2**63), True), ("i64", 2**63, False), ("i64", 2**70, False),
    ("i32", 2**31 - 1, True), ("i32", 2**31, False), ("i16", -(2**15), True), ("i16", 40_000, False),
    ("i8", 127, True), ("i8", 128, False), ("i1", True, True), ("i1", 2, False),
    ("double", 1, True), ("double", 1.5, True), ("double", 10**400, False),
    ("ptr", 2**64 - 1, True), ("ptr", 2**64, False),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "fits"), ARGUMENTS)
def test_an_argument_fits_or_is_refused(kind: str, value: Any, fits: bool) -> None:
    same = Unit(
        "f", Signature(kind, (kind,)), f"define tailcc {kind} @f.impl({kind} %x) nounwind {{\nret {kind} %x\n}}\n"
    )
    with Engine() as engine:
        engine.define(same)
        if fits:
            assert engine.call("f", value) == value
        else:
            with pytest.raises(OverflowError, match=rf"argument 1 of f is {kind}: .* does not fit"):
                engine.call("f", value)


@pytest.mark.parametrize(
    ("kind", "value"), [("i64", "five"), ("i64", 1.5), ("i64", None), ("double", "1"), ("ptr", 1.5)]
)
def test_an_argument_of_another_type_is_refused(kind: str, value: Any) -> None:
    ir = f"define tailcc {kind} @f.impl(i64 %n, {kind} %x) nounwind {{\nret {kind} %x\n}}\n"
    with Engine() as engine:
        engine.define(Unit("f", Signature(kind, ("i64", kind)), ir))
        with pytest.raises(TypeError, match=f"argument 2 of f is {kind}, not {type(value).__name__}"):
            engine.call("f", 1, value)
