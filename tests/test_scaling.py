"""Twice the items are twice the work. Work is counted, because time varies: calls of functions, and items read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, overload

import pytest

from kaleido import Session
from kaleido.diagnostics import SemanticError, Source
from kaleido.language.nodes import Item
from kaleido.session.parsed_text import Text
from tests.scaling import definitions


def calls(work: Callable[[], object]) -> int:
    """The number of functions, in Python and in C, that `work` calls on this thread."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


class Items(Sequence[Item]):
    """The items of a text. `read` counts those that were handed out, one by one or in slices."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items, self.read = items, 0

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        found = self._items[index]
        self.read += len(found) if isinstance(found, Sequence) else 1
        return found


TEXTS: dict[str, Callable[[int], str]] = {
    "definitions": definitions,
    "redefinitions": lambda count: "def f(x) x\n" * count,
    "externs": lambda count: "extern sin(x)\n" * count,
    "expressions": lambda count: "1 + 2\n" * count,
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_run_in_calls_in_proportion_to_its_items(name: str) -> None:
    def work(count: int) -> int:
        with Session(jit="O0") as session:
            return calls(lambda: session.run(TEXTS[name](count)))

    work(1)
    small, large = work(100), work(200)
    assert large < 2.2 * small


@pytest.mark.parametrize("last", ["f0(1)", "unknown(1)"])
def test_each_item_of_a_text_is_read_once_and_again_for_errors(last: str) -> None:
    with Session(jit="O0") as session:
        text = session._parsed(Source("<test>", definitions(100) + last))
        items = Items(text.items)
        try:
            for _ in session._pipeline.results(Text(text.source, items, text.forward)):
                pass
        except SemanticError:
            assert last == "unknown(1)"
        assert items.read <= 2 * len(items) + 2
