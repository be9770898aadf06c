"""Threads on one processor: the one that asks is moved away from one that runs, and from none that waits."""

from __future__ import annotations

import os
import threading

import pytest

from kaleido.jit.process import thread_placement
from kaleido.jit.process.thread_placement import move_apart

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not place threads")


@pytest.mark.parametrize(
    ("allowed", "others", "expected"),
    [
        ({0, 1, 2}, [(b"S", 1), (b"R", 1)], [{0, 2}, {0, 1, 2}]),
        ({0, 1, 2}, [(b"S", 1), (b"R", 0)], []),
        ({1}, [(b"R", 1)], []),
    ],
)
def test_a_thread_leaves_the_processor_of_one_that_runs(
    allowed: set[int], others: list[tuple[bytes, int]], expected: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, set_to = threading.get_native_id(), list[set[int]]()
    threads = {own: (b"R", 1), **{own + 1 + number: other for number, other in enumerate(others)}}
    monkeypatch.setattr(thread_placement, "_state_and_processor", lambda thread: threads[int(thread)])
    monkeypatch.setattr(os, "listdir", lambda _: ["0", *map(str, threads)])
    threads[0] = (b"S", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: allowed)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, processors: set_to.append(processors))
    move_apart()
    assert set_to == expected


def test_the_system_tells_where_a_thread_is() -> None:
    # It may be moved while it asks.
    state, processor = thread_placement._state_and_processor(threading.get_native_id())
    assert state == b"R" and processor in range(os.cpu_count() or 1)


def test_all_processors_are_allowed_afterwards() -> None:
    before = os.sched_getaffinity(0)
    move_apart()
    assert os.sched_getaffinity(0) == before
