"""The engine's events as Chrome trace events, which Perfetto and ``chrome://tracing`` show as a timeline.

The format is the "Trace Event Format" of the Chromium project: times are in microseconds.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, TextIO

from kaleido.jit import Event, EventKind

__all__ = ["Trace"]


class Trace:
    """A subscriber of an engine's events; :meth:`save` writes them."""

    def __init__(self) -> None:
        self._begin = time.perf_counter()
        self._events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self._events.append(event)

    def save(self, file: TextIO) -> None:
        """Write the trace, and close the file. Raises OSError."""
        events = list(self._events)
        threads = {event.thread for event in events}
        recompiling = {event.thread for event in events if event.kind is EventKind.HOT}
        names = [
            {
                "name": "thread_name", "ph": "M", "pid": os.getpid(), "tid": thread,
                "args": {"name": "recompiler" if thread in recompiling else "program"},
            }
            for thread in sorted(threads)
        ]  # fmt: skip
        with file:
            json.dump({"traceEvents": names + [self._entry(event) for event in events]}, file, indent=1)
            file.write("\n")

    def _entry(self, event: Event) -> dict[str, Any]:
        tier = str(event.tier) if event.tier is not None else None
        arguments: dict[str, Any] = {"unit": event.unit, "tier": tier, "version": event.version}
        if event.runs:
            arguments["runs"] = event.runs
        if event.size:
            arguments["bytes"] = event.size
        if event.message:
            arguments["message"] = event.message
        begin = (event.time - self._begin) * 1e6
        entry = {"name": str(event.kind), "cat": "jit", "pid": os.getpid(), "tid": event.thread, "args": arguments}
        if event.kind is EventKind.COMPILED:
            # The event is emitted at the end of a compilation; the timeline needs its begin and duration.
            duration = event.seconds * 1e6
            return entry | {"ph": "X", "ts": begin - duration, "dur": duration}
        return entry | {"ph": "i", "s": "t", "ts": begin}
