"""Publication, redefinition, removal, calls and the end, in every order in which they can come."""

from __future__ import annotations

import sys
from functools import partial

import pytest

from tests.jit.histories import HISTORIES, HUGE, play
from tests.jit.schedule import Schedule, every_order, random_orders

# As many orders there are, or more: fewer would mean that a point is missed.
ORDERS = {
    "a call against a redefinition of what it calls": 85,
    "a call against a redefinition of itself": 85,
    "two calls against a redefinition": 85,
    "a call against a removal": 162,
    "a call against the end": 237,
    "C's call against the end": 154,
    "two callers": 180,
    "a recompilation by hand against the recompiler": 174,
    "two recompilations by hand": 280,
    "two redefinitions of two functions": 57,
    "two closers": 188,
    "-O3 at once": 105,
    "-O3 at once against the end": 21,
}


@pytest.mark.skipif(sys.platform != "linux", reason="files are counted in /proc")
@pytest.mark.parametrize("name", HISTORIES)
def test_in_every_order(name: str) -> None:
    assert every_order(partial(play, HISTORIES[name])) >= ORDERS[name]


@pytest.mark.skipif(sys.platform != "linux", reason="files are counted in /proc")
@pytest.mark.parametrize("name", HUGE)
def test_in_some_orders(name: str) -> None:
    assert random_orders(partial(play, HUGE[name]), 20, seed=1) == 20


def test_every_order_is_played_once() -> None:
    seen: list[str] = []

    def history(schedule: Schedule) -> None:
        played: list[str] = []

        def steps(name: str) -> None:
            played.append(name)
            schedule.point("between")
            played.append(name)

        for name in "ab":
            schedule.start(name, lambda name=name: steps(name))  # type: ignore[misc]
        schedule.play(lambda: None)
        seen.append("".join(played))

    assert every_order(history) == 6
    assert sorted(seen) == ["aabb", "abab", "abba", "baab", "baba", "bbaa"]


def test_one_who_waits_is_not_let_on_before_he_is_ready() -> None:
    def history(schedule: Schedule) -> None:
        done: list[str] = []

        def wait() -> None:
            schedule.point("waiting", lambda: bool(done))
            assert done == ["worked"]

        schedule.start("waiter", wait)
        schedule.start("worker", lambda: done.append("worked"))
        schedule.play(lambda: None)

    assert every_order(history) == 2


def test_an_order_that_fails_is_told() -> None:
    def history(schedule: Schedule) -> None:
        done: list[str] = []
        schedule.start("first", lambda: done.append("first"))
        schedule.start("second", lambda: done.append("second"))
        schedule.play(lambda: None)
        assert done == ["first", "second"]

    with pytest.raises(AssertionError) as failure:
        every_order(history)
    assert failure.value.__notes__ == ["in this order:\n  second: the start to the end\n  first: the start to the end"]
