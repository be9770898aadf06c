"""The scheduler that the interleaving tests use, tested alone."""

from __future__ import annotations

import pytest

from tests.jit.schedule import Schedule, every_order


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


def test_a_waiting_actor_does_not_continue_before_it_is_ready() -> None:
    def history(schedule: Schedule) -> None:
        done: list[str] = []

        def wait() -> None:
            schedule.point("waiting", lambda: bool(done))
            assert done == ["worked"]

        schedule.start("waiter", wait)
        schedule.start("worker", lambda: done.append("worked"))
        schedule.play(lambda: None)

    assert every_order(history) == 2


def test_an_error_carries_the_order_in_which_it_occurred() -> None:
    def history(schedule: Schedule) -> None:
        done: list[str] = []
        schedule.start("first", lambda: done.append("first"))
        schedule.start("second", lambda: done.append("second"))
        schedule.play(lambda: None)
        assert done == ["first", "second"]

    with pytest.raises(AssertionError) as failure:
        every_order(history)
    assert failure.value.__notes__ == ["in this order:\n  second: the start to the end\n  first: the start to the end"]
