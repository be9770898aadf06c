"""What the JIT did, in a line each: for people at the prompt, who may be in the middle of typing.

Events arrive on any thread, mostly with the engine's lock held: listening only queues them. They become lines where
they are shown. Much can happen at once (a file of five hundred hot functions): then a few lines stand for all.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from kaleido.jit import Event, EventKind, RunCounter, Tier
from kaleido.session import Session

__all__ = ["Notices"]

_HAPPENED = {
    EventKind.SWAPPED: "swapped: `:tiers` shows them",
    EventKind.DEOPTIMIZED: "deoptimized: `:tiers` shows them",
    EventKind.FAILED: "not compiled at -O3",
    EventKind.FREED: "freed",
}

_MOST, _MOST_FREED = 6, 2
"""How many lines of a kind are shown at once."""


class Notices:
    """Follows a session until :meth:`close`. `changed` is called, on any thread, when there is something to tell."""

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._news: deque[Event] = deque()
        self._unsubscribe = session.subscribe(self._listen)

    def close(self) -> None:
        self._unsubscribe()

    def take(self) -> list[str]:
        """The lines for what has happened since the last time."""
        events = []
        while self._news:
            events.append(self._news.popleft())
        return list(_lines(events))

    def _listen(self, event: Event) -> None:
        if event.counter is not RunCounter.NONE and _is_news(event):
            self._news.append(event)
            self._changed()


def _is_news(event: Event) -> bool:
    if event.kind is EventKind.FREED:
        # A loop at top level is gone with the expression it stood in, which is no news.
        return not event.unit.startswith("top@")
    return event.kind in (EventKind.SWAPPED, EventKind.DEOPTIMIZED, EventKind.FAILED)


def _lines(events: Iterable[Event]) -> Iterator[str]:
    """Events in words, in order; of a kind that there are many of, the first ones and a number."""
    shown: Counter[EventKind] = Counter()
    for event in _merged(events):
        shown[event.kind] += 1
        if shown[event.kind] <= _most(event.kind):
            yield _line(event)
    for kind, number in shown.items():
        if number > _most(kind):
            yield f"… and {number - _most(kind):,} more {_HAPPENED[kind]}"


def _most(kind: EventKind) -> int:
    return _MOST_FREED if kind is EventKind.FREED else _MOST


def _merged(events: Iterable[Event]) -> list[Event]:
    """A version's code is freed tier by tier; that is one thing to tell."""
    merged: dict[object, Event] = {}
    for event in events:
        key: object = event
        if event.kind is EventKind.FREED:
            key = (event.symbol, event.version, event.kind)
        before = merged.get(key)
        merged[key] = event if before is None else _together(before, event)
    return list(merged.values())


def _together(one: Event, other: Event) -> Event:
    return replace(other, size=one.size + other.size)


def _line(event: Event) -> str:
    match event.kind:
        case EventKind.SWAPPED:
            after = f"after {event.counter.of(event.runs)}" if event.runs else "on request"
            took = f"{event.seconds * 1000:.1f} ms"
            return f"{event.unit} -{Tier.BASELINE} → -{Tier.OPTIMIZED} {after}, {took}"
        case EventKind.DEOPTIMIZED if not event.size:
            return f"{event.unit} is compiled again: {event.message} has changed meanwhile"
        case EventKind.DEOPTIMIZED:
            return f"{event.unit} -{Tier.OPTIMIZED} → -{Tier.BASELINE}: {event.message} has changed"
        case EventKind.FAILED:
            return f"{event.unit} stays at -{Tier.BASELINE}: {event.message}"
        case _:
            return f"{event.unit}: {event.size:,} bytes of version {event.version} freed"
