"""A sentence for each event, with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kaleido.jit import Event, EventKind, Tier

__all__ = ["Sentences", "counted", "listed", "milliseconds", "quoted_name"]

# As many units are named in a sentence; the rest is a number.
_MOST_NAMED = 3


class Sentences:
    """Describes events, which it is given in their order: it remembers when each unit became hot.

    `name_of` gives the name of a symbol.
    """

    def __init__(self, name_of: Callable[[str], str]) -> None:
        self._name_of = name_of
        self._hot: dict[str, Event] = {}

    def sentence(self, event: Event) -> str:
        """The sentence for an event; without a period, because texts end it differently."""
        if event.kind is EventKind.HOT:
            self._hot[event.symbol] = event
        elif event.kind in (EventKind.DEFINED, EventKind.COVERED):
            self._hot.pop(event.symbol, None)
        return f"{quoted_name(event.unit)} {_PREDICATES[event.kind](self, event)}"

    def forget(self, symbol: str) -> None:
        """Forget a unit that nothing will happen to any more."""
        self._hot.pop(symbol, None)

    def _defined(self, event: Event) -> str:
        return "was defined" if event.version == 1 else f"was redefined: version {event.version:,}"

    def _compiled(self, event: Event) -> str:
        if event.message:
            return f"got its -{event.tier} code {event.message}{self._with(event)}: {event.size:,} bytes"
        duration = milliseconds(event.seconds * event.batch)
        beside = f", together with {counted(event.batch - 1, 'other unit')}" if event.batch > 1 else ""
        return f"was compiled at -{event.tier} in {duration}{self._with(event)}{beside}: {event.size:,} bytes"

    def _loaded(self, event: Event) -> str:
        return f"got {event.size:,} bytes of -{event.tier} code at {event.address:#x}"

    def _hot_now(self, event: Event) -> str:
        if event.runs < event.threshold:
            return "is to be optimized on request"
        return f"was hot at {event.counter.of(event.threshold)}"

    def _requested(self, event: Event) -> str:
        return f"was requested at -{Tier.OPTIMIZED}"

    def _started(self, event: Event) -> str:
        after = f", after {event.counter.of(event.runs)}" if event.runs else ""
        return f"began to be compiled at -{event.tier}{self._with(event)}{after}"

    def _swapped(self, event: Event) -> str:
        hot = self._hot.pop(event.symbol, None)
        if hot is None and (callee := event.hot_callee) is not None:
            relation = "inlines" if callee.symbol in event.inlined else "calls"
            return f"runs its -{event.tier} code, because {quoted_name(callee.label)} was hot, which it {relation}"
        if hot is None or hot.runs < hot.threshold:
            return f"runs its -{event.tier} code, on request"
        after = f", after {event.runs:,}" if event.runs > hot.threshold else ""
        later = milliseconds(event.time - hot.time)
        return f"was hot at {event.counter.of(hot.threshold)}; -{event.tier} {later} later{after}"

    def _covered(self, event: Event) -> str:
        return "is not compiled alone: its callers' -O3 code has it inlined; calls from elsewhere are counted from 0"

    def _discarded(self, event: Event) -> str:
        return f"was compiled at -{event.tier} in vain: {event.message} meanwhile"

    def _deoptimized(self, event: Event) -> str:
        return f"was deoptimized to -{Tier.BASELINE}: {event.message}"

    def _freed(self, event: Event) -> str:
        return f"lost {event.size:,} bytes of -{event.tier} code of version {event.version:,}: no thread was in it"

    def _failed(self, event: Event) -> str:
        return f"stays at -{Tier.BASELINE}: {event.message}"

    def _faulted(self, event: Event) -> str:
        return "was left before its end: " + f"{event.message} ".replace(f" in {event.unit} ", " ").rstrip()

    def _ran(self, event: Event) -> str:
        return f"ran for {milliseconds(event.time - event.began)}"

    def _with(self, event: Event) -> str:
        return f" with {listed([self._name_of(each) for each in event.inlined])}" if event.inlined else ""


_PREDICATES: dict[EventKind, Callable[[Sentences, Event], str]] = {
    EventKind.DEFINED: Sentences._defined,
    EventKind.COMPILED: Sentences._compiled,
    EventKind.LOADED: Sentences._loaded,
    EventKind.HOT: Sentences._hot_now,
    EventKind.REQUESTED: Sentences._requested,
    EventKind.STARTED: Sentences._started,
    EventKind.SWAPPED: Sentences._swapped,
    EventKind.COVERED: Sentences._covered,
    EventKind.DISCARDED: Sentences._discarded,
    EventKind.DEOPTIMIZED: Sentences._deoptimized,
    EventKind.FREED: Sentences._freed,
    EventKind.FAILED: Sentences._failed,
    EventKind.FAULTED: Sentences._faulted,
    EventKind.RAN: Sentences._ran,
}


def quoted_name(name: str) -> str:
    """A unit's name, set apart from the text around it if it ends like an operator."""
    return name if name[-1:].isalnum() or name[-1:] == "_" else f"`{name}`"


def listed(names: Sequence[str]) -> str:
    """``f``, ``f and g``, ``f, g and h``, ``f, g, h and 7 more``."""
    shown = [quoted_name(name) for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        shown.append(f"{len(names) - _MOST_NAMED:,} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def counted(number: int, noun: str) -> str:
    """``1 unit``, ``2,000 units``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"
