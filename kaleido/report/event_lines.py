"""The engine's events as lines of text: each is reported once, with one set of numbers."""

from __future__ import annotations

from kaleido.jit import Event, EventKind, Tier
from kaleido.report.tier_marks import label

__all__ = ["EventLines"]


class EventLines:
    """Describes events, which it is given in their order: it remembers when each unit became hot."""

    def __init__(self) -> None:
        self._hot: dict[str, Event] = {}

    def observe(self, event: Event) -> None:
        """Take note of an event that gets no line, or will be described by another one."""
        if event.kind is EventKind.HOT:
            self._hot[event.symbol] = event
        elif event.kind in (EventKind.DEFINED, EventKind.COVERED):
            self._hot.pop(event.symbol, None)

    def line(self, event: Event) -> str:
        """One line, in which a swap comes with what made the unit hot."""
        if event.kind is EventKind.SWAPPED:
            assumed = f", if {event.message}" if event.message else ""
            return f"{_name(event.unit)}: {self._swapped(event)}{assumed}"
        self.observe(event)
        return f"{_name(event.unit)}{_SEPARATORS.get(event.kind, ': ')}{_happened(event)}"

    def _swapped(self, event: Event) -> str:
        hot = self._hot.pop(event.symbol, None)
        if hot is None and event.hot_callee is not None:
            because = f"because {_name(event.hot_callee.label)} was hot"
            return f"{label(Tier.OPTIMIZED)} in {_milliseconds(event.seconds)}, {because}"
        if hot is None or hot.runs < hot.threshold:
            return f"{label(Tier.OPTIMIZED)} on request, in {_milliseconds(event.seconds)}"
        after = f", after {event.runs:,}" if event.runs > hot.threshold else ""
        later = _milliseconds(event.time - hot.time)
        return f"hot at {event.counter.of(hot.threshold)}; {label(Tier.OPTIMIZED)} {later} later{after}"


def _name(unit: str) -> str:
    """A unit's name, set apart from the text if it ends like an operator."""
    return unit if unit[-1:].isalnum() or unit[-1:] == "_" else f"`{unit}`"


# Some lines are sentences, of which the unit is the subject.
_SEPARATORS = {EventKind.DEOPTIMIZED: " ", EventKind.FAILED: " "}


def _happened(event: Event) -> str:
    match event.kind:
        case EventKind.DEFINED:
            return f"version {event.version:,} defined"
        case EventKind.COMPILED:
            assert event.tier is not None
            batch = f", with {event.batch - 1:,} more" if event.batch > 1 else ""
            if event.message:
                return f"{event.size:,} bytes of {label(event.tier)} code{batch}, {event.message}"
            seconds = _milliseconds(event.seconds * event.batch)
            return f"{event.size:,} bytes compiled at {label(event.tier)}{batch}, in {seconds}"
        case EventKind.HOT:
            is_hot = event.runs >= event.threshold
            return f"hot at {event.counter.of(event.threshold)}" if is_hot else "to be optimized on request"
        case EventKind.COVERED:
            return "inlined into its callers, and counted again"
        case EventKind.DISCARDED:
            assert event.tier is not None
            return f"{event.size:,} bytes of {label(event.tier)} code discarded: {event.message} meanwhile"
        case EventKind.DEOPTIMIZED:
            return f"deoptimized, {label(Tier.OPTIMIZED)} → {label(Tier.BASELINE)}: {event.message}"
        case EventKind.FAILED:
            return f"stays at {label(Tier.BASELINE)}: {event.message}"
        case EventKind.FAULTED:
            # The line begins with the unit, so the message need not name it again.
            return "left before its end: " + f"{event.message} ".replace(f" in {event.unit} ", " ").rstrip()
        case _:
            code = f" of {label(event.tier)} code" if event.tier is not None else ""
            return f"{event.size:,} bytes{code} of version {event.version} freed"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"
