"""Counted loops: loops over doubles that count in integers at -O3 compute the same, from and to any value."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence

import pytest

from kaleido.jit import Event, EventKind, Tier
from kaleido.session import Session

# Each has a loop from `a` to `b`; a body that shows the variable, a sum in order, and what follows the loop.
LOOPS = {
    "up": "def f(a b) var s in (for i = a, i < b in s = s / 3 + i) : s",
    "up to": "def f(a b) var s in (for i = a, i <= b in s = s + 1 / (i + 0.5)) : s",
    "the other way round": "def f(a b) var s in (for i = a, b > i in s = s + sqrt(i * i + 1)) : s",
    "in steps": "def f(a b) var s in (for i = a, i < b, 3 in s = s + 1 / (i * i + 1)) : s",
    "down": "def f(a b) var s in (for i = b, i > a, -1 in s = s + 1 / (i * i + 2)) : s",
    "down to": "def f(a b) var s in (for i = b, a <= i, -2 in s = s / 3 - i) : s",
    "last": "def f(a b) var last in (for i = a, i < b in last = i) : last",
    "the sign of zero": "def f(a b) var s = 1 in (for i = a, i < b in s = s + copysign(1 / (1 + i * i), i)) : s",
    "signs": "def f(a b) var s, t = b in (for i = a, i < b in s = s + t / (i + 0.25) : t = -t) : s + t",
    "a second exit": "def f(a b) var s in (for i = a, (if s > 9 then 0 else i < b) in s = s + i / 7) : s",
    "equality": "def f(a b) g(a, b, 0) def g(n b s) if n == b then s else if n < b then g(n + 1, b, s / 3 + n) else -s",
    "equality down": "def f(a b) g(b, a, 0) def g(n a s) if n == a then s else if s < 40 "
    "then g(n - 1, a, s + 1 / (n * n + 3) + 1) else s",
    "a pair": "def f(a b) even(b - a) def even(n) if n == 0 then 1 else if n > 0 then odd(n - 1) else n "
    "def odd(n) if n == 0 then 2 else even(n - 1)",
    "an inner loop": "def f(a b) var s in (for i = a, i < b in s = s + (var t = i in "
    "(for j = 1, j < 4 in t = t + i / j) : t)) : s",
    "a sum of its own": "def f(a b) var s, k in (for i = a, i < b in k = k + 2 : s = s + (if k > 6 then k else i) / 3) "
    ": s + k",
}

STARTS = (0.0, -0.0, 1.0, -5.0, 0.5, 2.0**50 - 2, 2.0**50, -(2.0**50) - 1, 2.0**51, 2.0**53 - 20, math.nan, -math.inf)
DISTANCES = (-1.0, 0.0, 0.5, 2.0, 7.0, 18.25, 37.0)
EXTERNS = "extern sqrt(x) extern copysign(x y) "


# At 2^53 and at infinity, adding 1 does not change a double.
def intervals() -> Iterator[tuple[float, float]]:
    for start in STARTS:
        if math.isfinite(start):
            yield from ((start, limit) for d in DISTANCES if (limit := start + d) < 2.0**53)
        yield from ((start, limit) for limit in (math.nan, -math.inf) if start != limit)
    yield from ((-0.0, 0.0), (0.0, -0.0), (-7.0, -0.0), (-7.0, 0.0), (math.inf, 3.0), (3.0, -(2.0**52)))


def bits(value: float) -> bytes:
    return b"NaN" if math.isnan(value) else struct.pack("<d", value)


def results(jit: str, text: str, arguments: Sequence[tuple[float, float]]) -> list[bytes]:
    with Session(jit=jit) as session:
        session.run(EXTERNS + text)
        return [bits(session["f"](*each)) for each in arguments]


# For a loop down, a limit far below is endless; for the equality, one that is not met.
def chosen(name: str) -> list[tuple[float, float]]:
    if name.startswith("down"):
        return [(low, high) for low, high in intervals() if not low < high - 1000 and abs(low) < 2.0**53 - 20]
    return [each for each in intervals() if not name.startswith(("equality", "a pair")) or abs(each[0]) <= 2.0**51]


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_computes_the_same_whatever_its_interval_is(name: str) -> None:
    arguments = chosen(name)
    assert len(arguments) > 40
    assert results("O3", LOOPS[name], arguments) == results("O0", LOOPS[name], arguments)


def code(text: str, *, assembly: bool = False) -> str:
    with Session(jit="O3") as session:
        session.run(EXTERNS + "extern exp(x) " + text)
        engine, symbol = session.engine, session["f"].unit.symbol
        return engine.assembly(symbol, Tier.OPTIMIZED) if assembly else engine.ir(symbol, Tier.OPTIMIZED)


@pytest.mark.parametrize("name", LOOPS)
def test_these_loops_count_in_integers(name: str) -> None:
    assert "counter." in code(LOOPS[name])


@pytest.mark.parametrize(
    "text",
    [
        "def f(a b) var s in (for i = a, i < b in s = s + i * i) : s",
        "def f(a b) var s in (for i = a, i < b, 0.5 in s = s + i / 3) : s",
        "def f(a b) var s in (for i = a, i < b, a in s = s + i / 3) : s",
        "def f(a b) var s in (for i = a, i < b in s = s + i / 3 : b = b - 1) : s",
        "def f(a b) var s in (for i = a, i < b, -1 in s = s + i / 3) : s",
        "def f(a b) var s in (for i = a, i < b in s = s + i / 3 : i = i * 2) : s",
        "def f(a b) var s in (for i = 0.5, i < b in s = s + i / 3) : s",
        "def f(a b) var s in (for i = 0 - 0.0 * a, i < 1e20 in s = s + i / 3) : s",
        "def f(a b) var s in (for i = a, i < b in s = s + exp(i) / 3) : s",
        "def f(a b) if a * a > b then a else f(a + 1, b)",
    ],
    ids=range(10),
)
def test_these_do_not(text: str) -> None:
    assert "counter." not in code(text)


def test_what_is_independent_in_a_sum_becomes_vectors() -> None:
    text = "def f(a b) var s in (for i = 1, i < b in s = s + sqrt(i) / (1 + i * i)) : s"
    assert " x double> " in code(text)
    assert code(text).count("fadd <") <= code(text).count("@llvm.vector.reduce.fadd") * 2


def test_a_loop_with_known_ends_has_no_other_copy() -> None:
    text = "def f(a) var s = a in (for i = 1, i < 1000 in s = s / i + a) : s"
    assert code(text).count("fdiv double") <= 1 or "fcmp" not in code(text)


def test_a_loop_that_waits_for_branches_is_unrolled_only_as_a_whole() -> None:
    body = "x = (if x < 2 then x * 1.5 else x - 1.25) : s = s + x / i"
    text = f"def f(a b) var x = 1, s in (for i = 1, i < {{}} in {body}) : s"
    assert code(text.format(7000)).count("= fdiv ") == 1
    assert code(text.format(4)).count("= fdiv ") != 1
    with_limit = text.format("b")
    assert code(with_limit).count("= fdiv ") == 2
    assert results("O3", with_limit, [(0.0, 1000.0)]) == results("O0", with_limit, [(0.0, 1000.0)])


def test_a_name_may_have_any_character() -> None:
    with Session(jit="O3") as session:
        session.run(
            "def binary ⊕ 10 (größe b) var sum in (for größe2 = größe, größe2 < b in sum = sum + 1/größe2) : sum"
        )
        assert session.run("1 ⊕ 4") == 1 + 1 / 2 + 1 / 3 + 1 / 4


@pytest.mark.parametrize("text", ["for c = n, c <= a, 7 in 0", "for c = n, a <= c, -7 in 0"])
def test_a_loop_that_only_counts_needs_no_division_of_128_bits(text: str) -> None:
    with Session(jit="sync", threshold=1) as session:
        events: list[Event] = []
        session.subscribe(events.append)
        session.run(f"def f(n a) {text}")
        session.run("for i = 0, i < 3 in f(0, 0 / 0)")
        assert "f.for@1:12" in [event.unit for event in events if event.kind is EventKind.SWAPPED]
        assert [event.message for event in events if event.kind is EventKind.FAILED] == []
