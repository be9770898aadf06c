"""The toolbar's text: how many units run at each tier, and what the recompiler is doing.

Events arrive on any thread, mostly with the engine's lock held, so listening only queues them. They are
looked at where the toolbar is drawn, each of them once: drawing costs what has changed, not what there is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from kaleido.jit import Event, EventKind, RunCounter, Tier
from kaleido.session import Session

__all__ = ["Status"]


class Status:
    """Follows a session until :meth:`close`. `changed` is called, on any thread, when there is news."""

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self._engine, self._changed = session.engine, changed
        self._news: deque[Event] = deque()
        self._hot: dict[str, str] = {}
        self._unsubscribe = session.subscribe(self._listen)
        known = (unit for unit in session.stats() if unit.counter is not RunCounter.NONE)
        self._tiers = {unit.symbol: unit.tier for unit in known if unit.tier is not None}

    def close(self) -> None:
        self._unsubscribe()

    def text(self) -> str:
        """Such as ``3 at -O0 · 1 at -O3 · recompiling fib``. To be called on one thread only."""
        while self._news:
            self._take(self._news.popleft())
        numbers = Counter(self._tiers.values())
        parts = [f"{numbers[tier]} at -{tier}" for tier in Tier]
        if self._engine.policy.tiered:
            parts.append(self._activity())
        return " · ".join(parts)

    def _listen(self, event: Event) -> None:
        if event.counter is not RunCounter.NONE:
            self._news.append(event)
            self._changed()

    def _take(self, event: Event) -> None:
        # The event says whose tier may have changed; the engine says what it is by now.
        tier = self._tier(event.symbol)
        if tier is None:
            self._tiers.pop(event.symbol, None)
        else:
            self._tiers[event.symbol] = tier
        match event.kind:
            case EventKind.HOT:
                self._hot[event.symbol] = event.unit
            case EventKind.DEFINED | EventKind.SWAPPED | EventKind.FAILED:
                self._hot.pop(event.symbol, None)

    def _activity(self) -> str:
        # The recompiler says nothing about a hot unit that is removed before its turn has come.
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
