"""The recorder: listens to an engine, and makes its history as data.

A listener is called with the engine's lock held, so it only keeps the event. The rest is done when data are asked for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any

from kaleido.jit import Engine, Event, EventKind, Policy, RunCounter
from kaleido.recording.producer import producer
from kaleido.recording.sentences import Sentences
from kaleido.recording.sources import Sources
from kaleido.recording.unit_history import Describe, History, describe

__all__ = ["FORMAT", "VERSION", "Recorder"]

FORMAT, VERSION = "kaleido-recording", 1

Json = dict[str, Any]


class Recorder:
    """Records an engine from its construction to :meth:`close`. Thread-safe.

    `name`      of the program, for people
    `describe`  says of what kind and origin a unit is
    `past`      events of the engine up to now, if somebody has kept them
    """

    def __init__(
        self, engine: Engine, *, name: str = "", describe: Describe = describe, past: Iterable[Event] = ()
    ) -> None:
        self._engine, self._name = engine, name
        self._lock = threading.Lock()
        self._waiting: list[Event] = list(past)
        self._origin = min((event.time for event in self._waiting), default=time.perf_counter())
        self._history = History(self._origin, describe, engine.stats())
        self._sentences = Sentences(self._history.name_of)
        self._events: list[Json] = []
        self._ended: float | None = None
        self._unsubscribe = engine.subscribe(self._waiting.append)

    def close(self) -> None:
        """End the recording."""
        with self._lock:
            if self._ended is None:
                self._unsubscribe()
                self._ended = time.perf_counter()

    def snapshot(self) -> Json:
        """All that was recorded so far."""
        with self._lock:
            self._take()
            sources = Sources()
            units = [unit.as_json(sources) for unit in self._history.units.values()]
            return {
                "format": FORMAT,
                "version": VERSION,
                "producer": producer(),
                "program": self._program(),
                "length": self._history.milliseconds(self._ended or time.perf_counter()),
                "live": self._ended is None,
                "sources": sources.as_json(),
                "units": units,
                "views": [],
                "events": list(self._events),
                "counts": {},
                "stubs": {},
                "jumps": {"before": [], "after": []},
                "samples": {"interval": 0.0, "total": 0, "times": [], "shares": []},
                "measured": None,
                "advice": [],
            }

    def _program(self) -> Json:
        policy = self._engine.policy
        thresholds = {"calls": policy.call_threshold, "iterations": policy.iteration_threshold}
        return {"name": self._name, "mode": _mode(policy), "thresholds": thresholds}

    def _take(self) -> None:
        """Add the events that have come since the last time."""
        while self._waiting:
            event = self._waiting.pop(0)
            self._history.add(event)
            # The code of the unit says it.
            if event.kind is not EventKind.LOADED:
                self._events.append(self._event(event))

    def _event(self, event: Event) -> Json:
        fields: Json = {
            "time": self._history.milliseconds(event.time),
            "kind": str(event.kind),
            "symbol": event.symbol,
            "version": event.version,
            "sentence": self._sentences.sentence(event),
        }
        optional = {
            "tier": str(event.tier) if event.tier is not None else None,
            "runs": event.runs,
            "threshold": event.threshold,
            "size": event.size,
            "batch": event.batch if event.batch > 1 else 0,
            "message": event.message,
            "began": self._history.milliseconds(event.began) if event.began else None,
            "inlined": list(event.inlined),
            "counter": str(event.counter) if event.runs and event.counter is not RunCounter.NONE else None,
        }
        return fields | {name: value for name, value in optional.items() if value}


def _mode(policy: Policy) -> str:
    if not policy.tiered:
        return "O0" if policy.baseline else "O3"
    return "tiered" if policy.background else "sync"
