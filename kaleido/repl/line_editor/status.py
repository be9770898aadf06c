"""The text of the toolbar: how many units run at each tier, and what the recompiler is doing.

The engine calls listeners on any thread, mostly with its lock held. So listening only queues events, and drawing the
toolbar processes each of them once. The cost of drawing depends on the number of new events, not of functions.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from kaleido.jit import Event, EventKind, RunCounter, Tier
from kaleido.report.tier_marks import label
from kaleido.session import Session

__all__ = ["Status"]


class Status:
    """Follows the events of a session until :meth:`close`.

    `changed` is called on any thread when the text may have changed.
    """

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self._engine, self._changed = session.engine, changed
        self._events: deque[Event] = deque()
        self._hot: dict[str, str] = {}
        self._unsubscribe = session.subscribe(self._listen)
        known = (unit for unit in session.stats() if unit.counter is not RunCounter.NONE)
        self._tiers = {unit.symbol: unit.tier for unit in known if unit.tier is not None}

    def close(self) -> None:
        self._unsubscribe()

    def text(self) -> str:
        """The text, such as ``3 at ○ -O0 · 1 at ● -O3 · recompiling fib``. Call it on one thread only."""
        while self._events:
            self._update(self._events.popleft())
        numbers = Counter(self._tiers.values())
        parts = [f"{numbers[tier]} at {label(tier)}" for tier in Tier]
        if self._engine.policy.tiered:
            parts.append(self._activity())
        else:
            self._hot.clear()
        return " · ".join(parts)

    def _listen(self, event: Event) -> None:
        if event.counter is not RunCounter.NONE:
            self._events.append(event)
            self._changed()

    def _update(self, event: Event) -> None:
        # An event may be outdated: it only names the unit. The engine knows the current tier.
        tier = self._tier(event.symbol)
        if tier is None:
            self._tiers.pop(event.symbol, None)
        else:
            self._tiers[event.symbol] = tier
        match event.kind:
            case EventKind.HOT:
                self._hot[event.symbol] = event.unit
            case EventKind.DEFINED | EventKind.SWAPPED | EventKind.COVERED | EventKind.FAILED:
                self._hot.pop(event.symbol, None)

    def _activity(self) -> str:
        # There is no event for a hot unit that is removed before it is recompiled.
        waiting = [name for symbol, name in self._hot.items() if self._tier(symbol) is Tier.BASELINE]
        if not waiting:
            self._hot.clear()
            return "recompiler idle"
        return f"recompiling {waiting[0]}" + (f" and {len(waiting) - 1} more" if len(waiting) > 1 else "")

    def _tier(self, symbol: str) -> Tier | None:
        try:
            return self._engine.describe(symbol).tier
        except KeyError:
            return None
