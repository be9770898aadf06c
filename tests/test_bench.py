"""What an expression costs in either tier: how it is sampled, with a clock of our own; what is run; how it is shown.

What measures for real takes one sample of each tier (``seconds=0``), and looks at everything but the time.
"""

from __future__ import annotations

import ctypes
import math
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from time import perf_counter, process_time

import llvmlite.binding as llvm
import pytest
from wcwidth import wcswidth

from kaleido import Session
from kaleido.bench import Disagreement, Run, driver, expression_runs, measure, reachable, sampled
from kaleido.codegen.mangling import symbol
from kaleido.diagnostics import Source
from kaleido.jit import Engine, Interrupted, Policy, RunCounter, Signature, StackOverflow, Tier, UndefinedUnit, Unit
from kaleido.report.bars import chart
from kaleido.report.measurement import Measurement, Samples
from kaleido.session import MODES
from tests.jit.helpers import Hold, settle

PROGRAM = """
def square(x) x * x
def sum(n) var s in (for i = 1, i < n in s = s + square(i)) : s
def even(n) if n < 1 then 1 else odd(n - 1)
def odd(n) if n < 1 then 0 else even(n - 1)
def binary <> 10 (a b) a < b | a > b
def unary ~ (x) 0 - x
def fib(n) if n < 3 then 1 else fib(n - 1) + fib(n - 2)
def unused(x) fib(x)
"""


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(jit="sync", stack_size=1 << 20) as session:
        session.run(PROGRAM)
        yield session


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    """Those that measuring has made."""
    made: list[Engine] = []

    class Recorded(Engine):
        def __init__(self, policy: Policy) -> None:
            super().__init__(policy)
            made.append(self)

    monkeypatch.setattr(expression_runs, "Engine", Recorded)
    return made


def measured(
    session: Session, text: str, *, seconds: float = 0, clock: Callable[[], float] = perf_counter
) -> Measurement:
    # Closed also where measuring raises: the unit is there until then.
    with closing(units(session, text)) as roots:
        return measure(session.engine, next(roots), seconds=seconds, clock=clock)


def units(session: Session, text: str) -> Generator[Unit, None, None]:
    yield from session.units(Source("<bench>", text))


def are_closed(engines: list[Engine]) -> bool:
    for engine in engines:
        with pytest.raises(RuntimeError, match="closed"):
            engine.stats()
    return len(engines) == 2


class Calls:
    """Two C functions that count their calls, and call `at_call` first: one gives its argument, one the number."""

    def __init__(self) -> None:
        self.number = 0
        self.at_call: Callable[[int], None] = lambda number: None

    def tick(self, x: float) -> float:
        self.number += 1
        self.at_call(self.number)
        return x

    def next(self) -> float:
        return self.tick(self.number + 1)


calls = Calls()

# Programs see them for as long as there is the process.
bench_tick = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(calls.tick)
bench_next = ctypes.CFUNCTYPE(ctypes.c_double)(calls.next)
llvm.add_symbol("bench_tick", ctypes.cast(bench_tick, ctypes.c_void_p).value)
llvm.add_symbol("bench_next", ctypes.cast(bench_next, ctypes.c_void_p).value)


@pytest.fixture(autouse=True)
def _no_calls_yet() -> None:
    calls.number, calls.at_call = 0, lambda number: None


class CallClock:
    """A clock that goes on by `seconds` at each call of the C functions; before the first, when it is looked at."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._looks = seconds, 0

    def __call__(self) -> float:
        self._looks += calls.number == 0
        return self._looks * 0.02 + calls.number * self._seconds


# Sampling


class Machine:
    """Time passes only while something is evaluated. `log` has the name of each sample and its evaluations."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[tuple[str, int]] = []

    def clock(self) -> float:
        return self.now

    def loop(self, name: str, seconds: float, *, first: float = 0.0, value: float = 1.0) -> Run:
        def run(number: int) -> float:
            self.now += number * seconds + (first if name not in dict(self.log) else 0.0)
            self.log.append((name, number))
            return value

        return run

    def taken(self, name: str) -> list[int]:
        return [number for each, number in self.log if each == name]


