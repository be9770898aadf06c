"""Branches in place of selects at -O3: which ones, and the same bits."""

from __future__ import annotations

import math
import re
import struct

import pytest

from kaleido.jit import Tier
from kaleido.jit.compiling.branches import with_branches
from kaleido.jit.compiling.llvm import parse_alone
from kaleido.session import Session

# Loops of `n` iterations that begin with `x`: how many branches there are for selects, and how many selects are left.
LOOPS = {
    "one way has an addition": (1, 0, "x = x + 7.5 : x = (if x > 100 then x - 99 else x)"),
    "both ways have some": (1, 0, "x = (if x < 2 then x * 1.5 else x - 1.25)"),
    "neither way has any": (1, 0, "x = x * 1.01 : x = (if x > 1000 then 1 else x)"),
    "a shared operand": (1, 0, "x = (if floor(x / 2) * 2 == x then x / 2 else 3 * x + 1)"),
    "two variables": (1, 0, "(if x > 50 then (s = s + x : x = x - 49) else x = x + t : t = t + 1)"),
    "one after another": (2, 0, "x = (if x > 9 then x - 8 else x + 1) : x = (if x < t then x + 2 else x)"),
    "the smaller": (0, 1, "x = (if x < 3 then x else 3) + 1"),
    "a condition of something else": (0, 1, "t = t * -1.5 : x = (if t < 1 then x + 1 else x - 2)"),
    "a sum that waits for nothing": (0, 1, "t = t * -1.5 : s = s + (if t < 1 then t else x)"),
}
STARTS = (0.0, -0.0, 1.0, 6.5, -3.0, 1e300, math.inf, -math.inf, math.nan)


def program(body: str) -> str:
    return f"extern floor(x) def f(x n) var s, t = 1 in (for i = 1, i < n in {body} : s = s / 2 + x) : s + t + x"


def bits(value: float) -> bytes:
    return b"NaN" if math.isnan(value) else struct.pack("<d", value)


@pytest.fixture(scope="module")
def sessions() -> dict[str, Session]:
    return {jit: Session(jit=jit) for jit in ("O0", "O3")}


@pytest.mark.parametrize("name", LOOPS)
def test_a_recurrence_that_waits_for_a_comparison_has_branches(name: str, sessions: dict[str, Session]) -> None:
    branches, selects, body = LOOPS[name]
    results = []
    for session in sessions.values():
        session.run(program(body))
        results.append([bits(session["f"](start, n)) for start in STARTS for n in (0.0, 3.0, 40.0)])
    assert results[0] == results[1]
    optimized = sessions["O3"]
    ir = optimized.engine.ir(optimized["f"].unit.symbol, Tier.OPTIMIZED)
    assert len(re.findall(r"^branch\.\d+\.end:", ir, re.MULTILINE)) == branches
    assert ir.count(" = select ") == selects


IR = """
define double @f(double %0, i64 %n) !dbg !3 {
  br label %2

2:
  %3 = phi double [ %0, %1 ], [ %9, %2 ]
  %4 = phi i64 [ 0, %1 ], [ %10, %2 ]
  %5 = fmul double %3, 1.500000e+00
    #dbg_value(double %5, !8, !DIExpression(), !7)
  %6 = fcmp olt double %5, 2.000000e+00
  %7 = fadd double %5, 1.000000e+00
  %8 = fadd double %7, 1.000000e+00
    #dbg_value(double %8, !8, !DIExpression(), !7)
  %9 = select i1 %6, double %8, double %5, !dbg !7
  %10 = add i64 %4, 1
  %11 = icmp slt i64 %10, %n
  br i1 %11, label %2, label %12

12:
  ret double %9
}

!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!1}
!0 = distinct !DICompileUnit(language: DW_LANG_C, file: !2, emissionKind: FullDebug)
!1 = !{i32 2, !"Debug Info Version", i32 3}
!2 = !DIFile(filename: "f", directory: "")
!3 = distinct !DISubprogram(name: "f", file: !2, line: 1, type: !4, unit: !0, spFlags: DISPFlagDefinition)
!4 = !DISubroutineType(types: !5)
!5 = !{}
!6 = !DIBasicType(name: "double", size: 64, encoding: DW_ATE_float)
!7 = !DILocation(line: 2, scope: !3)
!8 = !DILocalVariable(name: "x", scope: !3, file: !2, line: 1, type: !6)
"""


def test_values_without_names_stay_in_order_and_records_lose_what_moves() -> None:
    changed = with_branches(IR)
    with parse_alone(changed):
        pass
    assert changed.count("#dbg_value(double %5, ") == changed.count("#dbg_value(double poison, ") == 1
    assert re.search(r"^  br i1 %branch\.0\.condition, .*, !dbg !7$", changed, re.MULTILINE)


def test_code_with_debug_information_computes_the_same() -> None:
    text = program(LOOPS["one way has an addition"][-1])
    with Session(jit="O3", debug=True) as session, Session(jit="O0") as other:
        session.run(text)
        other.run(text)
        assert bits(session["f"](0.5, 50.0)) == bits(other["f"](0.5, 50.0))
