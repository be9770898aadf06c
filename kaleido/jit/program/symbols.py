"""What is defined: symbols, their current versions, who calls whom; and the telling of what happens to them."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count
from typing import Any

from kaleido.jit.events import Event, EventKind, Listener
from kaleido.jit.program.versions import Code, Entry, Version, with_nested
from kaleido.jit.unit import Unit

__all__ = ["Pending", "SymbolTable", "labels"]

Pending = Mapping[str, Version | None]
"""Versions that are about to become current, by symbol: names are looked up there first. None is about to go."""


class SymbolTable:
    """Not thread-safe by itself, except for reading single entries and for :meth:`emit`."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.versions: dict[int, Version] = {}
        self._numbers = count(1)
        self._listeners: list[Listener] = []

    # Looking up

    def current(self, symbol: str) -> Version | None:
        """The version that calls of `symbol` reach, if there is one."""
        entry = self.entries.get(symbol)
        return entry.version if entry is not None else None

    def defined(self, symbol: str) -> Version:
        """The same; raises KeyError where there is none."""
        version = self.current(symbol)
        if version is None:
            raise KeyError(symbol)
        return version

    def resolve(self, symbol: str, pending: Pending) -> Version | None:
        """What `symbol` will mean once `pending` is current."""
        return pending[symbol] if symbol in pending else self.current(symbol)

    def entry(self, symbol: str, pending: Pending) -> Entry:
        """The entry of `symbol`, made if somebody is the first to call it."""
        version = pending.get(symbol)
        if version is not None:
            return version.entry
        return self.entries.setdefault(symbol, Entry(symbol))

    # Changing

    def version(self, unit: Unit) -> Version:
        """A new version, with versions of the unit's nested_units; not current yet."""
        # In two steps, because loops may be nested more deeply than Python recurses.
        made = {each.symbol: self._version(each, is_nested=each is not unit) for each in unit.with_nested()}
        for version in made.values():
            version.nested_units = tuple(made[part.symbol] for part in version.unit.nested_units)
        return made[unit.symbol]

    def _version(self, unit: Unit, *, is_nested: bool) -> Version:
        before, entry = self.current(unit.symbol), self.entries.get(unit.symbol)
        if entry is None or (entry.stub is not None and entry.stub.signature != unit.signature):
            # A symbol whose signature changes has nothing in common with what it was: not even the stub.
            entry = Entry(unit.symbol)
        ordinal = before.ordinal + 1 if before is not None else 1
        return Version(unit, next(self._numbers), ordinal, entry, is_nested)

    def check(self, given: Collection[Version], pending: Pending, replaced: Collection[Version]) -> None:
        """Raise ValueError unless all calls will agree with what they call when `pending` has replaced `replaced`.

        `given` are the versions that `pending` was made of: those to come, and those to go.
        """
        if len(pending) < len(with_nested(given)):
            raise ValueError("a symbol is given twice")
        for symbol, version in pending.items():
            if version is None:
                continue
            old = self.current(symbol)
            if old is not None and (version.is_nested or old.is_nested):
                raise ValueError(f"{symbol} is, or would become, a part of another unit")
            for name, signature in version.unit.calls.items():
                callee = self.resolve(name, pending)
                if callee is not None and callee.unit.signature != signature:
                    raise ValueError(f"{version.unit.label} calls {name} by another signature than it has")
            callers = self.entries[symbol].callers.difference(replaced) if symbol in self.entries else set()
            strangers = [caller for caller in callers if caller.unit.calls[symbol] != version.unit.signature]
            if strangers:
                raise ValueError(f"{version.unit.label} is called by another signature: by {labels(strangers)}")

    def replaced(self, pending: Pending) -> list[Version]:
        """The current versions that will not be current any more when `pending` is so, with their nested_units."""
        wholes = (self.current(symbol) for symbol in pending)
        return with_nested(version for version in wholes if version is not None and not version.is_nested)

    def install(self, pending: Mapping[str, Version]) -> list[Entry]:
        """Make `pending` current. Returns the entries that are thereby out of use."""
        spent = []
        for symbol, version in pending.items():
            before = self.entries.get(symbol)
            if before is not None and before is not version.entry:
                spent.append(before)
            self.entries[symbol] = version.entry
            version.entry.version = version
            self.versions[version.number] = version
        for version in pending.values():
            for name in version.unit.calls:
                self.entry(name, {}).callers.add(version)
            self.emit(EventKind.DEFINED, version, runs=0)
        return spent

    def uninstall(self, version: Version) -> None:
        """Forget a version, whether another has taken its place or not."""
        for name in version.unit.calls:
            if name in self.entries:
                self.entries[name].callers.discard(version)
        del self.versions[version.number]
        if version.current:
            version.entry.version = None

    def orphans(self, version: Version) -> list[Entry]:
        """Take out the undefined names that `version` called, and that nobody calls now; returns their entries."""
        entries = (self.entries.get(name) for name in version.unit.calls)
        orphans = [entry for entry in entries if entry is not None and entry.version is None and not entry.callers]
        for entry in orphans:
            del self.entries[entry.symbol]
        return orphans

    def nobody_is_ready(self) -> None:
        """Have every version looked at again before it runs: some may reach what is not defined."""
        for version in self.versions.values():
            version.ready = False

    # Telling

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` every event from now on; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def emit(self, kind: EventKind, version: Version, code: Code | None = None, **details: Any) -> None:
        """Tell everybody. What `details` does not say comes from `code` and `version`."""
        if not self._listeners:
            return
        if code is not None:
            details = {"tier": code.tier, "seconds": code.seconds, "size": code.size} | details
        if "runs" not in details:
            details["runs"] = version.runs
        unit = version.unit
        event = Event(
            kind,
            unit.label,
            unit.symbol,
            time.perf_counter(),
            threading.get_native_id(),
            version=version.ordinal,
            counter=unit.counter,
            **details,
        )
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception:
                # It may be in the middle of a publication, or on the recompiler's thread: that must go on.
                traceback.print_exc()


def labels(versions: Iterable[Version]) -> str:
    """The names of some versions, for a message."""
    return ", ".join(sorted({version.unit.label for version in versions}))
