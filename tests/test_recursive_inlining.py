"""Recursive inlining: what the optimized code of recursive units looks like, and that it computes the same."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from kaleido.jit import Engine, Policy, Tier, Unit
from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.ir_text import functions, strongly_connected
from kaleido.jit.compiling.llvm import Target
from kaleido.jit.compiling.recursion import may_recur
from kaleido.session import Session
from tests.jit.helpers import sync
from tests.jit.tiny import unit, units

# The remainder keeps LLVM from making a loop of the last call in a sum of whole numbers.
FIB = "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (% (fib (- n 2)) 1000003))))"
LINEAR = "(define (f n) (if (= n 0) 0 (+ n (f (- n 1)))))"
MUTUAL = """
(define (female n) (if (= n 0) 1 (- n (male (female (- n 1))))))
(define (male n) (if (= n 0) 0 (- n (female (male (- n 1))))))
"""
TAIL = "(define (g n sum) (if (= n 0) sum (g (- n 1) (+ sum n))))"


def calls(engine: Engine, symbol: str) -> list[str]:
    """The names that a unit's optimized machine code calls."""
    return re.findall(r"call\w*\s+(\S+?)(?:@PLT)?$", engine.assembly(symbol, Tier.OPTIMIZED), re.MULTILINE)


def optimized(text: str, **settings: int) -> Engine:
    engine = Engine(Policy(baseline=False, **settings))  # type: ignore[arg-type]
    engine.define(*units(text))
    return engine


@pytest.mark.parametrize(("bodies", "left"), [(2, 2), (3, 4), (6, 4), (7, 8), (8, 8), (15, 16), (100, 16)])
def test_a_function_that_calls_itself_twice_has_up_to_three_levels_of_copies_inlined(bodies: int, left: int) -> None:
    with optimized(FIB, recursion_bodies=bodies, recursion_size=10_000) as engine:
        assert calls(engine, "fib") == ["fib.impl.recursion.0"] * (left + 1)
        assert engine.call("fib", 20) == 6765


def test_the_calls_inside_pop_no_arguments() -> None:
    with optimized(FIB) as engine:
        code = engine.ir("fib", Tier.OPTIMIZED)
        assert "define internal fastcc i64 @fib.impl.recursion.0(" in code
        assert re.findall(r"define .*tailcc .*?@([\w.]+)", code) == ["fib.impl"]


def test_the_function_inside_begins_at_a_cache_line_wherever_its_object_is() -> None:
    with optimized(FIB) as engine:
        assert re.search(r"\.p2align\s+6\n.*\nfib\.impl\.recursion\.0:", engine.assembly("fib", Tier.OPTIMIZED))


def test_the_text_for_the_last_passes_has_the_copies() -> None:
    text = Compiler(Target(Policy()), None).expanded([unit(FIB)])
    expected = {"fib.impl", *(f"fib.impl.recursion.{part}" for part in ("0", "1", "2", "leaf"))}
    assert {name.removeprefix("@") for name in functions(text)} == expected


def test_all_functions_of_a_cycle_are_expanded() -> None:
    with optimized(MUTUAL) as engine:
        assert set(calls(engine, "female")) == {"female.impl.recursion.0", "male.impl.recursion.0"}
        assert [engine.call("female", n) for n in range(9)] == [1, 1, 2, 2, 3, 3, 4, 5, 5]
        assert [engine.call("male", n) for n in range(9)] == [0, 0, 1, 2, 2, 3, 4, 4, 5]


