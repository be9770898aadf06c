"""The engine's events as lines of text: each is reported once, with one set of numbers."""

from __future__ import annotations

from kaleido.jit import Event, EventKind, Policy, Tier

__all__ = ["EventLines"]


class EventLines:
    """Describes events, which it is given in their order: it remembers when each unit became hot."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._hot: dict[str, Event] = {}

    def observe(self, event: Event) -> None:
        """Take note of an event that gets no line, or will be described by another one."""
        if event.kind is EventKind.HOT:
            self._hot[event.symbol] = event
        elif event.kind is EventKind.DEFINED:
            self._hot.pop(event.symbol, None)

    def line(self, event: Event) -> str:
        """One line, in which a swap comes with what made the unit hot."""
        if event.kind is EventKind.SWAPPED:
            return f"{event.unit}: {self._swapped(event)}"
        self.observe(event)
        return f"{event.unit}{_SEPARATORS.get(event.kind, ': ')}{_happened(event, self._threshold(event))}"

    def _swapped(self, event: Event) -> str:
        hot, threshold = self._hot.pop(event.symbol, None), self._threshold(event)
        if hot is None or hot.runs < threshold:
            return f"-{Tier.OPTIMIZED} on request, in {_milliseconds(event.seconds)}"
        after = f", after {event.runs:,}" if event.runs > threshold else ""
        later = _milliseconds(event.time - hot.time)
        return f"hot at {event.counter.of(threshold)}; -{Tier.OPTIMIZED} {later} later{after}"

    def _threshold(self, event: Event) -> int:
        return self._policy.thresholds.get(event.counter, 0)


# Some lines are sentences, of which the unit is the subject.
_SEPARATORS = {EventKind.DEOPTIMIZED: " ", EventKind.FAILED: " "}


def _happened(event: Event, threshold: int) -> str:
    match event.kind:
        case EventKind.DEFINED:
            return f"version {event.version:,} defined"
        case EventKind.COMPILED:
            batch = f", with {event.batch - 1:,} more" if event.batch > 1 else ""
            seconds = _milliseconds(event.seconds * event.batch)
            return f"{event.size:,} bytes compiled at -{event.tier}{batch}, in {seconds}"
        case EventKind.HOT:
            return f"hot at {event.counter.of(threshold)}" if event.runs >= threshold else "to be optimized on request"
        case EventKind.DEOPTIMIZED if not event.size:
            # The optimized code was not yet published.
            return f"is compiled again: {event.message} changed during the compilation"
        case EventKind.DEOPTIMIZED:
            return f"deoptimized, -{Tier.OPTIMIZED} → -{Tier.BASELINE}: {event.message} has changed"
        case EventKind.FAILED:
            return f"stays at -{Tier.BASELINE}: {event.message}"
        case EventKind.FAULTED:
            return f"left before its end: {event.message}"
        case _:
            return f"{event.size:,} bytes of version {event.version} freed"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"
