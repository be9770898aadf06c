"""The recorder: listens to an engine, and makes its history as data.

The engine calls listeners with its lock held, so the listener only keeps the event. A thread of the recorder reads
counters and samples while the program runs, and keeps them, too. The rest is done when data are asked for, or when too
much of them waits.

Locks are taken in this order: the recorder's, the engine's. So the listener, which has the engine's, takes none.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from kaleido.jit import Engine, Event, EventKind, NotInlined, Policy, Sample, StubRecord, Tier, Unit
from kaleido.recording.account import account
from kaleido.recording.additions import Additions
from kaleido.recording.advice import advice
from kaleido.recording.bounded import Capped
from kaleido.recording.counters import Counters
from kaleido.recording.event_data import event_data
from kaleido.recording.foreign import FORMAT, VERSION
from kaleido.recording.jumps import NO_JUMPS, example, jumps
from kaleido.recording.producer import producer
from kaleido.recording.redefinitions import redefinitions
from kaleido.recording.sampled import NO_SAMPLES, Samples
from kaleido.recording.sentences import Sentences
from kaleido.recording.sources import Sources
from kaleido.recording.ticker import Ticker
from kaleido.recording.unit_history import Code, Describe, History, describe

__all__ = ["FORMAT", "VERSION", "Recorder"]

View = Callable[[Sequence[Unit], Tier, Callable[[str, str], int]], dict[str, Any]]

# Events; views of code in a report; units that LLVM is asked about; events and records that wait to be asked for.
_MOST_EVENTS, _MOST_VIEWS, _MOST_ASKED, _MOST_WAITING = 20_000, 40, 3, 5_000

Json = dict[str, Any]


class _Look(NamedTuple):
    """What the recorder's thread has read."""

    records: Sequence[StubRecord]
    samples: Sequence[Sample]


