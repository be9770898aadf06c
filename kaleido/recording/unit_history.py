"""What became of each unit: its versions, and their machine code, from the engine's events in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from kaleido.jit import Event, EventKind, RunCounter, Tier, Unit, UnitStats
from kaleido.recording.sources import Sources

__all__ = ["Code", "Describe", "Description", "History", "UnitHistory", "VersionHistory", "describe"]


class Description(NamedTuple):
    """The `kind` of a unit (function, loop, expression or other), and its `origin` (program or prelude)."""

    kind: str
    origin: str


Describe = Callable[[Unit], Description]

# Units, and versions of each unit: the first ones of these, and the latest.
_MOST_UNITS, _MOST_VERSIONS, _FIRST_VERSIONS = 4_000, 100, 20

_KINDS = {RunCounter.CALLS: "function", RunCounter.ITERATIONS: "loop", RunCounter.NONE: "expression"}


def describe(unit: Unit) -> Description:
    """The description of a unit of any language: its kind by what its runs are counted as."""
    return Description(_KINDS[unit.counter], "program")


@dataclass
class Code:
    """Machine code of a version. Times are in milliseconds; `since` and `until` are when it came into and out of use.

    `inlined` are the symbols and versions of the units that were compiled into it.
    """

    tier: Tier
    began: float
    ended: float
    size: int
    batch: int = 1
    inlined: tuple[tuple[str, int], ...] = ()
    since: float | None = None
    until: float | None = None
    address: int = 0
    view: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "tier": str(self.tier),
            "began": self.began,
            "ended": self.ended,
            "from": self.since,
            "until": self.until,
            "size": self.size,
            "address": f"{self.address:#x}",
            "batch": self.batch,
            "inlined": [list(each) for each in self.inlined],
            "view": self.view,
        }


@dataclass
class VersionHistory:
    """A definition of a symbol: when it was current, in milliseconds, and its code in the order of its use."""

    number: int
    unit: Unit | None = None
    defined: float | None = None
    replaced: float | None = None
    codes: list[Code] = field(default_factory=list)
    compiled: Code | None = None

    def as_json(self, sources: Sources) -> dict[str, Any]:
        place = self.unit.place if self.unit is not None else None
        return {
            "version": self.number,
            "defined": self.defined,
            "replaced": self.replaced,
            "place": sources.place(place) if place is not None else None,
            "calls": list(self.unit.calls) if self.unit is not None else [],
            "codes": [code.as_json() for code in self.codes],
        }

    def end(self, time: float) -> None:
        """Take the version, and all of its code, out of use."""
        self.replaced = time if self.replaced is None else self.replaced
        for code in self.codes:
            code.until = time if code.until is None else code.until


@dataclass
class UnitHistory:
    symbol: str
    name: str
    counter: RunCounter
    description: Description | None = None
    parent: str | None = None
    versions: dict[int, VersionHistory] = field(default_factory=dict)
    left_out: int = 0

    def version(self, number: int) -> VersionHistory:
        """A version: of a new one, code may be compiled before it is defined. Of many, some in the middle go."""
        if number not in self.versions:
            self.versions[number] = VersionHistory(number)
            if len(self.versions) > _MOST_VERSIONS:
                del self.versions[sorted(self.versions)[_FIRST_VERSIONS]]
                self.left_out += 1
        return self.versions[number]

    @property
    def has_ended(self) -> bool:
        """Whether no version is current."""
        return all(version.replaced is not None for version in self.versions.values())

    @property
    def is_of_program(self) -> bool:
        return self.description is not None and self.description.origin == "program"

    @property
    def has_optimized(self) -> bool:
        """Whether it ever had optimized code."""
        return any(code.tier is Tier.OPTIMIZED for version in self.versions.values() for code in version.codes)

    @property
    def is_optimized(self) -> bool:
        """Whether it has optimized code now."""
        codes = self.current.codes if self.current is not None else []
        return any(code.tier is Tier.OPTIMIZED and code.until is None for code in codes)

    @property
    def current(self) -> VersionHistory | None:
        return max(self.versions.values(), key=lambda version: version.number, default=None)

    def as_json(self, sources: Sources) -> dict[str, Any]:
        description = self.description or Description("other", "program")
        return {
            "symbol": self.symbol,
            "name": self.name,
            "kind": description.kind,
            "counter": str(self.counter),
            "origin": description.origin,
            "parent": self.parent,
            "versions": [self.versions[number].as_json(sources) for number in sorted(self.versions)],
        }


class History:
    """The units that something has happened to, by symbol. Not thread-safe by itself.

    `present` are the units that are there now: those without events were there before.
    """

    def __init__(self, origin: float, describe: Describe, present: Iterable[UnitStats] = ()) -> None:
        self._origin, self._describe = origin, describe
        self._present = {each.symbol: each for each in present}
        self._parents: dict[str, str] = {}
        self.units: dict[str, UnitHistory] = {}
        self._dropped = {"units": 0, "versions": 0}
        for each in self._present.values():
            self._adopt(each.unit)

    def milliseconds(self, time: float) -> float:
        """A time of an event, as milliseconds since the beginning."""
        return round((time - self._origin) * 1000, 4)

    def add(self, event: Event) -> None:
        """Take an event into account."""
        unit = self._unit(event)
        version = unit.version(event.version)
        time = self.milliseconds(event.time)
        match event.kind:
            case EventKind.DEFINED:
                self._define(unit, version, event, time)
            case EventKind.COMPILED:
                version.compiled = self._code(event, time)
            case EventKind.LOADED:
                self._load(version, event, time)
            case EventKind.SWAPPED:
                for code in version.codes[-1:]:
                    code.since = time
            case EventKind.DEOPTIMIZED:
                for code in version.codes:
                    if code.tier is Tier.OPTIMIZED and code.until is None:
                        code.until = time
            case EventKind.FREED:
                for code in version.codes:
                    if code.address == event.address and code.until is None:
                        code.until = time
            case EventKind.RAN:
                for each in self._with_nested(unit):
                    each.end(time)

    def drop_ended(self) -> list[str]:
        """Leave out the oldest units that have ended, if there are too many. Returns their symbols."""
        if len(self.units) <= _MOST_UNITS:
            return []
        ended = [symbol for symbol, unit in self.units.items() if unit.has_ended]
        dropped = ended[: len(self.units) - _MOST_UNITS // 2]
        for symbol in dropped:
            self._dropped["versions"] += self.units.pop(symbol).left_out
            self._parents.pop(symbol, None)
        self._dropped["units"] += len(dropped)
        return dropped

    @property
    def left_out(self) -> dict[str, int]:
        """How many units, and versions of the others, were left out."""
        versions = sum(unit.left_out for unit in self.units.values())
        return {"units": self._dropped["units"], "versions": self._dropped["versions"] + versions}

    def optimized(self, most: int) -> list[str]:
        """At most `most` units of the program that have optimized code now, in the order of their first events."""
        found = [unit for unit in self.units.values() if unit.is_optimized and unit.is_of_program]
        return [unit.symbol for unit in found[:most]]

    def codes(self, most: int) -> Iterator[tuple[Code, list[Unit]]]:
        """Code with the units that were compiled into it, as far as all are known: at first that of optimized units."""
        units = sorted(self.units.values(), key=lambda unit: (not unit.has_optimized, not unit.is_of_program))
        found = (
            (code, members)
            for unit in units
            for version in unit.versions.values()
            for code in version.codes
            if (members := self._members(version, code)) is not None
        )
        return islice(found, most)

    def used(self, symbol: str, tier: Tier) -> tuple[Code, list[Unit]] | None:
        """The code of a tier that a unit has in use, as :meth:`codes` has it; None if there is none."""
        current = self.units[symbol].current if symbol in self.units else None
        for code in reversed(current.codes if current is not None else []):
            if code.tier is tier and code.until is None and current is not None:
                members = self._members(current, code)
                return (code, members) if members is not None else None
        return None

    def _members(self, version: VersionHistory, code: Code) -> list[Unit] | None:
        inlined = [self._unit_of(symbol, number) for symbol, number in code.inlined]
        members = [version.unit, *inlined]
        return None if None in members else [each for each in members if each is not None]

    def _unit_of(self, symbol: str, number: int) -> Unit | None:
        unit = self.units.get(symbol)
        if unit is not None and number in unit.versions:
            return unit.versions[number].unit
        return self._present[symbol].unit if symbol in self._present else None

    def name_of(self, symbol: str) -> str:
        """The name of a symbol; the symbol itself for one that nothing has happened to."""
        if symbol in self.units:
            return self.units[symbol].name
        return self._present[symbol].name if symbol in self._present else symbol

    def _unit(self, event: Event) -> UnitHistory:
        unit = self.units.get(event.symbol)
        if unit is None:
            unit = UnitHistory(event.symbol, event.unit, event.counter, parent=self._parents.get(event.symbol))
            self.units[event.symbol] = unit
            before = self._present.get(event.symbol)
            if before is not None and (before.versions, event.kind is EventKind.DEFINED) < (event.version, True):
                self._begin(unit, before)
        return unit

    def _begin(self, unit: UnitHistory, stats: UnitStats) -> None:
        """Add the version, and the code, that a unit had before the first event."""
        version = unit.versions[stats.versions] = VersionHistory(stats.versions, stats.unit, 0.0)
        unit.description = self._describe(stats.unit)
        for tier, size in stats.code_bytes.items():
            address = stats.address if tier is stats.tier and stats.address is not None else 0
            version.codes.append(Code(tier, 0.0, 0.0, size, since=0.0, address=address))

    def _define(self, unit: UnitHistory, version: VersionHistory, event: Event, time: float) -> None:
        version.defined, version.unit = time, event.definition
        for each in unit.versions.values():
            if each.number < version.number:
                each.end(time)
        for code in version.codes:
            code.since = time
        if event.definition is not None:
            unit.name, unit.counter = event.unit, event.counter
            unit.description = self._describe(event.definition)
            self._adopt(event.definition)
            unit.parent = self._parents.get(unit.symbol)

    def _adopt(self, unit: Unit) -> None:
        for each in unit.nested_units:
            self._parents[each.symbol] = unit.symbol
            if each.symbol in self.units:
                self.units[each.symbol].parent = unit.symbol

    def _with_nested(self, unit: UnitHistory) -> Iterator[VersionHistory]:
        waiting = [unit.symbol]
        while waiting:
            found = self.units.get(waiting.pop())
            if found is not None and (current := found.current) is not None:
                yield current
                waiting += [each.symbol for each in current.unit.nested_units] if current.unit is not None else []

    def _code(self, event: Event, time: float) -> Code:
        assert event.tier is not None
        began = self.milliseconds(event.began)
        ended = time
        if event.tier is Tier.BASELINE:
            ended = self.milliseconds(event.began + event.seconds * event.batch)
        inlined = tuple((each, self._current_number(each)) for each in event.inlined)
        return Code(event.tier, began, ended, event.size, event.batch, inlined)

    def _current_number(self, symbol: str) -> int:
        current = self.units[symbol].current if symbol in self.units else None
        if current is not None:
            return current.number
        return self._present[symbol].versions if symbol in self._present else 1

    def _load(self, version: VersionHistory, event: Event, time: float) -> None:
        assert event.tier is not None
        code, version.compiled = version.compiled, None
        if code is None or code.tier is not event.tier:
            code = Code(event.tier, time, time, event.size)
        # Code of a version that is not current yet comes into use with it.
        code.since, code.address = time, event.address
        version.codes.append(code)
