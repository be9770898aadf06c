"""What happened in a session since the REPL started: the list of `:events`, and the traces of `:trace`.

The engine calls listeners on any thread, mostly with its lock held. So listening only keeps the events.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, TextIO

from kaleido.codegen.mangling import is_top_level
from kaleido.jit import Event, EventKind, RunCounter, Tier
from kaleido.report.event_lines import EventLines
from kaleido.report.trace import Trace
from kaleido.session import Session

__all__ = ["EventLog", "Tracing"]

_MAX_EVENTS = 20_000
"""The number of events that are kept, the latest ones."""

# The same with all events of expressions, for reports: they refer to units with their IR.
_MAX_LATEST = 5_000


# Events that always come with one that has a line: a unit that is hot, and a compilation.
_STEPS = frozenset({EventKind.LOADED, EventKind.REQUESTED, EventKind.STARTED})


class EventLog:
    """Keeps the events of a session until :meth:`close`."""

    def __init__(self, session: Session) -> None:
        self._session, self._begin = session, time.perf_counter()
        self._events: deque[Event] = deque(maxlen=_MAX_EVENTS)
        self._latest: deque[Event] = deque(maxlen=_MAX_LATEST)
        self._unsubscribe = session.subscribe(self._listen)

    def close(self) -> None:
        self._unsubscribe()

    @property
    def names(self) -> set[str]:
        """The names of all units that something happened to."""
        return {event.unit for event in self._events.copy()}

    def has_ended(self, name: str) -> bool:
        """Whether something happened to a loop at top level of this name: its code is freed by now."""
        return any(event.unit == name and is_top_level(event.symbol) for event in self._events.copy())

    def lines(self, name: str | None = None) -> Iterator[str]:
        """A line for each event, with the seconds since the start; of one function and its loops, or of all units."""
        events, describe = list(self._events.copy()), EventLines()
        told = _told_with_a_swap(events)
        for index, event in enumerate(events):
            if index in told:
                describe.observe(event)
                continue
            line = describe.line(event)
            if name is None or event.unit == name or event.unit.startswith(f"{name}.for@"):
                yield f"{event.time - self._begin:10.3f} s  {line}"

    @property
    def latest(self) -> list[Event]:
        """The latest events, those of expressions included, for a report."""
        return list(self._latest.copy())

    def _listen(self, event: Event) -> None:
        self._latest.append(event)
        # Expressions at top level are defined, compiled and freed all the time.
        if event.kind not in _STEPS and (event.counter is not RunCounter.NONE or event.kind is EventKind.FAULTED):
            self._events.append(event)


def _told_with_a_swap(events: Iterable[Event]) -> set[int]:
    """The indices of the events that the line of a later swap tells: that the unit was hot, and compiled at -O3."""
    found: set[int] = set()
    swapped: set[str] = set()
    for index, event in reversed(list(enumerate(events))):
        is_step = event.kind is EventKind.HOT or (event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED)
        if is_step and event.symbol in swapped:
            found.add(index)
        if event.kind is EventKind.SWAPPED:
            swapped.add(event.symbol)
        elif event.kind in (EventKind.HOT, EventKind.DEFINED):
            swapped.discard(event.symbol)
    return found


class Tracing:
    """The trace of a session that is being recorded, if there is one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._written: set[Path] = set()
        self._running: tuple[Path, TextIO, Trace, Callable[[], None]] | None = None

    @property
    def path(self) -> Path | None:
        """The file that the running trace will be in."""
        return self._running[0] if self._running is not None else None

    def start(self, path: Path) -> None:
        """Begin a trace. Raises OSError; FileExistsError for a file that is not an earlier trace of this session."""
        mode: Literal["w", "x"] = "w" if path.resolve() in self._written else "x"
        file = open(path, mode, encoding="utf-8")
        trace = Trace()
        self._running = (path, file, trace, self._session.subscribe(trace))
        self._written.add(path.resolve())

    def stop(self) -> int:
        """End the trace that is running, and write it; returns its number of entries. Raises OSError."""
        assert self._running is not None
        (_, file, trace, unsubscribe), self._running = self._running, None
        unsubscribe()
        return trace.save(file)
