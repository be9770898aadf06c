"""Calls of C functions in optimized code: which are merged, and which stay where they are."""

from __future__ import annotations

import re

import pytest

from kaleido.jit import Tier
from kaleido.session import Session


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("def f(x) sin(x) * 3 + cos(x)", ["sincos"]),
        ("def f(x) sin(x) + cos(x + 1)", ["cos", "sin"]),
        ("def f(x) exp(x) * sin(x) * exp(x)", ["exp", "sin"]),
        ("def f(n) var s in (for i = 1, i < n in s = s + exp(n) / i) : s", ["exp"]),
    ],
)
def test_equal_and_related_calls_are_merged(text: str, calls: list[str]) -> None:
    assert sorted(called(text)) == calls


def test_a_function_is_not_called_ahead_of_its_condition() -> None:
    assert " select i1" not in optimized("def f(x) if x > 0 then sin(x) else cos(x + 1)", assembly=False)
    assert re.search(
        r"br i1 [^\n]*\n(?:.|\n)*@sin\(", optimized("def f(x) if x > 0 then sin(x) else x", assembly=False)
    )


def called(text: str) -> list[str]:
    return re.findall(r"call\w*\s+\*?(\w+)", optimized(text, assembly=True))


def optimized(text: str, *, assembly: bool) -> str:
    with Session(jit="O3") as session:
        session.run("extern sin(x) extern cos(x) extern exp(x) " + text)
        engine, symbol = session.engine, session["f"].unit.symbol
        return engine.assembly(symbol, Tier.OPTIMIZED) if assembly else engine.ir(symbol, Tier.OPTIMIZED)
