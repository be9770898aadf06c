"""The symbol table: what each name means now, and which versions call it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import count

from kaleido.jit.program.versions import Symbol, Version, with_nested
from kaleido.jit.unit import Unit, UnitError

__all__ = ["Names", "SymbolTable", "labels"]

Names = Mapping[str, Version | None]
"""What some names will mean after a redefinition, looked up before the table: a version, or None for a removed one."""


class SymbolTable:
    """`symbols` by name, and current `versions` by number. Used under the engine's lock.

    Only :meth:`current` and reads of single entries are safe without it.
    """

    def __init__(self) -> None:
        self.symbols: dict[str, Symbol] = {}
        self.versions: dict[int, Version] = {}
        self._numbers = count(1)

    # Looking up

    def current(self, name: str) -> Version | None:
        """The version that calls of `name` reach, if it is defined."""
        symbol = self.symbols.get(name)
        return symbol.version if symbol is not None else None

    def defined(self, name: str) -> Version:
        """The version that calls of `name` reach. Raises KeyError where it is not defined."""
        version = self.current(name)
        if version is None:
            raise KeyError(name)
        return version

    def resolve(self, name: str, after: Names) -> Version | None:
        """What `name` means after a redefinition."""
        return after[name] if name in after else self.current(name)

    def symbol(self, name: str, after: Names) -> Symbol:
        """The symbol of `name` after a redefinition; a new one where `name` was neither defined nor called."""
        version = after.get(name)
        if version is not None:
            return version.symbol
        return self.symbols.setdefault(name, Symbol(name))

    def superseded(self, names: Iterable[str]) -> list[Version]:
        """The current versions that are not current any more when `names` mean something else, nested ones included."""
        owners = (self.current(name) for name in names)
        return with_nested(version for version in owners if version is not None and not version.is_nested)

    # Changing

    def new_version(self, unit: Unit) -> Version:
        """A version of `unit`, with versions of its nested units; not current yet."""
        # In two steps, because loops may be nested more deeply than Python recurses.
        versions = {each.symbol: self._new_version(each, is_nested=each is not unit) for each in unit.with_nested()}
        for version in versions.values():
            version.own(tuple(versions[each.symbol] for each in version.unit.nested_units))
        return versions[unit.symbol]

    def _new_version(self, unit: Unit, *, is_nested: bool) -> Version:
        before, symbol = self.current(unit.symbol), self.symbols.get(unit.symbol)
        if symbol is None or (symbol.stub is not None and symbol.stub.signature != unit.signature):
            # With another signature a name is another symbol: the stub of the old one cannot be reused.
            symbol = Symbol(unit.symbol)
        ordinal = before.ordinal + 1 if before is not None else 1
        return Version(unit, next(self._numbers), ordinal, symbol, is_nested)

    def check(self, given: Collection[Version], after: Names, superseded: Collection[Version]) -> None:
        """Raise ValueError unless all calls agree with their callees once `after` has replaced `superseded`.

        `given` are the versions that a redefinition adds and removes, without nested ones.
        """
        if len(after) < len(with_nested(given)):
            raise ValueError("a symbol is given twice")
        replaced = frozenset(superseded)
        for name, version in after.items():
            if version is None:
                continue
            old = self.current(name)
            if old is not None and (version.is_nested or old.is_nested):
                if version.is_nested and old.is_nested:
                    raise UnitError(
                        version.unit, f"a nested unit has a new symbol in each version, and {name} is in use"
                    )
                raise ValueError(f"{name} is, or would become, nested in another unit")
            self._check_calls(version, after)
            self._check_callers(name, version, replaced)

    def _check_calls(self, version: Version, after: Names) -> None:
        for name, signature in version.unit.calls.items():
            callee = self.resolve(name, after)
            if callee is not None and callee.unit.signature != signature:
                raise ValueError(f"{version.unit.label} calls {name} by another signature than it has")

    def _check_callers(self, name: str, version: Version, replaced: frozenset[Version]) -> None:
        callers = self.symbols[name].callers.difference(replaced) if name in self.symbols else ()
        outdated = [caller for caller in callers if caller.unit.calls[name] != version.unit.signature]
        if outdated:
            raise ValueError(f"{version.unit.label} is called by another signature: by {labels(outdated)}")

    def install(self, added: Mapping[str, Version]) -> list[Symbol]:
        """Make `added` current. Returns the symbols that another symbol of their name has replaced."""
        replaced = []
        for name, version in added.items():
            before = self.symbols.get(name)
            if before is not None and before is not version.symbol:
                replaced.append(before)
            self.symbols[name] = version.symbol
            version.symbol.version = version
            self.versions[version.number] = version
        for version in added.values():
            for name in version.unit.calls:
                self.symbol(name, {}).add_caller(version)
        return replaced

    def remove(self, version: Version) -> None:
        """Take a version out of the table, whether another has become current or not."""
        for name in version.unit.calls:
            if name in self.symbols:
                self.symbols[name].remove_caller(version)
        del self.versions[version.number]
        if version.current:
            version.symbol.version = None

    def remove_uncalled(self, version: Version) -> list[Symbol]:
        """Remove the undefined symbols that only `version` called; returns them."""
        called = (self.symbols.get(name) for name in version.unit.calls)
        uncalled = [symbol for symbol in called if symbol is not None and _is_unused(symbol)]
        for symbol in uncalled:
            del self.symbols[symbol.name]
        return uncalled

    def mark_reachable_missing(self) -> None:
        """A symbol became undefined: every version is looked at again before its next run."""
        for version in self.versions.values():
            version.mark_reachable_compiled(False)


def _is_unused(symbol: Symbol) -> bool:
    return symbol.version is None and not symbol.callers


def labels(versions: Iterable[Version]) -> str:
    """The names of some versions, for a message."""
    return ", ".join(sorted({version.unit.label for version in versions}))
