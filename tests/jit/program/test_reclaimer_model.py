"""The class Reclaimer alone, over every short history of entering, leaving, retiring and collecting."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kaleido.jit.program.reclaim import Reclaimer

LENGTH = 7
ACTIONS = ("arrive", "enter", "leave first", "leave last", "retire", "collect")


class World:
    """A runtime with two counters, entries that are not counted yet, and the entries that hold each retired item."""

    def __init__(self) -> None:
        self.runtime = SimpleNamespace(inside=[0, 0], side=SimpleNamespace(value=0))
        self.reclaimer = Reclaimer(cast(Any, self.runtime))
        self.arrived: list[int] = []
        self.inside: list[tuple[int, int]] = []
        self.entries = 0
        self.holders: list[set[int]] = []
        self.freed: list[int] = []

    def do(self, action: str) -> None:
        getattr(self, "_" + action.replace(" ", "_"))()

    def _arrive(self) -> None:
        """An entry has read which side is current. It is counted later."""
        self.arrived.append(self.runtime.side.value)

    def _enter(self) -> None:
        side = self.arrived.pop(0)
        self.runtime.inside[side] += 1
        self.inside.append((self.entries, side))
        self.entries += 1

    def _leave_first(self) -> None:
        self.runtime.inside[self.inside.pop(0)[1]] -= 1

    def _leave_last(self) -> None:
        self.runtime.inside[self.inside.pop()[1]] -= 1

    def _retire(self) -> None:
        self.holders.append({entry for entry, _ in self.inside})
        self.reclaimer.retire(partial(self._free, len(self.holders) - 1))

    def _collect(self) -> None:
        self.reclaimer.collect()

    def _free(self, item: int) -> None:
        assert not self.holders[item] & {entry for entry, _ in self.inside}, (
            "an entry that began before is still inside"
        )
        assert item not in self.freed
        self.freed.append(item)


def histories(length: int) -> Iterator[tuple[str, ...]]:
    """All sequences of actions that can happen, with at most two entries and two items at a time."""

    def extend(history: tuple[str, ...], arrived: int, inside: int, retired: int) -> Iterator[tuple[str, ...]]:
        if len(history) == length:
            yield history
            return
        if arrived + inside < 2:
            yield from extend((*history, "arrive"), arrived + 1, inside, retired)
        if arrived:
            yield from extend((*history, "enter"), arrived - 1, inside + 1, retired)
        if inside:
            yield from extend((*history, "leave first"), arrived, inside - 1, retired)
        if inside > 1:
            yield from extend((*history, "leave last"), arrived, inside - 1, retired)
        if retired < 2:
            yield from extend((*history, "retire"), arrived, inside, retired + 1)
        if history[-1:] != ("collect",) or inside:
            yield from extend((*history, "collect"), arrived, inside, retired)

    return extend((), 0, 0, 0)


def test_items_are_freed_after_the_entries_that_hold_them_and_all_in_the_end() -> None:
    seen = 0
    for history in histories(LENGTH):
        world = World()
        for action in history:
            world.do(action)
        while world.inside:
            world.do("leave first")
        world.do("collect")
        assert sorted(world.freed) == list(range(len(world.holders))), history
        seen += 1
    assert seen > 1000


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_in_some_history(action: str) -> None:
    assert any(action in history for history in histories(LENGTH))


def test_an_entry_after_the_retirement_holds_nothing_back_for_ever() -> None:
    world = World()
    for action in ("retire", "arrive", "enter", "collect", "collect"):
        world.do(action)
    # The counters do not tell that the entry came after the retirement; the item is freed when it has left.
    world.do("leave first")
    world.do("collect")
    assert world.freed == [0]


def test_items_are_freed_although_some_entry_is_always_inside() -> None:
    world = World()
    for action in ("arrive", "enter", "retire"):
        world.do(action)
    for _ in range(4):
        for action in ("arrive", "enter", "leave first", "collect"):
            world.do(action)
    assert world.inside
    assert world.freed == [0]


def test_collecting_with_nothing_retired_does_not_change_the_side() -> None:
    world = World()
    world.do("collect")
    assert world.runtime.side.value == 0


def test_an_item_that_cannot_be_freed_holds_nothing_else_back() -> None:
    freed: list[str] = []

    def fail() -> None:
        raise OSError("not this one")

    reclaimer = World().reclaimer
    for free in (partial(freed.append, "before"), fail, partial(freed.append, "after")):
        reclaimer.retire(free)
    with pytest.raises(OSError, match="not this one"):
        reclaimer.collect()
    assert freed == ["before", "after"]
    reclaimer.collect()
    assert freed == ["before", "after"]
