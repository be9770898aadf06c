"""Benchmarks: the time that an expression takes at -O0 and at -O3.

*Two engines.* The IR of a unit is the same for every tier. So the expression's unit, and all units reachable from it,
are defined in a new engine that has only -O0 and in a new one that has only -O3. The session's engine is not used: it
may be in any mode, and may recompile meanwhile.

*A native loop.* A call from Python takes about 90 µs, many an expression 3 ns. So a unit evaluates the expression in a
loop. That unit has no run counter, so it is the same baseline code in both engines, and calls through a stub. The
optimizer does not see the callee, so it cannot remove a call, merge two, or hoist one out of the loop.

*Samples.* A sample is a number of consecutive evaluations that takes about 20 ms. The tiers take turns, so that a
change of the machine's speed affects both. The result is the median, which a few disturbed samples do not change.

*The cost of the call.* The times include the loop and the call. Their cost is measured, too, with an empty unit, and
shown where it matters. Subtracting it does not work: a processor overlaps the next call with the end of the last one,
so the difference for a short expression could be negative.

*Limits.* Each sample includes one hand-over to the evaluation thread and back, 90 µs or half a percent. The output of
the expression is written for each evaluation: the caller should discard it. ``Session.interrupt`` does not reach these
engines; Ctrl-C does.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial

from kaleido.jit import Engine, RunCounter, Signature, Tier, Unit, quoted
from kaleido.report.measurement import Measurement, Samples

__all__ = ["Disagreement", "Run", "Series", "driver", "measure", "reachable", "sampled"]

Clock = Callable[[], float]
"""Returns seconds since any point in time."""

Run = Callable[[int], float]
"""Evaluates the expression that many times, at least once, and returns the last value."""

# The duration of a sample in seconds; the least number of samples, unless one of each tier takes too long.
_SAMPLE, _LEAST = 0.02, 3

# The largest factor by which calibration lengthens a sample at once; the part of the time for the empty call.
_GROWTH, _CALL_SHARE = 1000, 1 / 20


class Disagreement(RuntimeError):
    """The value of an expression depends on the tier, which is a defect of Kaleido. `values` has one of each tier."""

    def __init__(self, values: Mapping[Tier, float]) -> None:
        listed = ", ".join(f"{value!r} at {tier}" for tier, value in values.items())
        super().__init__(f"the tiers return different values: {listed}")
        self.values = values


# Running


def measure(engine: Engine, root: Unit, *, seconds: float = 1.0, clock: Clock = time.perf_counter) -> Measurement:
    """Time `root`, a unit without parameters that returns a double. Its callees are units of `engine`.

    It takes about `seconds`, a twentieth more for the empty call, and the time to compile. At least three samples of
    each tier are taken, whatever they take; but only one of each if those two together take longer than `seconds`.

    Raises Disagreement if the value depends on the tier; StackOverflow and Interrupted as ``Engine.call`` does;
    UndefinedUnit if an undefined symbol is reachable; and ValueError if another thread changes the call graph
    meanwhile. The two engines are closed in any case.
    """
    units = reachable(engine, root)
    policies = {
        Tier.BASELINE: replace(engine.policy, baseline=True, optimize=False),
        Tier.OPTIMIZED: replace(engine.policy, baseline=False, optimize=True),
    }
    with ExitStack() as stack:
        engines = {tier: stack.enter_context(Engine(policy)) for tier, policy in policies.items()}
        runs = [_loop(each, units) for each in engines.values()]
        [empty] = sampled([_loop(engines[Tier.BASELINE], [_EMPTY])], seconds * _CALL_SHARE, clock)
        series = dict(zip(engines, sampled(runs, seconds, clock), strict=True))
        value = _agreed(series)
    return Measurement({tier: each.samples for tier, each in series.items()}, empty.samples.median, value)


def reachable(engine: Engine, root: Unit) -> list[Unit]:
    """`root` first, then the units of `engine` reachable from it by calls. They include their nested units.

    Undefined symbols are left out.
    """
    found = {root.symbol: root}
    waiting = [root]
    while waiting:
        group = {each.symbol: each for each in waiting.pop().with_nested()}
        for name in dict.fromkeys(name for each in group.values() for name in each.calls):
            if name not in group and name not in found:
                with suppress(KeyError):
                    found[name] = engine.describe(name).unit
                    waiting.append(found[name])
    return list(found.values())


def driver(root: Unit) -> Unit:
    """A unit with one parameter n (an i64): it calls `root` n times, at least once, and returns the last value."""
    symbol, kind = f"{root.symbol}.bench", Signature("double", ("i64",))
    ir = f"""
