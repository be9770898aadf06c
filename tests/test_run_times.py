"""The chart of `:watch`: the time of each run, and the tier it began in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaleido.jit import Tier
from kaleido.report.run_times import RunTimes

BASELINE, OPTIMIZED = Tier


def times(*runs: tuple[float, Tier]) -> RunTimes:
    found = RunTimes()
    for seconds, tier in runs:
        found.add(seconds, tier)
    return found


def test_the_line_falls_at_the_swap() -> None:
    chart = times((8.0, BASELINE), (8.0, BASELINE), (2.0, OPTIMIZED), (1.0, OPTIMIZED)).chart(20, 2)
    assert list(chart) == [
        [(BASELINE, "██"), (OPTIMIZED, "  ")],
        [(BASELINE, "██"), (OPTIMIZED, "▄▂")],
        [(BASELINE, "○○"), (OPTIMIZED, "●●")],
    ]


def test_no_runs_and_runs_that_take_no_time() -> None:
    assert list(RunTimes().chart(20, 1)) == [[], []]
    assert list(times((0.0, BASELINE)).chart(20, 1)) == [[(BASELINE, "▁")], [(BASELINE, "○")]]


@pytest.mark.parametrize(
    ("runs", "summary"),
    [
        ([(0.012, BASELINE)], "○ -O0 12.0 ms"),
        ([(0.012, BASELINE), (0.001, OPTIMIZED)], "○ -O0 12.0 ms → ● -O3 1.00 ms, 12 times as fast"),
        ([(0.1, OPTIMIZED), (0.001, OPTIMIZED), (0.002, OPTIMIZED)], "● -O3 2.00 ms"),
    ],
)
def test_summary(runs: list[tuple[float, Tier]], summary: str) -> None:
    assert times(*runs).summary() == summary


def test_the_later_half_as_a_line() -> None:
    assert RunTimes().latest() == ""
    found = times((0.012, BASELINE))
    assert found.latest() == "run 1: 12.0 ms ○ -O0"
    lines = []
    for _ in range(200):
        found.add(0.012, OPTIMIZED)
        lines.append(found.latest())
    assert [line for line in lines if line][:2] == ["runs 2 to 3: 12.0 ms ● -O3", "runs 4 to 7: 12.0 ms ● -O3"]
    assert [line for line in lines if line][-1] == "runs 64 to 127: 12.0 ms ● -O3"


@given(st.integers(1, 3_000), st.integers(1, 80))
def test_every_run_is_in_one_column(runs: int, most: int) -> None:
    found = RunTimes()
    for number in range(1, runs + 1):
        found.add(float(number), BASELINE)
    columns = found.columns(most)
    assert len(columns) <= most
    assert len(found) == runs
    ends = [0, *(column.last for column in columns)]
    assert [column.first for column in columns] == [end + 1 for end in ends[:-1]]
    assert sum(column.seconds for column in columns) == runs * (runs + 1) / 2
    if most >= 80:
        # The first runs stay apart.
        assert [column.last for column in columns[:4]] == [1, 2, 3, 4][: len(columns)]
