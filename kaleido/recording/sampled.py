"""Where the time went: samples of what the evaluation thread ran, by unit and tier."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from kaleido.jit import Engine, Event, EventKind, Sample, Sampler, UnitStats
from kaleido.recording.bounded import Thinned

__all__ = ["NO_SAMPLES", "Samples"]

_MOST_TIMES = 3_000

Json = dict[str, Any]

NO_SAMPLES: Json = {"interval": 0.0, "total": 0, "shares": [], "missing": "no samples were taken", "times": []}
Added = Callable[[str, str, Any], None]


class _Code(NamedTuple):
    begin: int
    end: int
    symbol: str
    tier: str


class Samples:
    """Takes the samples of an engine, if it can have any: `missing` is the reason why it has none.

    `milliseconds` turns a time of the engine into one of the recording; `added` is called with what is new.
    """

    def __init__(
        self, engine: Engine, milliseconds: Callable[[float], float], added: Added, present: Iterable[UnitStats]
    ) -> None:
        self._milliseconds, self._added = milliseconds, added
        self._codes: list[_Code] = []
        self._freed: list[_Code] = []
        self._times: Thinned[list[Any]] = Thinned(_MOST_TIMES)
        self._shares: Counter[tuple[str | None, str]] = Counter()
        self.missing = ""
        self._sampler: Sampler | None = None
        try:
            self._sampler = engine.sampler()
        except OSError as error:
            self.missing = str(error)
        for each in present:
            if each.tier is not None and each.address is not None:
                end = each.address + each.code_bytes[each.tier]
                insort(self._codes, _Code(each.address, end, each.symbol, str(each.tier)))

    def close(self) -> None:
        if self._sampler is not None:
            self._sampler.close()

    def observe(self, event: Event) -> None:
        """Take note of code that was loaded or freed; freed code may still be found by the next :meth:`take`."""
        if event.kind is EventKind.LOADED:
            insort(self._codes, _Code(event.address, event.address + event.size, event.symbol, str(event.tier)))
        elif event.kind is EventKind.FREED:
            self._freed += [code for code in self._codes if code.begin == event.address]
            self._codes = [code for code in self._codes if code.begin != event.address]

    def read(self) -> list[Sample]:
        """The new samples, for :meth:`take` when all events up to now were observed."""
        return self._sampler.take() if self._sampler is not None else []

    def take(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            code = next(filter(None, map(self._find, sample.addresses)), None)
            symbol, tier = (code.symbol, code.tier) if code is not None else (None, "other")
            self._shares[symbol, tier] += 1
            point = [self._milliseconds(sample.time), symbol, tier]
            self._times.append(point)
            self._added("samples", "", point)
        self._freed.clear()

    def _find(self, address: int) -> _Code | None:
        index = bisect_right(self._codes, address, key=lambda code: code.begin) - 1
        if index >= 0 and address < self._codes[index].end:
            return self._codes[index]
        return next((code for code in self._freed if code.begin <= address < code.end), None)

    def summary(self) -> Json:
        """All but the times."""
        total = self._shares.total()
        seconds = self._sampler.seconds if self._sampler is not None else 0.0
        shares = [{"symbol": name, "tier": tier, "count": count} for (name, tier), count in self._shares.most_common()]
        interval = round(seconds * 1000 / total, 4) if total else 0.0
        return {"interval": interval, "total": total, "shares": shares, "missing": self.missing}

    def as_json(self) -> Json:
        return {**self.summary(), "times": list(self._times)}