def test_a_sample_takes_some_milliseconds() -> None:
    machine = Machine()
    [series] = sampled([machine.loop("f", 800e-9, first=0.001)], 1.0, machine.clock)
    assert machine.taken("f")[0] == 1
    assert all(number * 800e-9 == pytest.approx(0.02, rel=0.01) for number in machine.taken("f")[-40:])
    assert series.samples.median == pytest.approx(800)
    # What was too short to be a sample is none.
    assert series.samples.evaluations < sum(machine.taken("f"))
    assert series.samples.evaluations == sum(machine.taken("f")[-len(series.samples.nanoseconds) :])


def test_a_coarse_clock_will_do() -> None:
    machine = Machine()
    [series] = sampled([machine.loop("f", 2e-9)], 1.0, lambda: machine.now // 0.01 * 0.01)
    assert series.samples.median == pytest.approx(2, rel=0.5)


def test_the_loops_take_turns_until_the_time_is_over() -> None:
    machine = Machine()
    slow, fast = sampled([machine.loop("slow", 1e-6), machine.loop("fast", 1e-7)], 1.0, machine.clock)
    order = [name for name, number in machine.log if number > 1000]
    assert order == ["slow", "fast"] * (len(order) // 2)
    assert len(slow.samples.nanoseconds) == len(fast.samples.nanoseconds) == 25
    assert 1.0 <= machine.now < 1.04
    assert slow.samples.median / fast.samples.median == pytest.approx(10)


def test_at_least_three_of_each() -> None:
    machine = Machine()
    sampled([machine.loop("a", 0.5), machine.loop("b", 0.25)], 1.0, machine.clock)
    assert machine.log == [("a", 1), ("b", 1)] * 3


def test_what_takes_very_long_runs_once() -> None:
    machine = Machine()
    series = sampled([machine.loop("a", 4.0), machine.loop("b", 0.5)], 1.0, machine.clock)
    assert machine.log == [("a", 1), ("b", 1)]
    assert [each.samples for each in series] == [Samples((4e9,), 1), Samples((0.5e9,), 1)]


def test_samples_in_numbers() -> None:
    samples = Samples((100.0, 110.0, 90.0, 500.0, 102.0), 50)
    assert (samples.lowest, samples.median, samples.highest) == (90.0, 102.0, 500.0)
    # Half of the samples (and the median itself) are at most 8 away from it.
    assert samples.spread == 8 / 102
    assert Samples((1.0, 3.0), 2).median == 2.0


# What is run


@pytest.mark.parametrize("jit", MODES)
def test_both_tiers_are_measured_whatever_the_session_runs_in(jit: str) -> None:
    with Session(jit=jit, stack_size=1 << 20) as session:
        session.run(PROGRAM)
        # A clock that stands still while a busy machine runs something else.
        found = measured(session, "fib(7)", clock=process_time)
    assert found.value == 13.0
    assert list(found.samples) == list(Tier)
    assert found.call > 0
    assert found.speedup == found.samples[Tier.BASELINE].median / found.samples[Tier.OPTIMIZED].median
    for samples in found.samples.values():
        assert 0 < samples.lowest <= samples.median <= samples.highest
        assert samples.evaluations > 100


@pytest.mark.parametrize(
    "text",
    [
        "2", "sum(10)", "for i = 1, i < 3 in sum(i)", "even(7) + odd(7)", "3 <> 4", "~square(3)", "0/0", "~0 * 1",
        "fmod(17, 5) + pow(2, 0.5)", "var a = 3 in (for i = 1, i < 5 in a = a + sin(i)) : a",
    ],
)  # fmt: skip
def test_the_value_is_the_one_that_running_gives(session: Session, text: str) -> None:
    found, value = measured(session, text), session.run(text)
    assert repr(found.value) == repr(value)


def test_what_an_expression_reaches(session: Session) -> None:
    [found] = [reachable(session.engine, unit) for unit in units(session, "for i = 1, even(i) in sum(i) <> 2")]
    names = [unit.label for unit in found]
    assert names[0].endswith(":1:1")
    assert sorted(names[1:]) == ["binary:", "binary<>", "binary|", "even", "odd", "square", "sum"]
    # Loops are inside.
    assert [part.label for part in found[0].nested_units] == ["bench.for@1:1"]


def test_each_engine_runs_its_tier_alone(session: Session, engines: list[Engine]) -> None:
    tiers: list[dict[str, Tier | None]] = []
    calls.at_call = lambda number: tiers.append({each.name: each.tier for each in engines[number - 1].stats()})
    session.run("extern bench_tick(x)  def f(x) bench_tick(x) + 1")
    measured(session, "f(1)", clock=count().__next__)
    baseline, optimized = tiers
    assert set(baseline.values()) == {Tier.BASELINE}
    assert optimized["bench:1:1"] is Tier.OPTIMIZED
    assert optimized["bench"] is Tier.BASELINE


def test_the_policy_is_the_sessions_but_for_the_tiers(session: Session, engines: list[Engine]) -> None:
    measured(session, "1")
    baseline, optimized = (engine.policy for engine in engines)
    assert baseline == replace(session.engine.policy, optimize=False)
    assert optimized == replace(session.engine.policy, baseline=False)


def test_every_evaluation_is_made(session: Session) -> None:
    session.run("extern bench_tick(x)")
    found = measured(session, "bench_tick(1)", seconds=0.1, clock=CallClock(1e-4))
    # Twice 200 evaluations, after the one that says how long it takes; and all of that three times.
    numbers = {tier: samples.evaluations for tier, samples in found.samples.items()}
    assert numbers == dict.fromkeys(Tier, 600)
    assert calls.number == 2 + sum(numbers.values())


def test_a_pure_expression_is_evaluated_each_time(session: Session) -> None:
    # A counter in the stub sees what the expression, which computes nothing, could not tell.
    with Engine(Policy(call_threshold=1 << 60, background=False)) as engine:
        for root in units(session, "sqrt(2)"):
            others = reachable(session.engine, root)[1:]
            engine.define(replace(root, counter=RunCounter.CALLS), *others, driver(root))
            assert engine.call(driver(root).symbol, 1000) == math.sqrt(2)
            assert {each.name: each.runs for each in engine.stats()}["bench:1:1"] == 1000


def test_the_session_goes_on_unaffected(session: Session) -> None:
    session.run("sum(3)")
    before = session.stats()
    assert measured(session, "sum(10)").value == 506.0 - 121.0
    assert session.stats() == before
    session.run("def square(x) x * x * x")
    assert session.run("sum(3)") == 36.0
    assert measured(session, "sum(3)").value == 36.0


def test_the_sessions_recompiler_may_be_at_work() -> None:
    with Session(threshold=5, stack_size=1 << 20) as session:
        session.run(PROGRAM)
        with Hold(session.engine, symbol("fib")) as hold:
            session.run("fib(10)")
            hold.wait()
            assert measured(session, "fib(10)").value == 55.0
            assert session["fib"].tier is Tier.BASELINE
        settle(session.engine)
        assert session.engine.describe(symbol("fib")).tier is Tier.OPTIMIZED
        assert measured(session, "fib(10)").value == 55.0


# When the tiers do not agree, or do not end

# LLVM's own question: 0 before it has optimized, 1 after.
OPTIMIZED = """
define tailcc double @"optimized.impl"() nounwind {
  %sum = fadd double 1.0, 2.0
  %known = call i1 @llvm.is.constant.f64(double %sum)
  %value = uitofp i1 %known to double
  ret double %value
}
declare i1 @llvm.is.constant.f64(double)
"""


@pytest.mark.parametrize("clock", [perf_counter, count().__next__])
def test_tiers_that_disagree_are_an_error(engines: list[Engine], clock: Callable[[], float]) -> None:
    root = Unit("optimized", Signature("double", ()), OPTIMIZED, counter=RunCounter.NONE)
    with (
        Engine(Policy(optimize=False)) as engine,
        pytest.raises(Disagreement, match=r"different values: 0\.0 at O0, 1\.0 at O3") as caught,
    ):
        measure(engine, root, seconds=0, clock=clock)
    assert caught.value.values == {Tier.BASELINE: 0.0, Tier.OPTIMIZED: 1.0}
    assert are_closed(engines)


def test_zeros_of_either_sign_are_two_values() -> None:
    machine = Machine()
    loops = [machine.loop("a", 1.0, value=value) for value in (0.0, -0.0, math.nan, -math.nan)]
    zero, minus, nan, other = sampled(loops, 0, machine.clock)
    assert zero.values.keys() != minus.values.keys()
    assert nan.values.keys() == other.values.keys()


@pytest.mark.parametrize("clock", [CallClock(0.1), count().__next__])
def test_what_is_another_value_every_time_has_none(session: Session, clock: Callable[[], float]) -> None:
    session.run("extern bench_next()")
    assert measured(session, "bench_next()", seconds=1, clock=clock).value is None


def test_endless_recursion(session: Session, engines: list[Engine]) -> None:
    session.run("def deep(x) deep(x + 1) + 1")
    with pytest.raises(StackOverflow) as caught:
        measured(session, "deep(1)")
    assert caught.value.unit is not None
    assert caught.value.unit.label == "deep"
    assert are_closed(engines)
    assert session.run("fib(7)") == 13.0


@pytest.mark.parametrize("at", [1, 2])
def test_ctrl_c(session: Session, engines: list[Engine], at: int) -> None:
    # The first tier's only evaluation, or the second's: it does not end by itself.
    calls.at_call = lambda number: signal.raise_signal(signal.SIGINT) if number == at else None
    session.run(f"extern bench_next()  def spin(n) for i = 1, n >= {at} in 1  def f() spin(bench_next())")
    with pytest.raises(Interrupted):
        measured(session, "f()", clock=count().__next__)
    assert are_closed(engines)
    assert session.run("fib(7)") == 13.0


def test_what_is_not_defined(session: Session, engines: list[Engine]) -> None:
    [root] = units(session, "fib(7)")
    with Engine(Policy(optimize=False)) as engine, pytest.raises(UndefinedUnit, match=r"calls kal\.fib"):
        measure(engine, root, seconds=0)
    assert are_closed(engines)


# Showing


def shown(baseline: Samples, optimized: Samples, columns: int, call: float = 2.0) -> list[str]:
    text = chart(Measurement({Tier.BASELINE: baseline, Tier.OPTIMIZED: optimized}, call, 1.0), columns)
    assert text.endswith("\n")
    return text.splitlines()


def near(median: float, spread: float = 0.01, number: int = 25) -> Samples:
    """Samples of which half are as near to the median as `spread` says."""
    steps = [-1.0, 1.0, 0.0, *[-1.0, 1.0] * (number // 2 - 1)]
    return Samples(tuple(median * (1 + spread * step) for step in steps[:number]), 1000 * number)


SLOW, FAST = near(812, 0.03), near(151, 0.004)


def test_a_chart_of_40_columns() -> None:
    assert shown(SLOW, FAST, 40) == [
        "○ -O0  █████████████████  812 ns    ±3 %",
        "● -O3  ███▏               151 ns  ±0.4 %",
        "● -O3 is 5.4 times as fast. Medians of",
        "25 samples each; half of them lie within",
        "±. Each time includes the call itself,",
        "about 2.00 ns.",
    ]


def test_a_chart_of_60_columns() -> None:
    assert shown(SLOW, FAST, 60) == [
        "○ -O0  █████████████████████████████████████  812 ns    ±3 %",
        "● -O3  ██████▉                                151 ns  ±0.4 %",
        "● -O3 is 5.4 times as fast. Medians of 25 samples each; half",
        "of them lie within ±. Each time includes the call itself,",
        "about 2.00 ns.",
    ]


@pytest.mark.parametrize(
    ("columns", "slow", "fast", "rest"), [(120, 77, "█" * 14 + "▍", 62), (200, 157, "█" * 29 + "▎", 127)]
)
def test_a_chart_of_more_columns(columns: int, slow: int, fast: str, rest: int) -> None:
    assert shown(SLOW, FAST, columns) == [
        f"○ -O0  {'█' * slow}  812 ns    ±3 %",
        f"● -O3  {fast}{' ' * rest}  151 ns  ±0.4 %   5.4 times as fast",
        "Medians of 25 samples each; half of them lie within ±. Each time includes the call itself, about 2.00 ns.",
    ]
    assert wcswidth(shown(SLOW, FAST, columns)[1]) == columns


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (2.345, "2.35 ns"), (45.67, "45.7 ns"), (999.4, "999 ns"), (999.6, "1.00 µs"), (12_345, "12.3 µs"),
        (9_996, "10.0 µs"), (0.5, "0.50 ns"), (4.5e6, "4.50 ms"), (4.5e9, "4.50 s"), (1.234e12, "1,230 s"),
    ],
)  # fmt: skip
def test_durations_have_three_digits(nanoseconds: float, text: str) -> None:
    line, *_ = shown(near(nanoseconds), near(nanoseconds), 80)
    assert f"█  {text}  ±1 %" in line


@pytest.mark.parametrize(
    ("baseline", "text"),
    [
        (100, "about as fast"), (104, "about as fast"), (97, "about as fast"), (130, "1.3 times as fast"),
        (80, "1.2 times as slow"), (996, "10 times as fast"), (123_456, "1,200 times as fast"),
    ],
)  # fmt: skip
def test_how_fast_in_words(baseline: float, text: str) -> None:
    lines = shown(near(baseline), near(100), 80)
    assert lines[1].endswith(f"   {text}")
    assert f"● -O3 is {text}." in " ".join(shown(near(baseline), near(100), 45))


def test_no_bar_is_empty_and_the_longest_is_full() -> None:
    slow, fast, *_ = shown(near(1e9), near(1), 80)
    assert fast.startswith("● -O3  ▏ ")
    assert slow.endswith("█   1.00 s  ±1 %")
    slow, fast, *_ = shown(near(100), near(200), 80)
    assert slow.startswith(f"○ -O0  {'█' * 19}▌ ")
    assert fast.startswith(f"● -O3  {'█' * 39} ")


def test_a_single_sample_has_no_spread() -> None:
    slow, fast, legend = shown(Samples((4e9,), 1), Samples((1e9,), 1), 80)
    assert slow.endswith("█  4.00 s  once")
    assert fast.endswith("   1.00 s  once   4.0 times as fast")
    assert legend == "One sample each."


def test_the_call_is_told_where_it_matters() -> None:
    assert "the call itself, about 2.00 ns" in shown(near(800), near(199), 120)[-1]
    assert "call" not in shown(near(800), near(201), 120)[-1]


def test_a_chart_is_never_too_wide() -> None:
    for columns in range(40, 301):
        for slow, fast in [(812, 151), (1, 1), (4.5e12, 1), (999.9, 1e9)]:
            lines = shown(near(slow, 0.123), near(fast, 3), columns, call=999)
            assert max(map(wcswidth, lines)) <= columns
            assert min(map(wcswidth, lines)) >= 0
