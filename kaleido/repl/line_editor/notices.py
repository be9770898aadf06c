"""Notices: one line for each thing that the JIT did, to show at the prompt while the user may be typing.

The engine calls listeners on any thread, mostly with its lock held. So listening only queues events; the prompt turns
them into lines when it shows them. Many events may come at once, as from a file of five hundred hot functions: of each
kind only the first few get a line, and one more line counts the rest.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator

from kaleido.codegen.mangling import is_top_level
from kaleido.jit import Event, EventKind, RunCounter
from kaleido.report.event_lines import EventLines
from kaleido.session import Session

__all__ = ["Notices"]

_MORE_OF_A_KIND = {
    EventKind.SWAPPED: "swapped: `:tiers` shows them",
    EventKind.DEOPTIMIZED: "deoptimized: `:tiers` shows them",
    EventKind.DISCARDED: "discarded",
    EventKind.FAILED: "not compiled at -O3",
    EventKind.FREED: "freed",
}

_MAX_LINES, _MAX_FREED_LINES = 6, 2
"""The number of lines of one kind that are shown at once."""


class Notices:
    """Collects the events of a session until :meth:`close`.

    `changed` is called on any thread when there is a new notice.
    """

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._events: deque[Event] = deque()
        self._dropped: set[tuple[str, EventKind]] = set()
        self._lines = EventLines()
        self._unsubscribe = session.subscribe(self._listen)

    def close(self) -> None:
        self._unsubscribe()

    def drop(self, symbol: str, kind: EventKind) -> None:
        """Leave out the events of a kind of a unit in the next lines: they were reported already."""
        self._dropped.add((symbol, kind))

    def take(self) -> list[str]:
        """The lines for all events since the last call."""
        events = []
        while self._events:
            events.append(self._events.popleft())
        dropped, self._dropped = self._dropped, set()
        return list(self._describe(events, dropped))

    def _listen(self, event: Event) -> None:
        if event.counter is RunCounter.NONE:
            return
        if _has_notice(event):
            self._events.append(event)
            self._changed()
        elif event.kind in (EventKind.DEFINED, EventKind.HOT, EventKind.COVERED):
            self._events.append(event)

    def _describe(self, events: Iterable[Event], dropped: Collection[tuple[str, EventKind]] = ()) -> Iterator[str]:
        """A line for each event, in order, up to the maximum for its kind; then the number of the others.

        Those of the `dropped` units and kinds have no line.
        """
        shown: Counter[EventKind] = Counter()
        for event in _merge_freed(events):
            if not _has_notice(event) or (event.symbol, event.kind) in dropped:
                self._lines.observe(event)
                continue
            shown[event.kind] += 1
            line = self._lines.line(event)
            if shown[event.kind] <= _max_lines(event.kind):
                yield line
        for kind, number in shown.items():
            if number > _max_lines(kind):
                yield f"… and {number - _max_lines(kind):,} more {_MORE_OF_A_KIND[kind]}"


def _has_notice(event: Event) -> bool:
    if event.kind in (EventKind.FREED, EventKind.DISCARDED):
        # A loop at top level is removed when its expression ends, and its code with it.
        return not is_top_level(event.symbol)
    return event.kind in (EventKind.SWAPPED, EventKind.DEOPTIMIZED, EventKind.FAILED)


def _max_lines(kind: EventKind) -> int:
    return _MAX_FREED_LINES if kind is EventKind.FREED else _MAX_LINES


def _merge_freed(events: Iterable[Event]) -> list[Event]:
    """Merge the events for the tiers of one version: its code is freed tier by tier."""
    merged: dict[object, Event] = {}
    for event in events:
        key: object = event
        if event.kind is EventKind.FREED:
            key = (event.symbol, event.version, event.kind)
        before = merged.get(key)
        merged[key] = event if before is None else _both(before, event)
    return list(merged.values())


def _both(first: Event, second: Event) -> Event:
    """Two freed codes of one version as one event, without a tier if they have different ones."""
    tier = first.tier if first.tier is second.tier else None
    return second._replace(size=first.size + second.size, tier=tier)
