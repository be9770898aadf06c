"""An event as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kaleido.jit import Event, RunCounter

__all__ = ["event_data"]


def event_data(event: Event, sentence: str, milliseconds: Callable[[float], float]) -> dict[str, Any]:
    """The fields of an event that say something; `milliseconds` turns a time into one of the recording."""
    fields = {
        "time": milliseconds(event.time),
        "kind": str(event.kind),
        "symbol": event.symbol,
        "version": event.version,
        "sentence": sentence,
    }
    optional = {
        "tier": str(event.tier) if event.tier is not None else None,
        "runs": event.runs,
        "counter": str(event.counter) if event.runs and event.counter is not RunCounter.NONE else None,
        "threshold": event.threshold,
        "size": event.size,
        "batch": event.batch if event.batch > 1 else None,
        "message": event.message,
        "began": milliseconds(event.began) if event.began else None,
        "inlined": list(event.inlined),
        "hot_callee": event.hot_callee.symbol if event.hot_callee is not None else None,
    }
    return fields | {name: value for name, value in optional.items() if value}
