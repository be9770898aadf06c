"""A redefinition: versions that become current, and symbols that are removed, all at once or not at all.

What happens when g changes:

=====================================  =================================================================================
baseline code that calls g             calls g's stub, which now leads to the new version: its next call
optimized code that inlined g          is deoptimized: its stub leads to its baseline, and its counter starts again;
                                       after many times, with a larger limit
optimized code that inlined g, running runs on with the old g until it returns: a loop in it, until the loop ends
a loop of the old g, still running     ends in the code it is in: its version is out of the table, and is not optimized
optimized code that is being compiled  is dropped when the recompiler comes to publish it, and compiled again
with no baseline tier (--jit=O3)       the dependents of g are recompiled first, and exchanged together with g
the old g itself                       is retired: freed after a grace period, when no call can be in it any more
the counter of g                       continues in g's record; the new version's runs are counted from its value
a stub that C has the address of       stays; if g is removed, or has another signature, its calls return zero
units that call g, where g is removed  stay defined; they are refused before they run, until g is defined again
a running program that can reach g     keeps g from being removed: UndefinedUnit
=====================================  =================================================================================

State changes only in :meth:`Redefinition.commit`, after everything that can fail has succeeded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kaleido.jit.compiling.module_names import stub_name
from kaleido.jit.events import EventKind
from kaleido.jit.program.compilation import Loaded, UndefinedUnit
from kaleido.jit.program.data import DataChange
from kaleido.jit.program.program import Program
from kaleido.jit.program.symbols import Names
from kaleido.jit.program.versions import Symbol, Version, with_nested
from kaleido.jit.unit import Data, Unit

__all__ = ["Redefinition"]


class Redefinition:
    """One transaction over a program's tables; under the engine's lock from its beginning to its end.

    `added`, `removed`  the versions of `units` and of the `removed` symbols; `added_by_name` has nested ones, too
    `after`             what their names mean afterwards
    `superseded`        the versions that are not current afterwards

    Raises KeyError where a removed symbol is not defined.
    """

    def __init__(self, program: Program, definitions: Iterable[Unit | Data], removed: Iterable[str] = ()) -> None:
        self._program = program
        symbols, removed, definitions = program.symbols, list(removed), list(definitions)
        data = [each for each in definitions if isinstance(each, Data)]
        self._data = DataChange(program.data, data, removed)
        self.removed = [symbols.defined(name) for name in removed if name not in self._data.removed]
        self.added = [symbols.new_version(each) for each in definitions if isinstance(each, Unit)]
        self.added_by_name = {version.unit.symbol: version for version in with_nested(self.added)}
        removed_names = dict.fromkeys(version.unit.symbol for version in with_nested(self.removed))
        self.after: Names = {**removed_names, **self.added_by_name}
        self.superseded: Sequence[Version] = symbols.superseded(self.after)
        self._recompiled: list[Loaded] = []

    def run(self) -> frozenset[str]:
        """The whole transaction. Returns and raises as :meth:`commit`, :meth:`check` and :meth:`compile`."""
        if self._concerns_direct_calls():
            # First: no direct call may begin between the check for calls that are active and the change.
            self._program.access.end_epoch()
        self.check()
        try:
            self.compile()
        except BaseException:
            self.roll_back()
            raise
        return self.commit()

    def check(self) -> None:
        """Raise ValueError where calls and signatures would disagree, or a symbol is given twice or is a nested unit's.

        Raise ValueError also where units and data disagree. Raise UndefinedUnit where a running program could call a
        removed symbol.
        """
        symbols = self._program.symbols
        symbols.check([*self.added, *self.removed], self.after, self.superseded)
        self._check_externals()
        remaining: list[Version] = []
        superseded = frozenset(self.superseded)
        if not self._data.is_empty:
            remaining = [version for version in symbols.versions.values() if version not in superseded]
        self._data.check(self.added_by_name.values(), remaining)
        for version in self.removed:
            callers = version.symbol.callers.difference(superseded)
            if callers and self._program.reclaimer.busy:
                raise UndefinedUnit(version.unit.symbol, next(iter(callers)).unit)

    def compile(self) -> None:
        """Compile whatever must have code when the new versions become current.

        Raises ValueError where LLVM rejects the IR, LookupError where a C symbol is not found, UndefinedUnit where a
        running program could reach an undefined symbol.
        """
        self._data.load()
        self._recompiled = self._program.compiler.compile_ahead(self.added, self.after, self.superseded)

    def commit(self) -> frozenset[str]:
        """Make the new versions current. Returns the symbols whose optimized code is thereby out of use."""
        program = self._program
        deoptimized = {version for version in self.superseded if version.optimized is not None}
        deoptimized |= program.publisher.dependents(self.superseded)
        for version in self.superseded:
            version.stop_counting()
        self._data.commit()
        for symbol in program.symbols.install(self.added_by_name):
            program.publisher.retire_stub(symbol)
        for version in self.added_by_name.values():
            program.publisher.publish(version)
        for version in self.added_by_name.values():
            program.events.emit(EventKind.DEFINED, version, runs=0, definition=version.unit)
        self._drop_superseded()
        for compilation, loaded in self._recompiled:
            program.compiler.install_optimized(compilation, loaded)
        program.reclaimer.collect()
        return frozenset(version.unit.symbol for version in deoptimized)

    def _concerns_direct_calls(self) -> bool:
        """Whether a unit that is called directly, or that others call, changes."""
        superseded = frozenset(self.superseded)
        symbols = (version.symbol for version in superseded)
        return any(symbol.called_directly or symbol.callers.difference(superseded) for symbol in symbols)

    def _check_externals(self) -> None:
        """Raise ValueError where a unit has another address for an external than the engine, or the name of one."""
        of_engine = self._program.externals
        for name in of_engine.keys() & self.added_by_name.keys():
            if stub_name(name) == name:
                raise ValueError(f"{name} is an external of the engine")
        for version in self.added_by_name.values() if of_engine else ():
            for name, address in version.unit.externals.items():
                if of_engine.get(name, address) != address:
                    raise ValueError(f"{version.unit.label} has another address for {name} than the engine")

    def roll_back(self) -> None:
        """Give back whatever was compiled for versions that will never be current."""
        self._data.roll_back()
        for version in self.added_by_name.values():
            self._program.publisher.retire_code(version)
            self._remove_uncalled(version)
            if self._program.symbols.symbols.get(version.unit.symbol) is not version.symbol:
                self._program.publisher.retire_stub(version.symbol)
        self._program.reclaimer.collect()

    def _drop_superseded(self) -> None:
        for version in self.superseded:
            self._program.publisher.deoptimize_dependents(version)
            self._program.symbols.remove(version)
        for version in self.superseded:
            self._drop_undefined(version.symbol)
            self._remove_uncalled(version)
            # Last: code is retired only after no slot leads to it.
            self._program.publisher.retire_code(version)

    def _drop_undefined(self, symbol: Symbol) -> None:
        """A symbol without a version stays in the table, disconnected, as long as a version calls it."""
        program = self._program
        if symbol.version is not None or program.symbols.symbols.get(symbol.name) is not symbol:
            return
        if symbol.callers:
            program.publisher.disconnect(symbol)
            program.symbols.mark_reachable_missing()
        else:
            del program.symbols.symbols[symbol.name]
            program.publisher.retire_stub(symbol)

    def _remove_uncalled(self, version: Version) -> None:
        for symbol in self._program.symbols.remove_uncalled(version):
            self._program.publisher.retire_stub(symbol)
