"""`:watch`: an expression runs until Ctrl-C, and the time of its runs is shown."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from kaleido import Session
from kaleido.jit import Event, EventKind
from kaleido.repl.display.console import Console
from tests.repl.conftest import Run

LOOP = "def sum(n) var t in (for i = 1, i < n in t = t + i * i) : t"
RUNS = 6


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(jit="sync", threshold=10) as session:
        yield session


@pytest.fixture
def watch(run: Run, session: Session) -> Callable[..., str]:
    """Gives entries, the last of which is a `:watch`, and Ctrl-C in the sixth run; returns what that printed."""

    def watch(*entries: str) -> str:
        runs = 0

        def stop(event: Event) -> None:
            nonlocal runs
            runs += event.kind is EventKind.DEFINED and event.unit.startswith("entry-") and ".for" not in event.unit
            if runs == RUNS:
                signal.raise_signal(signal.SIGINT)

        *before, last = entries
        unsubscribes = []
        try:
            return run.last(*before, lambda: unsubscribes.append(session.subscribe(stop)), last)
        finally:
            for unsubscribe in unsubscribes:
                unsubscribe()

    return watch


def test_a_chart_a_summary_and_the_table(watch: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, "dumb", False)
    shown = watch("def f(x) printd(x)", ":watch for i = 1, i < 30 in f(i)")
    assert "0.000000" not in shown
    last = shown.rpartition("\x1b[J")[2]
    heading, *chart, stopped = last.splitlines()
    marks, summary = next(pair for pair in pairwise(chart) if pair[1].startswith("time per run"))
    assert re.fullmatch(r"for i = 1, i < 30 in f\(i\)   \d runs?", heading)
    assert re.fullmatch(r"○●+", marks)
    assert re.fullmatch(r"time per run: ○ -O0 .* → ● -O3 .*, .*", summary)
    assert re.search(r"^f +● -O3 ", last, re.MULTILINE)
    assert re.fullmatch(r"stopped after \d runs", stopped)
    assert "Ctrl-C stops" not in last


def test_where_the_cursor_cannot_move_it_writes_lines(watch: Callable[..., str]) -> None:
    shown = watch("def f(x) x + 1", ":watch f(1)").splitlines()
    assert shown[0] == "f(1)   Ctrl-C stops"
    lines = [re.sub(r": .*s ○", ": # ○", line) for line in shown[1:3]]
    assert lines == ["run 1: # ○ -O0", "runs 2 to 3: # ○ -O0"]
    assert "\x1b" not in "".join(shown)


@pytest.mark.parametrize("name", ["sum.for@1:22", "sum"])
def test_a_unit_means_the_last_call_of_it(watch: Callable[..., str], name: str) -> None:
    shown = watch(LOOP, "def twice(n) sum(n) + sum(n)", "1 + 1; twice(4)", "2 * 2", f":watch {name}")
    assert shown.startswith(f"{name} in twice(4)   Ctrl-C stops\n")


def test_the_tier_is_that_of_the_unit(watch: Callable[..., str]) -> None:
    assert "run 1: " in (of_loop := watch(LOOP, "sum(100)", ":watch sum.for@1:22"))
    assert "○" not in of_loop.partition("\n\n")[0].partition("time per run")[0].partition("sum.for")[0]
    assert re.search(r"^run 1: .* ● -O3$", of_loop, re.MULTILINE)


def test_a_function_without_parameters_needs_no_call(watch: Callable[..., str]) -> None:
    assert watch("def f() 1", ":watch f").startswith("f in f()   Ctrl-C stops\n")


def test_a_unit_that_has_not_run(run: Run) -> None:
    assert "watch a call: `:watch sum(n)`" in run.last(LOOP, ":watch sum.for@1:22")


def test_what_is_no_expression(run: Run) -> None:
    assert "expected a single expression" in run.last(":watch def w(x) x")


def test_an_error_ends_it(run: Run) -> None:
    assert run.last(":watch nothing").startswith("error: unknown variable `nothing`\n")


def test_an_error_in_the_first_run_leaves_no_picture(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, "dumb", False)
    assert run.last("def f(x) x", "f(1)", ":watch nosuch(3)").startswith("error: unknown function `nosuch`\n")