class Recorder:
    """Records an engine from its construction to :meth:`close`. Thread-safe.

    `name`      of the program, for people
    `describe`  says of what kind and origin a unit is
    `view`      makes a view of code, as data, of units that were compiled together, their tier, and a function that
                numbers source texts
    `past`      events of the engine up to now, if they were kept
    `live`      whether to sample, and to look at counters between the events, too; without it there is no thread
    """

    def __init__(
        self,
        engine: Engine,
        *,
        name: str = "",
        describe: Describe = describe,
        view: View | None = None,
        past: Iterable[Event] = (),
        live: bool = True,
    ) -> None:
        self._engine, self._name, self._view = engine, name, view
        self._lock = threading.Lock()
        events = list(past)
        self._waiting: deque[Event | _Look] = deque(events)
        self._waiting_records = 0
        self._origin = min((event.time for event in events), default=time.perf_counter())
        self._ended: float | None = None
        present = engine.stats()
        self._history = History(self._origin, describe, present)
        self._sentences = Sentences(self._history.name_of)
        self._events: Capped[Json] = Capped(_MOST_EVENTS)
        self._additions: Additions | None = None
        self._counters = Counters(self._history.milliseconds, self._added)
        self._samples = Samples(engine, self._history.milliseconds, self._added, present) if live else None
        self._ticker = Ticker(self._tick) if live else None
        self._unsubscribe = engine.subscribe(self._listen)

    def close(self) -> None:
        """End the recording. The engine must still be open."""
        if self._ticker is not None:
            self._ticker.close()
        with self._lock:
            if self._ended is None:
                self._look()
                if self._samples is not None:
                    self._samples.close()
                self._unsubscribe()
                self._ended = time.perf_counter()
                self._take()

    def snapshot(self) -> Json:
        """All that was recorded so far, without views and advice, which take time."""
        with self._lock:
            self._take()
            return self._all(Sources())

    def report(self) -> Json:
        """All that was recorded so far, with views of the code, if there is a `view`, and with advice.

        LLVM is asked what was not inlined, in subprocesses. The engine must still be open.
        """
        with self._lock:
            self._take()
            not_inlined, sources = list(self._not_inlined()), Sources()
            with self._views(sources) as views:
                recording = self._all(sources) | {"views": views, "sources": sources.as_json()}
            return recording | {"account": account(recording), "advice": advice(recording, not_inlined)}

    def changes(self) -> Json:
        """What was added since the last call: a message of the live form. The first is a snapshot, which has a format.

        So is a later one, if there were too many changes since the last call.
        """
        with self._lock:
            self._take()
            added = self._additions
            if added is None or added.is_full:
                added = self._additions = Additions()
                return self._all(added.sources) | {"sources": added.take_sources()}
            message = self._now() | self._new_samples(added.take(self._history.units))
            return message | ({"jumps": self._jumps()} if message["stubs"] else {})

    def code_view(self, symbol: str, tier: Tier) -> Json | None:
        """The `view` of the code of a unit at a tier that is in use, and when it `began` to be compiled.

        It is for a reader of :meth:`changes`: its places refer to the sources that the reader has, or gets next. None
        where there is no such code or no view of it.
        """
        with self._lock:
            self._take()
            found = self._history.used(symbol, tier)
            if found is None or self._additions is None:
                return None
            code, members = found
            view = self._view_of(members, tier, self._additions.sources)
            return {"began": code.began, "view": view} if view is not None else None

    def _new_samples(self, message: Json) -> Json:
        summary = self._samples.summary() if self._samples is not None else NO_SAMPLES
        return message | {"samples": summary | {"times": message["samples"]}}

    # Listening

    def _listen(self, event: Event) -> None:
        self._waiting.append(event)
        # The calls that optimized code has inlined are not counted from here on: a curve must not go on until later.
        if event.kind is EventKind.SWAPPED and self._ticker is not None:
            self._ticker.soon()

    def _tick(self) -> None:
        with self._lock:
            self._look()

    def _look(self) -> None:
        records = self._engine.stubs()
        # Events from before it was read are in front of it.
        self._waiting.append(_Look(records, self._samples.read() if self._samples is not None else []))
        self._waiting_records += len(records)
        if len(self._waiting) + self._waiting_records > _MOST_WAITING:
            self._take()

    def _take(self) -> None:
        """Take into account all that was kept."""
        while self._waiting:
            found = self._waiting.popleft()
            if isinstance(found, _Look):
                self._take_look(found)
            else:
                self._take_event(found)
        self._waiting_records = 0
        for symbol in self._history.drop_ended():
            self._counters.forget(symbol)
            self._sentences.forget(symbol)

    def _take_look(self, look: _Look) -> None:
        self._counters.look(look.records)
        if self._samples is not None:
            self._samples.take(look.samples)

    def _take_event(self, event: Event) -> None:
        if event.record is not None:
            self._counters.look([event.record])
        elif event.kind is EventKind.FREED and event.tier is Tier.BASELINE:
            self._counters.end(event.time, event.symbol, event.version, event.runs)
        if self._samples is not None:
            self._samples.observe(event)
        self._history.add(event)
        sentence = self._sentences.sentence(event)
        # The code of the unit says that it was loaded.
        if event.kind is not EventKind.LOADED:
            data = event_data(event, sentence, self._history.milliseconds)
            self._events.append(data)
            self._added("events", event.symbol, data)
        self._added("units", event.symbol, None)

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
            "units": units,
            "sources": sources.as_json(),
            "views": [],
            "events": list(self._events),
            "redefinitions": redefinitions(units),
            "counts": self._counters.counts(),
            "stubs": self._counters.stubs(),
            "jumps": self._jumps(),
            "samples": self._samples.as_json() if self._samples is not None else NO_SAMPLES,
            "measured": None,
            "account": [],
            "advice": [],
        }

    @contextmanager
    def _views(self, sources: Sources) -> Iterator[list[Json]]:
        """Views of the code that was in use, as many as a report has room for. In the context, code refers to them."""
        views: list[Json] = []
        shown: list[Code] = []
        for code, members in self._history.codes(_MOST_VIEWS):
            if (view := self._view_of(members, code.tier, sources)) is not None:
                code.view = len(views)
                views.append(view)
                shown.append(code)
        yield views
        for code in shown:
            code.view = None

    def _view_of(self, members: Sequence[Unit], tier: Tier, sources: Sources) -> Json | None:
        try:
            return self._view(members, tier, sources.number) if self._view is not None else None
        except (OSError, RuntimeError, ValueError):
            return None

    def _not_inlined(self) -> Iterator[tuple[str, NotInlined]]:
        """What the optimized units in which the most time was spent do not inline, as far as they are still there."""
        for symbol in self._history.optimized(_MOST_ASKED):
            try:
                yield from ((symbol, each) for each in self._engine.missed_inlining(symbol))
            except (KeyError, OSError, RuntimeError, ValueError):
                continue

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
    thresholds = {"calls": policy.call_threshold, "iterations": policy.iteration_threshold}
    return {"mode": mode, "thresholds": thresholds, "patience": policy.patience * 1000}
