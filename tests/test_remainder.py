"""``%`` against C's ``fmod``, to the last bit: random pairs, and those where a quotient could be rounded wrongly."""

from __future__ import annotations

import ctypes
import math
import random
import re
import struct
from array import array
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from kaleido import Session
from kaleido.codegen import remainder
from kaleido.jit import Tier, has_fused_multiply_add

Pair = tuple[float, float]

FUNCTION = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)

SPECIAL = [
    sign * value
    for value in (0.0, 5e-324, 2.0**-1022, 0.1, 1.0, 1.5, 2.0, 3.0, 2.0**52, 2.0**53, 1e300, math.inf, math.nan)
    for sign in (1.0, -1.0)
] + [math.nextafter(2.0**53, 0.0), math.nextafter(1.0, 0.0), math.nextafter(2.0**-1022, 0.0), 1.7976931348623157e308]

MODES = [("O0", None), ("O3", None), ("sync", 1_000), ("tiered", 1_000)]


def random_double(source: random.Random) -> float:
    """Any bits at all: each exponent is as frequent as another one."""
    value: float = struct.unpack("d", source.randbytes(8))[0]
    return value


def near_a_multiple(source: random.Random) -> Iterator[Pair]:
    """Dividends around n * y, where a quotient is rounded to n from below, or is just below or above 2^53."""
    y = math.ldexp(source.random() + 0.5, source.choice([0, 1, 30, -30, 500, -500, -1020, -1060]))
    n = source.choice([source.randrange(1, 1 << source.randrange(1, 54)), 2**53 - source.randrange(1, 9), 2**53 + 2])
    x = n * y
    yield from ((each, y) for each in (x, math.nextafter(x, 0.0), math.nextafter(x, math.inf)))
    yield from ((each, -y) for each in (-x, math.nextafter(-x, 0.0)))


def of_neighbors(source: random.Random) -> Iterator[Pair]:
    """A dividend just below its divisor, of the same or the next exponent, and a few times the divisor."""
    y = abs(random_double(source))
    below = math.nextafter(y, 0.0)
    yield from ((below, y), (y, below), (2.0 * y, below), (math.nextafter(3.0 * y, 0.0), y), (-below, y))


@cache
def pairs() -> list[Pair]:
    source = random.Random(1)
    found = [(x, y) for x in SPECIAL for y in SPECIAL]
    for _ in range(20_000):
        found += near_a_multiple(source)
        found += of_neighbors(source)
        x = random_double(source)
        found += [(x, random_double(source)), (x, x * source.random()), (float(source.randrange(1_000_000)), 7.0)]
    return found


def bits(function: Callable[[float, float], float]) -> bytes:
    """The results for all pairs. All NaNs are equal: no program can tell them apart."""
    return array("d", (math.nan if (r := function(x, y)) != r else r for x, y in pairs())).tobytes()


@cache
def expected() -> bytes:
    return bits(FUNCTION(("fmod", ctypes.CDLL(None))))


def test_there_are_enough_pairs() -> None:
    assert len(pairs()) > 200_000
    quotients = [x / y for x, y in pairs() if y]
    assert sum(2.0**52 < abs(each) < 2.0**53 for each in quotients) > 1_000
    assert sum(each == math.trunc(each) for each in quotients if abs(each) < 2.0**53) > 1_000


def test_c_agrees_with_python() -> None:
    fmod = FUNCTION(("fmod", ctypes.CDLL(None)))
    for x, y in pairs()[:5_000]:
        if y and math.isfinite(x):
            assert fmod(x, y) == math.fmod(x, y) or x != x or y != y


@pytest.mark.parametrize(("jit", "threshold"), MODES, ids=[mode for mode, _ in MODES])
def test_no_bit_differs(jit: str, threshold: int | None) -> None:
    with Session(jit=jit, threshold=threshold) as session:
        session.run("def f(x y) x % y")
        found = bits(FUNCTION(session["f"].address))
    assert found == expected()


@pytest.mark.parametrize("jit", ["O0", "O3"])
@pytest.mark.parametrize("divisor", [1.0, 2.0, 3.0, 1024.0, 0.5, 0.1, 2.0**53, 2.0**1023, 1e300])
def test_no_bit_differs_where_the_divisor_is_a_literal(jit: str, divisor: float) -> None:
    fmod = FUNCTION(("fmod", ctypes.CDLL(None)))
    with Session(jit=jit) as session:
        session.run(f"def f(x) x % {divisor:.0f}" if divisor >= 1 else f"def f(x) x % {divisor}")
        function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(session["f"].address)
        dividends = [x for x, _ in pairs()[::50] if math.isfinite(x)] + SPECIAL
        found = [function(x) for x in dividends]
    for x, result in zip(dividends, found, strict=True):
        assert struct.pack("d", result) == struct.pack("d", fmod(x, divisor)) or (result != result and x - x != 0)


@pytest.mark.skipif(not has_fused_multiply_add(), reason="needs a fused multiply-add")
@pytest.mark.parametrize("tier", list(Tier))
def test_it_is_inline(tier: Tier) -> None:
    with Session() as session:
        session.run("def f(x y) x % y")
        text = session.engine.assembly(session["f"].unit.symbol, tier)
    assert set(re.findall(r"\b(?:callq|bl)\s+(\w+)", text)) == {"fmod"}
    assert re.search(r"\bv?fn?m(?:add|sub)", text)


@pytest.mark.parametrize("jit", ["O0", "O3"])
def test_without_a_fused_multiply_add_it_is_a_call(jit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remainder, "has_fused_multiply_add", lambda: False)
    with Session(jit=jit) as session:
        session.run("def f(x y) x % y")
        assert "llvm.fma" not in session["f"].unit.ir
        assert bits(FUNCTION(session["f"].address)) == expected()