@pytest.mark.parametrize("bodies", [1, 2, 3, 4, 9])
def test_any_number_of_copies_computes_the_same(bodies: int) -> None:
    with optimized(FIB + LINEAR + MUTUAL, recursion_bodies=bodies) as engine:
        assert [engine.call("fib", n) for n in (0, 1, 2, 3, 15)] == [0, 1, 1, 2, 610]
        assert [engine.call("f", n) for n in range(30)] == [n * (n + 1) // 2 for n in range(30)]
        assert [engine.call("female", n) for n in range(7)] == [1, 1, 2, 2, 3, 3, 4]


def test_a_large_function_is_not_copied() -> None:
    with optimized(FIB, recursion_size=1) as engine:
        assert calls(engine, "fib") == ["fib.impl.recursion.0"] * 3


@pytest.mark.parametrize(("text", "recurs"), [(FIB, True), (MUTUAL, True), (TAIL, False), ("(define (h x) x)", False)])
def test_only_calls_outside_of_tail_position_are_recursion(text: str, recurs: bool) -> None:
    assert may_recur(units(text)) is recurs


def test_a_name_may_have_any_character() -> None:
    odd = 'a "b" %c @d call tailcc (e), {f}'
    [fib] = units(FIB)
    ir = fib.ir.replace('@"fib"', '@"fib"').replace("@fib.impl", "@X.impl").replace("@fib", "@X")
    ir = re.sub(r'@"?(fib|X)(\.impl)?"?(?=\()', lambda m: f'@"{_escaped(odd)}{m[2] or ""}"', ir)
    with Engine(Policy(baseline=False)) as engine:
        engine.define(Unit(odd, fib.signature, ir, {odd: fib.signature}))
        assert engine.call(odd, 15) == 610


def _escaped(name: str) -> str:
    return name.replace('"', "\\22")


def test_a_function_that_must_not_be_inlined_is_not() -> None:
    [fib] = units(FIB)
    forbidden = replace(fib, ir=re.sub(r"nounwind", "nounwind noinline", fib.ir, count=1))
    with Engine(Policy(baseline=False)) as engine:
        engine.define(forbidden)
        assert set(calls(engine, "fib")) == {"fib.impl"}
        assert engine.call("fib", 15) == 610


def test_recursion_continues_in_optimized_code() -> None:
    with Engine(sync(3)) as engine:
        engine.define(unit(FIB))
        assert engine.call("fib", 20) == 6765
        assert engine.describe("fib").tier is Tier.OPTIMIZED


KERNELS = {
    "ackermann(2, 9)": "def ackermann(m n) if m == 0 then n + 1 else if n == 0 then ackermann(m - 1, 1) "
    "else ackermann(m - 1, ackermann(m, n - 1))",
    "tak(12, 8, 3)": "def tak(x y z) if y < x then tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y)) else z",
    "series(40)": "def series(n) if n == 0 then 0 else 1 / n + series(n - 1) * 0.75",
    "tree(10)": "def tree(n) var s in (for i = 1, i < 2 in s = s + (if n > 0 then tree(n - 1) / i else 0.2)) : s + 0.1",
    "first(20)": "def first(n) if n < 1 then 0.5 else second(n - 1) * 1.1 + third(n - 2) "
    "def second(n) if n < 1 then 0.25 else third(n - 1) / 3 def third(n) first(n - 1) - 0.1",
    "pair(3000)": "def pair(n) if n == 0 then 1 else other(n - 1) def other(n) if n == 0 then 0 else 1 + pair(n - 1)",
    "many(9, 1, 2, 3, 4, 5, 6, 7, 8, 9)": "def many(n a b c d e f g h i) if n < 1 then a + i * 0.3 "
    "else many(n - 1, b, c, d, e, f, g, h, i, a) * 0.5 + many(n - 2, i, a, b, c, d, e, f, g, h)",
}


@pytest.mark.parametrize("expression", KERNELS)
def test_the_tiers_agree_to_the_bit(expression: str) -> None:
    values = []
    for jit in ("O0", "O3", "sync"):
        with Session(jit=jit, threshold=3) as session:
            session.run(KERNELS[expression])
            values.append(repr(session.run(expression)))
    assert len(set(values)) == 1


def test_cycles_of_a_graph() -> None:
    edges = {"a": "b", "b": "ac", "c": "c", "d": "a", "e": ""}
    assert sorted(map(sorted, strongly_connected(edges))) == [["a", "b"], ["c"]]


def test_the_parts_of_a_function() -> None:
    text = 'define tailcc double @"f (g"(double %"a, b", ptr noalias %1) #0 {\n  ret double %"a, b"\n}\n'
    [function] = functions(text).values()
    assert (function.name, function.prototype()) == ('@"f (g"', ("double", 'double %"a, b", ptr %1'))
    assert function.blocks() == {"": ['  ret double %"a, b"']}
