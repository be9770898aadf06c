"""The recorder: listens to an engine, and makes its history as data.

The engine calls listeners with its lock held, so the listener only keeps the event, with the record of the stub that
the event has changed. A thread, and whoever asks for data, does the rest.

Locks are taken in this order: the recorder's, the engine's. So the listener, which has the engine's, takes none.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from kaleido.jit import Engine, Event, EventKind, Policy, StubRecord
from kaleido.recording.additions import Additions
from kaleido.recording.bounded import Capped
from kaleido.recording.counters import Counters
from kaleido.recording.event_data import event_data
from kaleido.recording.jumps import NO_JUMPS, example, jumps
from kaleido.recording.producer import producer
from kaleido.recording.sentences import Sentences
from kaleido.recording.sources import Sources
from kaleido.recording.ticker import Ticker
from kaleido.recording.unit_history import Describe, History, describe

__all__ = ["FORMAT", "VERSION", "Recorder"]

FORMAT, VERSION = "kaleido-recording", 1

_MOST_EVENTS = 20_000

Json = dict[str, Any]

# Events at which the record of the unit's stub has just changed.
_CHANGES = frozenset(
    {EventKind.LOADED, EventKind.HOT, EventKind.SWAPPED, EventKind.COVERED, EventKind.DEOPTIMIZED, EventKind.DEFINED}
)


class Recorder:
    """Records an engine from its construction to :meth:`close`. Thread-safe.

    `name`      of the program, for people
    `describe`  says of what kind and origin a unit is
    `past`      events of the engine up to now, if they were kept
    `live`      whether to look at counters between the events, too; a recorder without it has no thread
    """

    def __init__(
        self,
        engine: Engine,
        *,
        name: str = "",
        describe: Describe = describe,
        past: Iterable[Event] = (),
        live: bool = True,
    ) -> None:
        self._engine, self._name = engine, name
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Event, list[StubRecord]]] = deque((event, []) for event in past)
        self._origin = min((event.time for event, _ in self._waiting), default=time.perf_counter())
        self._ended: float | None = None
        self._history = History(self._origin, describe, engine.stats())
        self._sentences = Sentences(self._history.name_of)
        self._events: Capped[Json] = Capped(_MOST_EVENTS)
        self._additions: Additions | None = None
        self._counters = Counters(self._history.milliseconds, self._added)
        self._unsubscribe = engine.subscribe(self._listen)
        self._ticker = Ticker(self._tick) if live else None

    def close(self) -> None:
        """End the recording. The engine must still be open."""
        if self._ticker is not None:
            self._ticker.close()
        with self._lock:
            if self._ended is None:
                self._look()
                self._unsubscribe()
                self._ended = time.perf_counter()
                self._take()

    def snapshot(self) -> Json:
        """All that was recorded so far."""
        with self._lock:
            self._take()
            return self._all(Sources())

    def changes(self) -> Json:
        """What was added since the last call: a message of the live form. The first is a snapshot, which has a format.

        So is a later one, if there were too many changes since the last call.
        """
        with self._lock:
            self._take()
            added = self._additions
            if added is None or added.is_full:
                self._additions = Additions()
                return self._all(self._additions.sources)
            return self._now() | added.take(self._history.units)

    # Listening

    def _listen(self, event: Event) -> None:
        has_changed = event.kind in _CHANGES and (event.kind is not EventKind.DEFINED or event.version > 1)
        self._waiting.append((event, self._engine.stubs(event.symbol) if has_changed else []))

    def _tick(self) -> None:
        with self._lock:
            self._look()

    def _look(self) -> None:
        records = self._engine.stubs()
        # What happened before they were read.
        self._take()
        self._counters.look(records)

    def _take(self) -> None:
        """Take into account what the listener has kept."""
        while self._waiting:
            event, records = self._waiting.popleft()
            self._history.add(event)
            self._counters.look(records)
            sentence = self._sentences.sentence(event)
            # The code of the unit says that it was loaded.
            if event.kind is not EventKind.LOADED:
                data = event_data(event, sentence, self._history.milliseconds)
                self._events.append(data)
                self._added("events", event.symbol, data)
            self._added("units", event.symbol, None)
        for symbol in self._history.drop_ended():
            self._counters.forget(symbol)
            self._sentences.forget(symbol)

    def _added(self, what: str, symbol: str, item: Any) -> None:
        if self._additions is not None:
            self._additions.add(what, symbol, item)

    # Data

    def _all(self, sources: Sources) -> Json:
        units = [unit.as_json(sources) for unit in self._history.units.values()]
        return {
            "format": FORMAT,
            "version": VERSION,
            "producer": producer(),
            **self._now(),
            "sources": sources.as_json(),
            "units": units,
            "views": [],
            "events": list(self._events),
            "counts": self._counters.counts(),
            "stubs": self._counters.stubs(),
            "jumps": self._jumps(),
            "samples": {"interval": 0.0, "total": 0, "times": [], "shares": []},
            "measured": None,
            "advice": [],
        }

    def _jumps(self) -> Json:
        stubs = self._counters.stubs()
        symbol = example(stubs)
        try:
            code = self._engine.stub_code(symbol)
        except (KeyError, RuntimeError):
            code = None
        return jumps(symbol, code, stubs[symbol]) if code is not None else NO_JUMPS

    def _now(self) -> Json:
        return {
            "program": {"name": self._name, **_settings(self._engine.policy)},
            "length": self._history.milliseconds(self._ended or time.perf_counter()),
            "live": self._ended is None,
            "left_out": {"events": self._events.left_out, **self._history.left_out},
        }


def _settings(policy: Policy) -> Json:
    mode = "tiered" if policy.background else "sync"
    if not policy.tiered:
        mode = "O0" if policy.baseline else "O3"
    return {"mode": mode, "thresholds": {"calls": policy.call_threshold, "iterations": policy.iteration_threshold}}
