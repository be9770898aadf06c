"""What an expression costs in either tier: it is run in two engines of its own, and shown as bars.

The IR of a unit is the same for every tier. So the expression's unit, and all that it can reach, is given to a fresh
engine that only has -O0 and to one that only has -O3. The session's own engine is not touched: it may recompile
meanwhile, or run in any mode.

The loop around the expression is native: a call from Python takes some 90 µs, many an expression 3 ns. It is a
unit that counts NOTHING: so it is the same baseline code in both engines, and calls through the stub. No optimizer
sees it, and what the stub leads to nobody knows when it is compiled: no call can be dropped, merged or moved out.

A sample is as many evaluations as take about 20 ms, one after the other. The tiers take turns, so that a machine that
gets warmer or busier does so for both. What is reported is the median, which a few disturbed samples do not move.

The times are gross. What the loop and the call cost is measured as well, with a unit that does nothing, and told where
it matters. It is not subtracted: processors do the next call beside the end of the last one, so that of a short
expression less than nothing could be left.

Limits: handing a sample to the engine's thread and back takes those 90 µs, at most a percent of it, and is in it.
What the program prints goes where it always goes, many thousand times: whoever measures should discard it.
``Session.interrupt`` does not know these engines; Ctrl-C stops them.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial

from kaleido.jit import Engine, RunCounter, Signature, Tier, Unit, quoted

__all__ = ["Disagreement", "Measurement", "Samples", "Series", "driver", "measure", "reachable", "sampled"]

Clock = Callable[[], float]
"""Gives seconds, from whenever."""

Run = Callable[[int], float]
"""Evaluates so many times, at least once, and gives the last value."""

# Seconds that a sample should take; how many samples there are of what can be run more than once in the time given.
_SAMPLE, _LEAST = 0.02, 3

# By how much a sample may grow at once while its size is sought; the part of the time that the empty call gets.
_GROWTH, _CALL_SHARE = 1000, 1 / 20


class Disagreement(RuntimeError):
    """An expression whose value depends on the tier: a defect of Kaleido's. `values` has one value of each."""

    def __init__(self, values: Mapping[Tier, float]) -> None:
        told = ", ".join(f"{value!r} at {tier}" for tier, value in values.items())
        super().__init__(f"the tiers give different values: {told}")
        self.values = values


@dataclass(frozen=True)
class Samples:
    """Nanoseconds per evaluation, of each sample; `evaluations` is how many there were in all of them together."""

    nanoseconds: tuple[float, ...]
    evaluations: int

    @property
    def median(self) -> float:
        return _median(self.nanoseconds)

    @property
    def lowest(self) -> float:
        return min(self.nanoseconds)

    @property
    def highest(self) -> float:
        return max(self.nanoseconds)

    @property
    def spread(self) -> float:
        """How near half of the samples are to the median, as a part of it: the median absolute deviation."""
        middle = self.median
        return _median([abs(each - middle) for each in self.nanoseconds]) / middle


@dataclass(frozen=True)
class Measurement:
    """What :func:`measure` found.

    `samples`  of each tier, as many of the one as of the other, gross
    `call`     nanoseconds of a call of a unit that does nothing, which each evaluation includes
    `value`    the expression's; None where it is another every time, which only C functions can bring about
    """

    samples: Mapping[Tier, Samples]
    call: float
    value: float | None

    @property
    def speedup(self) -> float:
        """How many times as fast -O3 is."""
        return self.samples[Tier.BASELINE].median / self.samples[Tier.OPTIMIZED].median


def _median(numbers: Sequence[float]) -> float:
    # Python's own module for that takes longer to import than the rest of this.
    ordered, half = sorted(numbers), len(numbers) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


# Running


def measure(engine: Engine, root: Unit, *, seconds: float = 1.0, clock: Clock = time.perf_counter) -> Measurement:
    """Time `root`, a unit without parameters and with a double as its result, whose callees `engine` knows.

    Takes about `seconds`, a twentieth more for the empty call, and what compiling takes. At least three samples are
    taken of each tier, however long they are; but only one, where even that takes both together longer than `seconds`.

    Raises Disagreement where the value depends on the tier; StackOverflow and Interrupted as ``Engine.call`` does;
    UndefinedUnit where an evaluation could come to a symbol that is not defined; and ValueError where another thread
    changes what calls what meanwhile. The two engines are closed in any case.
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
    """`root` first, and the units of `engine` that it can reach by calls; parts are inside of those they belong to.

    What is not defined is left out.
    """
    found = {root.symbol: root}
    waiting = [root]
    while waiting:
        whole = {each.symbol: each for each in waiting.pop().with_nested()}
        for name in dict.fromkeys(name for each in whole.values() for name in each.calls):
            if name not in whole and name not in found:
                with suppress(KeyError):
                    found[name] = engine.describe(name).unit
                    waiting.append(found[name])
    return list(found.values())


def driver(root: Unit) -> Unit:
    """A unit that takes a number (an i64), calls `root` so many times, at least once, and returns its last value."""
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
    """Define units, and compile what calls the first of them over and over."""
    root, *others = units
    loop = driver(root)
    # An expression at top level counts NOTHING, as it runs once; and what does is never optimized.
    engine.define(replace(root, counter=RunCounter.CALLS), *others, loop)
    engine.prepare(loop.symbol)
    return partial(engine.call, loop.symbol)


# Sampling


class Series:
    """Samples while they are taken. `values` are what they came to, as bits."""

    def __init__(self, run: Run, clock: Clock) -> None:
        self._run, self._clock = run, clock
        self._length, self._evaluations = 1, 0
        self._nanoseconds: list[float] = []
        self.values: dict[bytes, float] = {}

    @property
    def samples(self) -> Samples:
        return Samples(tuple(self._nanoseconds), self._evaluations)

    def calibrate(self) -> float:
        """Find out how many evaluations make a sample. The last attempt is the first sample; returns its seconds."""
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
        # Which NaN a computation gives is left open by LLVM: here there is one.
        value = math.nan if value != value else value
        self.values[struct.pack("d", value)] = value
        return taken

    def _keep(self, taken: float) -> None:
        self._nanoseconds.append(taken * 1e9 / self._length)
        self._evaluations += self._length


def sampled(runs: Sequence[Run], seconds: float, clock: Clock) -> list[Series]:
    """Samples of each of `runs`, taken in turns until `seconds` are over; how many at least, :func:`measure` says."""
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
    """The one value of all samples. None where a tier does not agree with itself. Raises Disagreement."""
    if not _steady(series):
        return None
    values = {tier: next(iter(each.values.values())) for tier, each in series.items()}
    if len({bits for each in series.values() for bits in each.values}) == 1:
        return values[Tier.BASELINE]
    # They may have been run once each, and be a clock's time.
    for each in series.values():
        each.take()
    if not _steady(series):
        return None
    raise Disagreement(values)


def _steady(series: Mapping[Tier, Series]) -> bool:
    return all(len(each.values) == 1 for each in series.values())
