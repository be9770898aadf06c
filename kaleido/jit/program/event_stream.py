"""Events about versions, to listeners."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from kaleido.jit.events import Event, EventKind, Listener
from kaleido.jit.program.versions import MachineCode, Version

__all__ = ["EventStream"]


# The events that come when the record of the stub has just changed; all are emitted under the lock.
_CHANGES = frozenset(
    {EventKind.DEFINED, EventKind.LOADED, EventKind.HOT, EventKind.SWAPPED, EventKind.COVERED, EventKind.DEOPTIMIZED}
)


class EventStream:
    """The listeners of one engine. Any thread may emit, with the engine's lock or without it."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self.needs_lines = False

    def subscribe(self, listener: Listener, *, lines: bool = False) -> Callable[[], None]:
        """Call `listener` with every event from now on, with its `lines` if asked; returns the function that ends that.

        Once asked for, lines are read from object code as long as there is a listener.
        """
        self._listeners.append(listener)
        self.needs_lines = self.needs_lines or lines
        return lambda: self._listeners.remove(listener)

    def emit(self, kind: EventKind, version: Version, code: MachineCode | None = None, **details: Any) -> None:
        """Call every listener. Fields of the event that `details` leaves out are taken from `code` and `version`."""
        if not self._listeners:
            return
        if code is not None:
            details = {
                "tier": code.tier,
                "seconds": code.seconds,
                "size": code.size,
                "address": code.address,
            } | details
        if "runs" not in details:
            details["runs"] = version.runs
        unit, now = version.unit, time.perf_counter()
        event = Event(
            kind,
            unit.label,
            unit.symbol,
            now,
            threading.get_native_id(),
            version=version.ordinal,
            counter=unit.counter,
            record=version.record(now) if kind in _CHANGES else None,
            **details,
        )
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception:
                # The caller may be in the middle of a publication, or the recompiler's thread: it must go on.
                import traceback

                traceback.print_exc()
