"""What was added to a recording since the last time that it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaleido.recording.sources import Sources
from kaleido.recording.unit_history import UnitHistory

__all__ = ["Additions"]

# Additions that are kept if nothing asks for the changes.
_MOST = 50_000

Json = dict[str, Any]


class Additions:
    """Events, points and records since the last :meth:`take`, and the symbols of units that have changed.

    `sources` are those that the reader has, and those that come with the next take.
    """

    def __init__(self) -> None:
        self.sources = Sources()
        self._told_sources = 0
        self._clear()

    def _clear(self) -> None:
        self._units: dict[str, None] = {}
        self._lists: dict[str, list[Any]] = {"events": [], "samples": []}
        self._tables: dict[str, dict[str, list[Any]]] = {"counts": {}, "stubs": {}}
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Whether it is no longer complete: the reader has to begin anew."""
        return self._size > _MOST or len(self.sources) > _MOST

    def add(self, what: str, symbol: str, item: Any) -> None:
        """Add an item: to the list `what`, to the table `what` under `symbol`; or only the symbol to ``units``."""
        if self.is_full:
            self._clear()
            self._size = _MOST + 1
            return
        self._size += 1
        if what == "units":
            self._units[symbol] = None
        elif what in self._tables:
            self._tables[what].setdefault(symbol, []).append(item)
        else:
            self._lists[what].append(item)

    def take(self, units: Mapping[str, UnitHistory]) -> Json:
        """The additions, which are thereby taken; `units` are those of the recording."""
        changed = [units[symbol].as_json(self.sources) for symbol in self._units if symbol in units]
        taken = {"units": changed, **self._lists, **self._tables, "sources": self.take_sources()}
        self._clear()
        return taken

    def take_sources(self) -> list[Json]:
        """The sources that the reader does not have."""
        told, self._told_sources = self._told_sources, len(self.sources)
        return self.sources.as_json()[told:]
