"""The engine's events as Chrome trace events, which Perfetto and ``chrome://tracing`` show as a timeline.

The format is the "Trace Event Format" of the Chromium project: times are in microseconds, and the slices of a thread
nest. There is a slice for each module that LLVM compiled, each expression at top level that ran, and each swap. An
arrow leads from the moment when a unit became hot to its compilation, and to its swap.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from kaleido.jit import Event, EventKind, Tier

__all__ = ["Trace", "trace_entries"]

Entry = dict[str, Any]


class Trace:
    """A subscriber of an engine's events; :meth:`save` writes them."""

    def __init__(self) -> None:
        self._begin = time.perf_counter()
        self._events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self._events.append(event)

    def save(self, file: TextIO) -> int:
        """Write the trace, and close the file; returns the number of entries. Raises OSError."""
        entries = trace_entries(list(self._events), self._begin)
        with file:
            import json

            json.dump({"traceEvents": entries, "displayTimeUnit": "ms"}, file, indent=1)
            file.write("\n")
        return len(entries)


def trace_entries(events: Sequence[Event], origin: float) -> list[Entry]:
    """The entries of the trace; its time begins at `origin`."""
    return [*_names(events), *_Entries(events, origin).all()]


def _names(events: Sequence[Event]) -> Iterator[Entry]:
    yield _metadata("process_name", os.getpid(), "kaleido")
    recompiling = {event.thread for event in events if event.kind is EventKind.HOT}
    running = {event.thread for event in events if event.kind is EventKind.RAN}
    for thread in sorted({event.thread for event in events}):
        name = "recompiler" if thread in recompiling else "evaluation" if thread in running else "program"
        yield _metadata("thread_name", thread, name)


def _metadata(kind: str, thread: int, name: str) -> Entry:
    return {"name": kind, "ph": "M", "ts": 0, "pid": os.getpid(), "tid": thread, "args": {"name": name}}


class _Entries:
    """The slices, instants and arrows for a list of events."""

    def __init__(self, events: Sequence[Event], origin: float) -> None:
        self._events, self._origin = events, origin
        self._runs = [event for event in events if event.kind is EventKind.RAN]
        self._hot: dict[str, Event] = {}
        self._compiled: dict[str, Event] = {}
        self._arrows = 0

    def all(self) -> Iterator[Entry]:
        for batch in _batches(self._events):
            event = batch[0]
            match event.kind:
                case EventKind.COMPILED:
                    yield self._compilation(batch)
                case EventKind.RAN:
                    yield self._slice(f"run {event.unit}", event, event.began, event.time, unit=event.unit)
                case EventKind.SWAPPED:
                    yield from self._swap(event)
                case EventKind.HOT:
                    self._hot[event.symbol] = event
                    yield self._instant(event, self._running_thread(event))
                case EventKind.COVERED:
                    self._hot.pop(event.symbol, None)
                    yield self._instant(event, event.thread)
                case EventKind.LOADED | EventKind.REQUESTED | EventKind.STARTED:
                    # The slice of the compilation shows them.
                    pass
                case _:
                    yield self._instant(event, event.thread)

    def _compilation(self, batch: Sequence[Event]) -> Entry:
        first, units = batch[0], [event.unit for event in batch]
        if first.tier is Tier.OPTIMIZED:
            self._compiled[first.symbol] = first
        more = f" + {len(batch) - 1} more" if len(batch) > 1 else ""
        return self._slice(
            f"compile -{first.tier} {first.unit}{more}",
            first,
            first.began,
            first.began + sum(event.seconds for event in batch),
            unit=first.unit,
            units=units,
            tier=str(first.tier),
            bytes=sum(event.size for event in batch),
        )

    def _swap(self, event: Event) -> Iterator[Entry]:
        """The slice in which the optimized code was loaded and published; and the arrow that leads to it."""
        compiled, hot = self._compiled.pop(event.symbol, None), self._hot.pop(event.symbol, None)
        begin = compiled.began + compiled.seconds if compiled is not None else event.time
        yield self._slice(f"swap {event.unit}", event, begin, event.time, **_arguments(event))
        if compiled is not None and hot is not None:
            self._arrows += 1
            yield self._arrow("s", hot.time, self._running_thread(hot))
            yield self._arrow("t", compiled.began, compiled.thread)
            yield self._arrow("f", begin, event.thread) | {"bp": "e"}

    def _running_thread(self, event: Event) -> int:
        """The thread that ran the program at the time of an event, if it is known."""
        return next((run.thread for run in self._runs if run.began <= event.time <= run.time), event.thread)

    def _slice(self, name: str, event: Event, begin: float, end: float, **arguments: Any) -> Entry:
        duration = (end - begin) * 1e6
        return self._entry(name, "X", begin, event.thread) | {"dur": duration, "args": arguments}

    def _instant(self, event: Event, thread: int) -> Entry:
        entry = self._entry(f"{event.kind} {event.unit}", "i", event.time, thread)
        return entry | {"s": "t", "args": _arguments(event)}

    def _arrow(self, phase: str, when: float, thread: int) -> Entry:
        return self._entry("hot to swapped", phase, when, thread) | {"id": self._arrows}

    def _entry(self, name: str, phase: str, when: float, thread: int) -> Entry:
        microseconds = (when - self._origin) * 1e6
        return {"name": name, "cat": "jit", "ph": phase, "ts": microseconds, "pid": os.getpid(), "tid": thread}


def _arguments(event: Event) -> dict[str, Any]:
    arguments = {
        "unit": event.unit,
        "tier": str(event.tier) if event.tier is not None else None,
        "version": event.version,
        "runs": event.runs,
        "bytes": event.size,
        "message": event.message,
    }
    return {name: value for name, value in arguments.items() if value}


def _batches(events: Sequence[Event]) -> Iterator[list[Event]]:
    """The events, with the compilations of one module together."""
    modules: dict[tuple[int, float], list[Event]] = {}
    for event in events:
        if event.kind is EventKind.COMPILED:
            modules.setdefault((event.thread, event.began), []).append(event)
    for event in events:
        if event.kind is not EventKind.COMPILED:
            yield [event]
        elif (batch := modules.pop((event.thread, event.began), None)) is not None:
            yield batch
