"""Loaded and freed machine code: from the events of an engine, and from what is there already."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kaleido.jit.engine import Engine
from kaleido.jit.events import Event, EventKind

__all__ = ["Code", "follow"]


class Code(NamedTuple):
    """Machine code in memory: its name, such as ``fib [O3]``, its address, its size in bytes, and its `Event.lines`."""

    name: str
    address: int
    size: int
    lines: tuple[tuple[int, str, int], ...] = ()


def follow(
    engine: Engine, loaded: Callable[[Code], None], freed: Callable[[int], None], *, lines: bool = False
) -> Callable[[], None]:
    """Call `loaded` for the code that an engine has and for all that it loads, and `freed` with addresses.

    They are called as listeners are: see ``Engine.subscribe``. Returns the function that ends that. Code that is there
    already has no `lines`.
    """

    def listen(event: Event) -> None:
        if event.kind is EventKind.LOADED:
            loaded(Code(f"{event.unit} [{event.tier}]", event.address, event.size, event.lines))
        elif event.kind is EventKind.FREED:
            freed(event.address)

    for unit in engine.stats():
        if unit.tier is not None and unit.address is not None:
            loaded(Code(f"{unit.name} [{unit.tier}]", unit.address, unit.code_bytes[unit.tier]))
    return engine.subscribe(listen, lines=lines)
