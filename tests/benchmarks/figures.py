"""A figure and its goal: how many times as long Kaleido takes as something else, and how many times it may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.benchmarks.processes import Clock, Times

__all__ = ["FIGURES", "Figure", "Timed", "figure_table", "markdown", "ratio", "timed"]

FIGURES = "figure, times"
"""The first cell of the table of figures."""

Timed = Callable[[], Times]
"""Does something once, and returns the times of it."""


@dataclass(frozen=True)
class Figure:
    """`result` is a ratio; `goal` is the largest one that is good enough, or None where the figure is only shown.

    `note` says what limits the result, where the goal is missed.
    """

    title: str
    result: float
    goal: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.goal is None or self.result <= self.goal:
            return ""
        return f"✗ {self.note}".rstrip()


def timed(action: Callable[[], object]) -> Timed:
    """Measure `action` in this process."""

    def once() -> Times:
        wall, cpu = time.perf_counter(), time.process_time()
        action()
        return Times(time.perf_counter() - wall, time.process_time() - cpu)

    return once


def ratio(own: Timed, other: Timed, repeat: int, clock: Clock) -> float:
    """The ratio of the minima; the two sides run by turns, after one run of each that does not count."""
    own(), other()
    pairs = [(own().of(clock), other().of(clock)) for _ in range(repeat)]
    return min(each for each, _ in pairs) / min(each for _, each in pairs)


def figure_table(figures: Iterable[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [
        [each.title, "" if each.goal is None else f"{each.goal:.2f}", f"{each.result:.2f}", each.verdict]
        for each in figures
    ]
    return markdown([FIGURES, "goal", "result", ""], rows)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
