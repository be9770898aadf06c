"""A program returns the same results under every policy."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kaleido.jit import Engine, Policy, RunCounter, Signature, Tier, Unit
from tests.jit.helpers import in_new_process, settle, sync
from tests.jit.tiny import units

POLICIES = {
    "O0": Policy(optimize=False),
    "O3": Policy(baseline=False),
    "sync1": sync(1),
    "sync3": sync(3),
    "background": Policy(call_threshold=2, iteration_threshold=2),
    "alone": sync(1, max_group_units=1),
    "speculating": sync(1, speculate=True),
    "O3 alone": Policy(baseline=False, max_group_units=1),
}

FACTORIAL = "(define (factorial n) (if (< n 2) 1 (* n (factorial (- n 1)))))"
FIBONACCI = "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))"
GCD = "(define (gcd a b) (if (= b 0) a (gcd b (% a b))))"
# A million tail calls between three functions with one, eleven and three parameters, which are passed in registers.
PING = """
(define (ping n) (if (= n 0) 42 (pong (- n 1) 2 3 4 5 0.5 1.5 2.5 3.5 4.5 5.5)))
(define (pong n b c d e f:double g:double h:double i:double j:double k:double)
  (if (= n 0) (+ b e) (pung (- n 1) k e)))
(define (pung n x:double k) (if (= n 0) k (ping (- n 1))))
"""
# The same with parameters on the stack, more of them in one function than in another.
DEEP_STACK = """
(define (ping n) (if (= n 0) 42 (pong (- n 1) 2 3 4 5 6 7 8 9 10 11 12)))
(define (pong n b c d e f g h i j k l) (if (= n 0) (+ b l) (pung (- n 1) 0.5 l)))
(define (pung n x:double k) (if (= n 0) k (ping (- n 1))))
"""
PARITY = """
(define (even n) (if (= n 0) 1 (odd (- n 1) 7)))
(define (odd n unused) (if (= n 0) 0 (even (- n 1))))
"""
SUM = "(define (sum n) (let s 0 (let i 0 (while (< i n) (set s (+ s i)) (set i (+ i 1))) s)))"
NESTED = """
(define (grid n)
  (let s 0 (let i 0 (let j 0
    (while (< i n)
      (set j 0)
      (while (< j n) (set s (+ s (one j))) (set j (+ j 1)))
      (set i (+ i 1)))
    s))))
(define (one x) 1)
"""
MIXED = """
(define (mixed:double a x:double b y:double c d e f g h i z:double)
  (+ (* x (real (+ a (+ b (+ c (+ d (+ e (+ f (+ g (+ h i)))))))))) (+ y z)))
