"""Kernels against peers: the ratio of Kaleido's time to that of the better of gcc and clang."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.figures import Figure, markdown
from tests.benchmarks.kernels import Kernel
from tests.benchmarks.peers import NATIVE, Outcome, Peer
from tests.benchmarks.processes import Clock, Times

__all__ = ["OVER_KERNELS", "Disagreement", "Result", "geometric_mean", "measured", "summary", "table"]

OVER_KERNELS = ("evaluation / C", "whole process / C")
"""How the titles of the figures over kernels begin."""


class Disagreement(RuntimeError):
    """Two contestants computed different values."""


@dataclass
class Result:
    """The times of each run of one kernel, by contestant."""

    kernel: Kernel
    times: dict[str, list[Times]] = field(default_factory=dict)

    def least(self, name: str, clock: Clock) -> float | None:
        """Seconds of the fastest run; None if the contestant has not run it."""
        return min((each.of(clock) for each in self.times.get(name, [])), default=None)

    def native(self, clock: Clock) -> float | None:
        """Seconds of the better of gcc and clang; None without either."""
        return min((each for name in NATIVE if (each := self.least(name, clock)) is not None), default=None)

    def ratio(self, name: str, clock: Clock) -> float | None:
        """The contestant's time, relative to the better of gcc and clang."""
        own, native = self.least(name, clock), self.native(clock)
        return own / native if own is not None and native else None


def measured(kernel: Kernel, peers: Sequence[Peer], repeat: int) -> Result:
    """Run a kernel with each of `peers`, by turns. Raises Disagreement if they compute different values."""
    result = Result(kernel)
    runs = {peer.name: once for peer in peers if (once := peer.prepare(kernel)) is not None}
    values: dict[float, str] = {}
    for _ in range(repeat):
        for name, once in runs.items():
            _keep(result, values, name, once)
    return result


def _keep(result: Result, values: dict[float, str], name: str, once: Callable[[], Outcome]) -> None:
    outcome = once()
    values.setdefault(outcome.value, name)
    if len(values) > 1:
        both = " and ".join(f"{value!r} ({each})" for value, each in values.items())
        raise Disagreement(f"{result.kernel.name}: different values, {both}")
    result.times.setdefault(name, []).append(outcome.times)


def geometric_mean(numbers: Iterable[float]) -> float:
    logarithms = [math.log(number) for number in numbers]
    return math.exp(sum(logarithms) / len(logarithms))


def table(results: Sequence[Result], peers: Sequence[str], clock: Clock, *, means: bool = True) -> str:
    """Ratios by kernel and contestant as a Markdown table, and, with `means`, their geometric means."""
    rows = [
        [result.kernel.title, _number(result.native(clock)), *(_number(result.ratio(name, clock)) for name in peers)]
        for result in results
    ]
    for title, chosen in _groups(results).items() if means else ():
        rows.append([title, "", *(_mean(chosen, name, clock) for name in peers)])
    head = ["kernel", "native, s", *peers]
    return markdown(head, rows)


def summary(results: Sequence[Result], clock: Clock) -> Iterator[Figure]:
    """The figures that have goals: means, and the worst kernel. Nothing where neither gcc nor clang has run."""
    for note, chosen in _groups(results).items():
        goal = 0.60 if chosen is results else 0.80
        yield from _mean_figure(f"{OVER_KERNELS[0]}, {note}", chosen, "kaleido", clock, goal)
    long = [result for result in results if (result.native(clock) or 0) >= 1]
    yield from _mean_figure(f"{OVER_KERNELS[1]}, kernels of 1 s and more", long, "kaleido process", clock, 0.85)
    worst = max(results, key=lambda result: result.ratio("kaleido", clock) or 0, default=None)
    if worst and (ratio := worst.ratio("kaleido", clock)):
        title = f"{OVER_KERNELS[0]}, the worst kernel: {worst.kernel.title}"
        yield Figure(title, ratio, 1.05, "LIMITS.md says what each waits for")


def _mean_figure(title: str, results: Sequence[Result], name: str, clock: Clock, goal: float) -> Iterator[Figure]:
    ratios = [each for result in results if (each := result.ratio(name, clock)) is not None]
    if ratios:
        yield Figure(title, geometric_mean(ratios), goal)


def _groups(results: Sequence[Result]) -> Mapping[str, Sequence[Result]]:
    plain = [result for result in results if not result.kernel.remainder]
    groups = {"geometric mean": results}
    return {**groups, "… without `%`": plain} if 0 < len(plain) < len(results) else groups


def _mean(results: Sequence[Result], name: str, clock: Clock) -> str:
    ratios = [each for result in results if (each := result.ratio(name, clock)) is not None]
    # A mean over some of the kernels would be compared with one over all.
    return _number(geometric_mean(ratios)) if ratios and len(ratios) == len(results) else ""


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:.2f}"
