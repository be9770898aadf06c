"""The counters of units, and the records of their stubs, over time: from the records in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kaleido.jit import StubRecord
from kaleido.recording.bounded import Capped, Thinned

__all__ = ["Counters"]

# Of each unit: points of a curve, and changes of a record.
_MOST_POINTS, _MOST_RECORDS = 400, 100

Json = dict[str, Any]
Added = Callable[[str, str, Any], None]


class Counters:
    """Compares records with those that it has seen before. Not thread-safe by itself.

    `milliseconds` turns a time of the engine into one of the recording. `added` is called with what is new: ``counts``
    or ``stubs``, a symbol, and a point or a record.
    """

    def __init__(self, milliseconds: Callable[[float], float], added: Added) -> None:
        self._milliseconds, self._added = milliseconds, added
        self._counts: dict[str, Thinned[list[float]]] = {}
        self._stubs: dict[str, Capped[Json]] = {}
        self._last: dict[str, StubRecord] = {}
        self._looked: dict[str, float] = {}
        self._latest: dict[str, float] = {}

    def look(self, records: Iterable[StubRecord]) -> None:
        """Take note of records, but of none that was read before one that is known."""
        for record in records:
            last, time = self._last.get(record.symbol), self._milliseconds(record.time)
            if time < self._looked.get(record.symbol, 0.0):
                continue
            if last is None or last[1:] != record[1:]:
                self._last[record.symbol] = record
                if last is None or _code(last) != _code(record):
                    self._change(time, record)
                self._count(time, record, last)
            self._looked[record.symbol] = time

    def end(self, time: float, symbol: str, version: int, runs: int) -> None:
        """Take note of how often a version has run that is no longer current."""
        last = self._last.get(symbol)
        if last is not None and last.version == version and last.counted < runs:
            if symbol not in self._counts:
                self._add(self._looked[symbol], last, last.counted)
            self._add(self._milliseconds(time), last, runs)

    def forget(self, symbol: str) -> None:
        for table in (self._counts, self._stubs, self._last, self._looked, self._latest):
            table.pop(symbol, None)

    def counts(self) -> Json:
        return {symbol: list(points) for symbol, points in self._counts.items()}

    def stubs(self) -> Json:
        return {symbol: list(records) for symbol, records in self._stubs.items()}

    def _change(self, time: float, record: StubRecord) -> None:
        entry = {
            "time": time,
            "version": record.version,
            "slot": f"{record.slot:#x}",
            "target": record.target,
            "runs": record.runs,
            "limit": record.limit,
            "body": f"{record.body:#x}",
            "number": record.number,
        }
        self._stubs.setdefault(record.symbol, Capped(_MOST_RECORDS)).append(entry)
        self._added("stubs", record.symbol, entry)

    def _count(self, time: float, record: StubRecord, last: StubRecord | None) -> None:
        """Add a point for runs that were counted."""
        if record.target != "prologue" and not (last is not None and last.target == "prologue"):
            return
        same = last is not None and (last.version, last.counted) == (record.version, record.counted)
        if same or not record.counted:
            return
        before = 0 if last is None or last.version != record.version else last.counted
        # While nothing was counted, nothing was added: the curve goes up from the time of the last look.
        looked = self._looked.get(record.symbol)
        if looked is not None and looked != self._latest.get(record.symbol):
            self._add(looked, record, before if before <= record.counted else 0)
        self._add(time, record, record.counted)

    def _add(self, time: float, record: StubRecord, counted: int) -> None:
        point = [time, record.version, counted]
        self._latest[record.symbol] = time
        self._counts.setdefault(record.symbol, Thinned(_MOST_POINTS)).append(point)
        self._added("counts", record.symbol, point)


def _code(record: StubRecord) -> tuple[Any, ...]:
    """What of a record says which code runs, and what is counted for it."""
    return record.version, record.slot, record.limit, record.body, record.number