"""
HALVES = "(define (halves:double n) (if (= n 0) 0.0 (+ 0.5 (halves:double (- n 1)))))"
LIBRARY = "(define (distance a b) (foreign labs (- a b)))"

PROGRAMS: list[tuple[str, str, tuple[float, ...], float]] = [
    (FACTORIAL, "factorial", (10,), 3628800),
    (FIBONACCI, "fib", (15,), 610),
    (GCD, "gcd", (1071, 462), 21),
    (PING, "ping", (10**6,), 7),
    (PARITY, "even", (10**6,), 1),
    (SUM, "sum", (10**4,), 49995000),
    (SUM, "sum", (0,), 0),
    (NESTED, "grid", (40,), 1600),
    (MIXED, "mixed", (1, 0.5, 2, 0.25, 3, 4, 5, 6, 7, 8, 9, 0.125), 22.875),
    (HALVES, "halves", (100,), 50.0),
    (LIBRARY, "distance", (3, 10), 7),
]


@pytest.fixture(params=POLICIES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with Engine(POLICIES[request.param]) as engine:
        yield engine


@pytest.mark.parametrize(("text", "symbol", "arguments", "expected"), PROGRAMS)
def test_a_program_returns_its_result_again_and_again(
    engine: Engine, text: str, symbol: str, arguments: tuple[float, ...], expected: float
) -> None:
    engine.define(*units(text))
    assert [engine.call(symbol, *arguments) for _ in range(4)] == [expected] * 4
    settle(engine)
    assert engine.call(symbol, *arguments) == expected


def tail_call_with_arguments_on_the_stack() -> None:
    for policy in POLICIES.values():
        with Engine(policy) as engine:
            engine.define(*units(DEEP_STACK))
            assert [engine.call("ping", n) for n in (9, 10, 11, 10**6)] == [42, 14, 12, 14]


def test_a_tail_call_may_pass_arguments_on_the_stack() -> None:
    # LLVM 22.1 drops them where the call is `musttail`: llvm-project#199224.
    in_new_process(tail_call_with_arguments_on_the_stack)


def test_a_tail_call_of_code_elsewhere_beside_a_call_whose_value_is_dropped(engine: Engine) -> None:
    # LLVM 22.1 makes a loop of the second, and leaves the first `musttail` in front of a `select`.
    f, g = units("(define (f n a) (if (= n 0) (g n a) (do (f (- n 1) a) 0))) (define (g n a) (+ a n))")
    engine.define(f, replace(g, inline=False))
    assert [engine.call("f", n, a) for n, a in ((0, 5), (5, 5), (0, 7), (1, 7))] == [5, 0, 7, 0]


def test_memory_is_written_in_order_by_functions_without_result(engine: Engine) -> None:
    engine.define(
        *units("""
        (define (put:void p:ptr x) (store p (+ (* 10 (load p)) x)))
        (define (digits:void p:ptr n) (let i 0 (while (< i n) (set i (+ i 1)) (put:void p i))))
        """),
    )
    for _ in range(5):
        number = ctypes.c_int64(0)
        assert engine.call("digits", ctypes.addressof(number), 7) is None
        assert number.value == 1234567


def test_structures_have_the_layout_of_the_target(engine: Engine) -> None:
    ir = """
    define tailcc void @"store.impl"(ptr %pair, i64 %value) nounwind {
      %field = getelementptr {i32, i64}, ptr %pair, i32 0, i32 1
      store i64 %value, ptr %field
      ret void
    }"""
    engine.define(Unit("store", Signature("void", ("ptr", "i64")), ir))
    for _ in range(4):
        pair = (ctypes.c_int64 * 2)()
        engine.call("store", ctypes.addressof(pair), 42)
        assert list(pair) == [0, 42]
        settle(engine)


def test_a_truth_value_is_its_lowest_bit(engine: Engine) -> None:
    ir = 'define tailcc i1 @"odd.impl"(i64 %x) nounwind {\n  %bit = trunc i64 %x to i1\n  ret i1 %bit\n}'
    engine.define(Unit("odd", Signature("i1", ("i64",)), ir))
    assert [engine.call("odd", number) for number in (0, 1, 2, 3)] == [False, True, False, True]


def test_a_symbol_may_contain_any_characters(engine: Engine) -> None:
    name = 'naïve "quoted" \\ + #1 \N{SNOWMAN}'
    escaped = "".join(f"\\{byte:02X}" for byte in name.encode())
    kind = Signature("i64", ("i64",))
    ir = f"""
    define tailcc i64 @"{escaped}.impl"(i64 %n) nounwind {{
      %done = icmp eq i64 %n, 0
      br i1 %done, label %end, label %again
    end:
      ret i64 7
    again:
      %less = sub i64 %n, 1
      %result = musttail call tailcc i64 @"{escaped}"(i64 %less)
      ret i64 %result
    }}
    declare tailcc i64 @"{escaped}"(i64)
    """
    engine.define(Unit(name, kind, ir, {name: kind}))
    assert [engine.call(name, 10) for _ in range(3)] == [7, 7, 7]


def test_units_without_a_counter_stay_at_the_baseline(engine: Engine) -> None:
    engine.define(*units(FACTORIAL, counter=RunCounter.NONE))
    assert [engine.call("factorial", 5) for _ in range(5)] == [120] * 5
    assert engine.describe("factorial").tier is Tier.BASELINE