define {kind.prototype(symbol + ".impl")} nounwind {{
entry:
  br label %again
again:
  %left = phi i64 [ %0, %entry ], [ %less, %again ]
  %value = call tailcc double {quoted(root.symbol)}()
  %less = sub i64 %left, 1
  %more = icmp sgt i64 %less, 0
  br i1 %more, label %again, label %done
done:
  ret double %value
}}
declare {root.signature.prototype(root.symbol)}
"""
    return Unit(symbol, kind, ir, {root.symbol: root.signature}, counter=RunCounter.NONE, name="bench")


_EMPTY = Unit(
    "empty",
    Signature("double", ()),
    'define tailcc double @"empty.impl"() nounwind {\n  ret double 0.0\n}\n',
    counter=RunCounter.NONE,
)


def _loop(engine: Engine, units: Sequence[Unit]) -> Run:
    """Define units, and compile a loop that calls the first of them."""
    root, *others = units
    loop = driver(root)
    # The unit of an expression has no run counter, because it runs once; such a unit is never optimized.
    engine.define(replace(root, counter=RunCounter.CALLS), *others, loop)
    engine.prepare(loop.symbol)
    return partial(engine.call, loop.symbol)


# Sampling


class Series:
    """Takes samples. `values` are the distinct values of the evaluations, by their bits."""

    def __init__(self, run: Run, clock: Clock) -> None:
        self._run, self._clock = run, clock
        self._length, self._evaluations = 1, 0
        self._nanoseconds: list[float] = []
        self.values: dict[bytes, float] = {}

    @property
    def samples(self) -> Samples:
        return Samples(tuple(self._nanoseconds), self._evaluations)

    def calibrate(self) -> float:
        """Find the number of evaluations of a sample. The last attempt is the first sample; return its seconds."""
        while (taken := self._attempt()) < _SAMPLE / 2:
            self._length *= max(2, min(_GROWTH, round(_SAMPLE / taken) if taken > 0 else _GROWTH))
        self._keep(taken)
        self._length = max(1, round(self._length * _SAMPLE / taken))
        return taken

    def take(self) -> None:
        """Take one more sample."""
        self._keep(self._attempt())

    def _attempt(self) -> float:
        begin = self._clock()
        value = self._run(self._length)
        taken = self._clock() - begin
        # LLVM does not specify the bits of a NaN that a computation returns: treat all NaNs as one value.
        value = math.nan if value != value else value
        self.values[struct.pack("d", value)] = value
        return taken

    def _keep(self, taken: float) -> None:
        self._nanoseconds.append(taken * 1e9 / self._length)
        self._evaluations += self._length


def sampled(runs: Sequence[Run], seconds: float, clock: Clock) -> list[Series]:
    """Samples of each of `runs`, taken in turns for about `seconds`. :func:`measure` says how many at least."""
    end = clock() + seconds
    series = [Series(run, clock) for run in runs]
    least = _LEAST if sum([each.calibrate() for each in series]) <= seconds else 1
    taken = 1
    while taken < least or (least > 1 and clock() < end):
        for each in series:
            each.take()
        taken += 1
    return series


def _agreed(series: Mapping[Tier, Series]) -> float | None:
    """The value of all samples; None if a tier's value varies. Raises Disagreement if the tiers differ."""
    if not _steady(series):
        return None
    values = {tier: next(iter(each.values.values())) for tier, each in series.items()}
    if len({bits for each in series.values() for bits in each.values}) == 1:
        return values[Tier.BASELINE]
    # With one sample each, the values may differ because they vary, such as the time of a clock: take another.
    for each in series.values():
        each.take()
    if not _steady(series):
        return None
    raise Disagreement(values)


def _steady(series: Mapping[Tier, Series]) -> bool:
    return all(len(each.values) == 1 for each in series.values())
