"""Versions and their code: compiling what is missing, loading, publishing, taking out of use.

The life of code::

    compile ──▶ load ──▶ adopt ──▶ publish ──▶ in use ──▶ invalidate, or discard ──▶ retire ──▶ free
    (LLVM)      (memory) (whose,   (the slot   (running)  (a callee    (its version  (nobody    (memory
                         binding    leads                  changed)     changed)      comes in   given back)
                         whom)      there)                                            any more)

Everything here happens under the engine's lock, except for :meth:`Tiers.optimized`, which only compiles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from kaleido.jit.compiling import binding
from kaleido.jit.compiling.compiler import Compiled, Compiler
from kaleido.jit.events import EventKind
from kaleido.jit.native.code_ranges import CodeMap
from kaleido.jit.native.handlers import handlers
from kaleido.jit.native.loader import LoadedObject, Loader
from kaleido.jit.native.stubs import Stub, Stubs
from kaleido.jit.policy import Policy
from kaleido.jit.process.interrupts import raise_pending
from kaleido.jit.program.reclaim import Reclaimer
from kaleido.jit.program.symbols import Pending, SymbolTable
from kaleido.jit.program.versions import Code, Entry, Version
from kaleido.jit.unit import RunCounter, Signature, Tier, Unit

__all__ = ["Optimized", "Tiers", "UndefinedUnit"]


class UndefinedUnit(LookupError):
    """A unit that is about to run can reach `symbol`, which nobody has defined. `caller` calls it."""

    def __init__(self, symbol: str, caller: Unit) -> None:
        super().__init__(f"{caller.label} calls {symbol}, which is not defined")
        self.symbol, self.caller = symbol, caller


@dataclass(frozen=True)
class Optimized:
    """Optimized code on its way: the versions bound in it, the root first, and the object code."""

    members: tuple[Version, ...]
    compiled: Compiled

    @property
    def references(self) -> dict[str, Unit]:
        """The symbols that it calls through stubs, each with a unit that does."""
        inside = {member.unit.symbol for member in self.members}
        return {name: member.unit for member in self.members for name in member.unit.calls if name not in inside}


Loaded = tuple[Optimized, LoadedObject]
"""Optimized code in memory, which nothing leads to yet."""


class Tiers:
    """What versions there are is the symbols's; what code they have, and which of it is in use, is decided here."""

    def __init__(
        self,
        policy: Policy,
        symbols: SymbolTable,
        compiler: Compiler,
        loader: Loader,
        stubs: Stubs,
        reclaimer: Reclaimer,
    ) -> None:
        self._policy = policy
        self._symbols = symbols
        self._compiler = compiler
        self._loader = loader
        self._stubs = stubs
        self._reclaimer = reclaimer
        self.map = CodeMap[tuple[Version, Code]]()

    # Compiling

    def compile(
        self, roots: Iterable[Version], pending: Pending, *, complete: bool, again: Collection[Version] = ()
    ) -> list[Loaded]:
        """Give code to `roots` and to everything they can reach that has none; to those in `again` anew.

        Baseline code is in place when this returns: where a version is current, its stub leads there. Optimized code
        is loaded and returned for :meth:`adopt`, because it may bind versions that are still pending. Raises
        UndefinedUnit where `complete` and a name means nothing yet, ValueError where LLVM refuses the IR, LookupError
        where a C symbol is not to be found; then no current version has changed.
        """
        batch, made, seen, whole = self._missing(roots, pending, complete, again)
        for piece in binding.batches(batch, lambda version: version.unit, self._policy.batch_units):
            raise_pending()
            self._load_baseline(piece, pending)
        loaded = self._load_optimized(made, pending)
        # Readiness is remembered, so that a call need not look at all it can reach. It holds because a version that
        # is in use is only ever replaced by one that was compiled with all it can reach; it ends for everybody when
        # such a one comes to call a name that is not defined.
        for version in seen if whole else self._symbols.versions.values():
            version.ready = whole
        return loaded

    def _missing(
        self, roots: Iterable[Version], pending: Pending, complete: bool, again: Collection[Version]
    ) -> tuple[list[Version], list[Optimized], set[Version], bool]:
        """What to compile at the baseline, what was compiled at -O3, all that was seen, and whether that is all."""
        todo, seen = deque(roots), set[Version]()
        batch: list[Version] = []
        made: list[Optimized] = []
        whole = True
        while todo:
            version = todo.popleft()
            if version in seen or (version.ready and version not in again):
                continue
            raise_pending()
            seen.add(version)
            references: Mapping[str, Unit] = dict.fromkeys(version.unit.calls, version.unit)
            if version.code is not None and version not in again:
                references = version.code.references
            elif self._policy.baseline or version.unit.counter is RunCounter.NONE:
                batch.append(version)
            else:
                made.append(self.optimized(self.closure(version, pending)))
                references = made[-1].references
            for name, caller in references.items():
                callee = self._symbols.resolve(name, pending)
                if callee is not None:
                    todo.append(callee)
                elif complete:
                    raise UndefinedUnit(name, caller)
                else:
                    whole = False
        return batch, made, seen, whole

    def compile_ahead(self, new: Iterable[Version], pending: Pending, replaced: Collection[Version]) -> list[Loaded]:
        """Compile what must be there when `pending` becomes current.

        That is every version whose stub is in use already, with what it calls; and, where there is no baseline to
        go back to, everybody who bound a version that is going. Raises as :meth:`compile`, UndefinedUnit only where
        code that is running could come to the name.
        """
        used = [version for version in new if version.entry.stub is not None]
        stale = {root for version in replaced for root in version.dependents}.difference(replaced)
        again = set() if self._policy.baseline else stale
        return self.compile([*used, *again], pending, complete=self._reclaimer.busy, again=again)

    def closure(self, root: Version, pending: Pending) -> list[Version]:
        """What to bind statically in the optimized code of `root`, itself first."""

        def callees(version: Version) -> Iterable[Version]:
            found = (self._symbols.resolve(name, pending) for name in version.unit.calls)
            return (callee for callee in found if callee is not None)

        return binding.closure(root, callees, lambda version: version.unit, self._policy)

    def optimized(self, members: Sequence[Version], *, runs: int = 0) -> Optimized:
        """Compile at -O3, the first of `members` as the root, which had `runs`. Raises ValueError. Needs no lock."""
        compiled = self._compiler.optimized([member.unit for member in members])
        size = compiled.code.text_size
        self._symbols.emit(
            EventKind.COMPILED, members[0], tier=compiled.tier, seconds=compiled.seconds, size=size, runs=runs
        )
        return Optimized(tuple(members), compiled)

    # Loading and publishing

    def _load_baseline(self, batch: Sequence[Version], pending: Pending) -> None:
        compiled = self._compiler.baseline([version.unit for version in batch])
        loaded = self._load(compiled, batch, pending, frozenset(), users=len(batch))
        begins = sorted(loaded.addresses.values())
        ends = dict(zip(begins, [*begins[1:], begins[0] + compiled.code.text_size], strict=True))
        for version in batch:
            address = loaded.addresses[version.unit.body]
            size, seconds = ends[address] - address, compiled.seconds / len(batch)
            version.baseline = Code(
                compiled.tier, address, size, seconds, loaded, dict.fromkeys(version.unit.calls, version.unit)
            )
            self._add_to_map(version, version.baseline)
            self._symbols.emit(EventKind.COMPILED, version, version.baseline, batch=len(batch))
            if version.current:
                self.publish(version)

    def _load_optimized(self, made: Iterable[Optimized], pending: Pending) -> list[Loaded]:
        loaded: list[Loaded] = []
        try:
            for optimized in made:
                loaded.append((optimized, self.load(optimized, pending)))
        except BaseException:
            for _, library in loaded:
                library.release()
            raise
        return loaded

    def load(self, made: Optimized, pending: Pending) -> LoadedObject:
        """Load optimized code, without a way to it yet. Raises LookupError."""
        inside = frozenset(member.unit.symbol for member in made.members)
        return self._load(made.compiled, made.members, pending, inside)

    def adopt(self, made: Optimized, library: LoadedObject) -> None:
        """Make loaded code what its root's stub leads to. All its members are current."""
        root, compiled = made.members[0], made.compiled
        address, size = library.addresses[root.unit.body], compiled.code.text_size
        root.optimized = Code(compiled.tier, address, size, compiled.seconds, library, made.references)
        self._add_to_map(root, root.optimized)
        root.bound = made.members[1:]
        for member in root.bound:
            member.dependents.add(root)
        self.publish(root)

    def publish(self, version: Version) -> None:
        """Point a version's stub at its code; at the baseline by way of the counter, which begins again."""
        code = version.code
        if code is None:
            return
        stub = self.stub(version.entry, version.unit.signature)
        target = code.address
        if code.tier is Tier.BASELINE:
            # Another thread may be counting: the count is left alone, and begins where it is.
            fields = stub.fields
            version.runs_before = fields.runs
            if self._policy.tiered and version.unit.counter is not RunCounter.NONE:
                fields.body, fields.number = code.address, version.number
                # Last: who reaches the new limit must report the new number.
                fields.limit = version.runs_before + self._policy.thresholds[version.unit.counter]
                target = stub.prologue
        self._stubs.publish(stub, target)

    def stub(self, entry: Entry, signature: Signature) -> Stub:
        """The stub of a symbol, from the moment that somebody needs it."""
        if entry.stub is None:
            entry.stub = self._stubs.allocate(signature)
        return entry.stub

    def _load(
        self,
        compiled: Compiled,
        versions: Iterable[Version],
        pending: Pending,
        inside: frozenset[str],
        *,
        users: int = 1,
    ) -> LoadedObject:
        imports = handlers().imports
        for version in versions:
            imports.update(version.unit.externals)
            for name, signature in version.unit.calls.items():
                if name not in inside:
                    imports[name] = self.stub(self._symbols.entry(name, pending), signature).address
        return self._loader.load(compiled.code, compiled.exports, imports, users=users)

    def _add_to_map(self, version: Version, code: Code) -> None:
        self.map.add(code.address, code.address + code.size, (version, code))

    # Taking out of use

    def withdraw(self, version: Version) -> None:
        """Take a version's code out of use, and all optimized code that bound it."""
        for root in list(version.dependents):
            self._invalidate(root, version)
            if root.current:
                self.publish(root)
        self.discard(version)

    def discard(self, version: Version) -> None:
        """Have a version's code freed when nobody runs it any more."""
        self._unbind(version)
        for code in (version.baseline, version.optimized):
            if code is not None:
                self._retire(version, code)
        version.baseline = version.optimized = None

    def drop(self, entry: Entry) -> None:
        """Let the stub of a forgotten symbol be used again, when nobody can be on the way through it.

        Not if C was given its address: C may call it at any time, and must not come to another function.
        """
        if entry.stub is not None and entry.thunk is not None:
            self._stubs.disconnect(entry.stub)
        elif entry.stub is not None:
            self._reclaimer.retire(partial(self._stubs.free, entry.stub))

    def undefine(self, entry: Entry) -> None:
        """Make calls of a symbol that is not defined any more do nothing; what could make them does not start."""
        if entry.stub is not None:
            self._stubs.disconnect(entry.stub)
        self._symbols.nobody_is_ready()

    def _invalidate(self, root: Version, changed: Version) -> None:
        code, root.optimized = root.optimized, None
        self._unbind(root)
        self._symbols.emit(EventKind.DEOPTIMIZED, root, code, message=changed.unit.label)
        if code is not None:
            self._retire(root, code)

    def _unbind(self, root: Version) -> None:
        for member in root.bound:
            member.dependents.discard(root)
        root.bound = ()

    def _retire(self, version: Version, code: Code) -> None:
        self._reclaimer.retire(partial(self._free, version, code))

    def _free(self, version: Version, code: Code) -> None:
        self.map.remove(code.address)
        code.loaded.release()
        self._symbols.emit(EventKind.FREED, version, code)
