"""Counted recursion: which functions count in integers at -O3, and the same bits from any arguments."""

from __future__ import annotations

import math
import re
import struct

import pytest

from kaleido.jit import Tier
from kaleido.jit.compiling.counted_recursion import with_counted_recursion
from kaleido.session import Session

FIB = "def f(x k) if x > 2 then f(x - 1, k) + f(x - 2, k) else 1 / (x + 7)"
LIMIT = 2**50 - 9

# Each ends where an argument is not a number.
COUNTED = {
    "fib": FIB,
    "three calls": "def f(x k) if x > k then f(x - 1, k) - f(x - 3, k) * k + f(x - 2, k) / 2 else x / 3",
    "two arguments": "def f(x k) if k > 0 & x > k then f(x - 1, k - 1) + f(x - 1, k) / 3 else x / 7",
    "up": "def f(x k) if x > -99 & x < 30 then f(x + 9, k) + f(x + 16, k) / 3 else x + k",
    "up to a limit": f"def f(x k) if x > {LIMIT - 40} & x < {LIMIT} then f(x + 6, k) / 3 + f(x + 11, k) else x - k",
    "another argument": "def f(x k) if x > 0 then f(x - 1, k * 2) + f(x - 1, k - x) else k",
    "a result as an argument": "def f(x k) if x > 0 then 1 + f(x - 1, f(x - 2, k)) else k / 3",
    "an argument that another takes the place of": "def f(x k) if x > 0 then f(x - 1, x) / 3 + f(x - 2, k) else k",
    "in two steps": "def f(x k) if x > 0 then f(x - 1 - 1, k) + f(x - 1, k) * k else x / 9",
}
OTHERS = {
    "one call": "def f(x k) if x < 1 then k else 1 / f(x - 1, k)",
    "a fraction": "def f(x k) if x < 1 then k else f(x - 0.5, k) + f(x - 1, k)",
    "a large step": "def f(x k) if x < 1 then k else f(x - 17, k) + f(x - 1, k)",
    "counts at one call": "def f(x k) if x < 1 then k else f(x - 1, k) + f(x / 2, k)",
    "a result": "def f(x k) if x < 1 then k else f(x - 1, f(x - 2, k))",
    "arguments in other places": "def f(x k) if x + k < 1 then x - k else f(k, x - 1) + f(k - 1, x)",
    "a tail call": "def f(x k) if x < 1 then k else if f(x - 1, k) > 3 then f(x - 2, k) else 5 + f(x - 3, k)",
    "output": "extern putchard(x) def f(x k) if x < 1 then putchard(k) else f(x - 1, k) + f(x - 2, k)",
}
ARGUMENTS = [(n, k) for n in (0.0, -0.0, 1.0, 6.0, 11.0, 10.5, -3.0) for k in (2.0, 3.0, -0.0)]
ARGUMENTS += [(2.0**50 + d, 4.0) for d in (-30.0, -12.0, 0.0, 1.0)] + [
    (math.nan, 3.0),
    (5.0, math.nan),
    (-math.inf, 1.0),
]

SIMPLIFIED = """
define internal tailcc double @f(double %n) memory(none) {{
{}  %before = fadd double %n, -1.000000e+00
  %a = call tailcc double @f(double %before)
  %second = fadd double %n, -2.000000e+00
  %b = call tailcc double @f(double %second)
  %sum = fadd double %a, %b
  ret double %sum
}}
"""


@pytest.fixture(scope="module")
def sessions() -> dict[str, Session]:
    return {jit: Session(jit=jit) for jit in ("O0", "O3")}


def bits(value: float) -> bytes:
    return b"NaN" if math.isnan(value) else struct.pack("<d", value)


def is_counted(session: Session) -> bool:
    ir = session.engine.ir(session["f"].unit.symbol, Tier.OPTIMIZED)
    return re.search(r"@kal\.f\.impl\.counted\.integers\.recursion\d*\.0\(", ir) is not None


def recursive_calls(definition: str, session: Session) -> int:
    """How many calls of itself the optimized code of `f` makes."""
    session.run(definition)
    ir = session.engine.ir(session["f"].unit.symbol, Tier.OPTIMIZED)
    body = re.search(r"define internal fastcc .*?^\}", ir, re.MULTILINE | re.DOTALL)
    assert body is not None
    return body[0].count("call fastcc")


@pytest.mark.parametrize("name", COUNTED)
def test_a_recursion_that_counts_computes_the_same_from_any_argument(name: str, sessions: dict[str, Session]) -> None:
    # From 2^50 down, a recursion is too deep.
    given = [each for each in ARGUMENTS if name.startswith("up") or not each[0] > 2.0**49]
    results = []
    for session in sessions.values():
        session.run(COUNTED[name])
        results.append([bits(session["f"](*each)) for each in given])
    assert results[0] == results[1]
    assert is_counted(sessions["O3"])


@pytest.mark.parametrize("name", OTHERS)
def test_other_recursions_stay_as_they_are(name: str, sessions: dict[str, Session]) -> None:
    sessions["O3"].run(OTHERS[name])
    assert not is_counted(sessions["O3"])


def test_equal_calls_are_one(sessions: dict[str, Session]) -> None:
    # With three levels of calls in a frame there are eight, with n - 3, n - 4, n - 5 or n - 6.
    assert recursive_calls(FIB, sessions["O3"]) < 8


def test_equal_calls_with_other_arguments_are_one(sessions: dict[str, Session]) -> None:
    hanoi = "def f(n a b c) if n == 0 then 0 else f(n - 1, a, c, b) + (a * b + c) + f(n - 1, c, b, a)"
    # Of the eight with n - 3, each passes one of three orders of the numbers.
    assert recursive_calls(hanoi, sessions["O3"]) == 3


def test_a_debugger_sees_arguments() -> None:
    record = "    #dbg_value(double %n, !9, !DIExpression(), !8)\n"
    assert with_counted_recursion(SIMPLIFIED.format("")) != SIMPLIFIED.format("")
    assert with_counted_recursion(SIMPLIFIED.format(record)) == SIMPLIFIED.format(record)
