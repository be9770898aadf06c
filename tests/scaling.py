"""Time in proportion: how long each item takes in a small and in a large input, in time of the processor.

It is part of ``python -m tests.growth``. The tests count work instead, in `test_scaling.py` and
`jit/program/test_recompiler.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from kaleido import Session

__all__ = ["CASES", "Case", "call_each_once", "definitions"]


def definitions(count: int) -> str:
    """A text of so many definitions."""
    return "".join(f"def f{number}(x) x + {number}\n" for number in range(count))


def call_each_once(count: int) -> str:
    """An expression that calls each of them once. The sum is a balanced tree: a long chain would test the parser."""
    terms = [f"f{number}(1)" for number in range(count)]
    while len(terms) > 1:
        terms = [f"({' + '.join(terms[at : at + 2])})" for at in range(0, len(terms), 2)]
    return terms[0]


def one_long_text(count: int) -> float:
    """Seconds of the processor to run one text of so many definitions."""
    text = definitions(count)
    with Session(jit="O0") as session:
        begin = time.process_time()
        session.run(text)
        return time.process_time() - begin


def hot_at_once(count: int) -> float:
    """Seconds of the processor that the recompiler needs for so many units that become hot in the same moment."""
    with Session(threshold=1) as session:
        session.run(definitions(count))
        session.run(call_each_once(count))
        begin = time.process_time()
        session.engine.wait_until_idle()
        return time.process_time() - begin


class Case(NamedTuple):
    """`seconds(n)` for each of `sizes`. From the first to the last, the time for each item may grow by `factor`."""

    seconds: Callable[[int], float]
    sizes: tuple[int, ...]
    factor: float

    def run(self, report: Callable[[int, float], None]) -> bool:
        """Whether time is in proportion. `report` gets each size, and seconds for each item."""
        each = []
        for size in self.sizes:
            each.append(self.seconds(size) / size)
            report(size, each[-1])
        return each[-1] <= each[0] * self.factor


CASES = {
    "one long text": Case(one_long_text, (1_000, 10_000, 80_000), 1.2),
    "hot at once": Case(hot_at_once, (250, 1_000, 4_000), 1.2),
}
