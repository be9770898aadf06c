"""The engine: units in, running code out; definitions, tiers, publication, invalidation.

Who may touch what. One lock guards every table here, every load and every publication. Compiling for a caller who
waits happens under it; the recompiler takes it only to look up what it needs and, at the end, to check that all of
it is still current and to publish. Native code runs without it. LLVM has a lock of its own inside llvmlite, always
taken after this one.

State changes only after everything that can fail has succeeded: a definition that does not compile leaves
everything as it was.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from types import TracebackType
from typing import Any

from kaleido.jit import binding
from kaleido.jit.compiler import Compiled, Compiler, Transform
from kaleido.jit.evaluation import EvaluationThread
from kaleido.jit.events import Event, EventKind, Listener
from kaleido.jit.loader import Library, Loader
from kaleido.jit.policy import Policy
from kaleido.jit.reclaim import Reclaimer
from kaleido.jit.recompiler import Recompiler
from kaleido.jit.runtime import Runtime
from kaleido.jit.stats import UnitStats
from kaleido.jit.stubs import Stub, Stubs
from kaleido.jit.target import Target
from kaleido.jit.unit import Counts, Signature, Tier, Unit
from kaleido.jit.versions import Code, CodeMap, Entry, Image, Version, flattened

__all__ = ["Engine", "UndefinedUnit"]


class UndefinedUnit(LookupError):
    """A unit that is about to run can reach `symbol`, which nobody has defined. `caller` calls it."""

    def __init__(self, symbol: str, caller: Unit) -> None:
        super().__init__(f"{caller.label} calls {symbol}, which is not defined")
        self.symbol, self.caller = symbol, caller


@dataclass(frozen=True)
class _Optimised:
    """Optimised code on its way: the versions bound in it, the root first, and the object code."""

    members: tuple[Version, ...]
    compiled: Compiled

    @property
    def references(self) -> frozenset[str]:
        """The symbols that it calls through stubs."""
        calls = {name for member in self.members for name in member.unit.calls}
        return frozenset(calls.difference(member.unit.symbol for member in self.members))


class Engine:
    """A tiered JIT compiler. Thread-safe; close it, or use it as a context manager, to give everything back.

    `transform`, where given, is called with the linked module (an llvmlite ``ModuleRef``) of each optimised
    compilation before LLVM's pipeline runs, on whichever thread compiles.
    """

    def __init__(self, policy: Policy | None = None, *, transform: Transform | None = None) -> None:
        self.policy = policy or Policy()
        target = Target(self.policy)
        self._compiler = Compiler(target, transform)
        self._loader = Loader(target, self.policy.arena_libraries)
        self._runtime = Runtime(target, self._loader, wait=not self.policy.background)
        self._stubs = Stubs(target, self._loader, self._runtime)
        self._reclaimer = Reclaimer(self._runtime)
        self._evaluation = EvaluationThread(self.policy.stack_size)
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._entries: dict[str, Entry] = {}
        self._versions: dict[int, Version] = {}
        self._numbers = count(1)
        self._map = CodeMap()
        self._closed = False
        self._recompiler: Recompiler | None = None
        if self.policy.tiered:
            self._recompiler = Recompiler(self._runtime, self._became_hot, self._heat, self._recompile_number)
        self._at_exit = _close_at_exit(self)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Definitions

    def define(self, *units: Unit) -> None:
        """Make `units` the current versions of their symbols, all at once.

        Where a symbol's earlier version has code, the new one is compiled now; else when it is first needed. Raises
        ValueError where the IR is not valid, where other units call a symbol by another signature, or where a part
        has the symbol of a unit that exists.
        """
        with self._lock:
            new = [self._version(unit) for unit in units]
            pending = {version.unit.symbol: version for version in flattened(new)}
            replaced = flattened(old for unit in units if (old := self._current(unit.symbol)) is not None)
            self._check(new, pending, replaced)
            try:
                stale = self._compile_ahead(new, pending, replaced)
            except BaseException:
                self._discard(pending.values())
                raise
            for version in replaced:
                version.final_runs = version.runs
            for version in pending.values():
                self._install(version)
            for version in replaced:
                self._uninstall(version, stale)
                if version.unit.symbol not in pending:
                    self._drop(version.entry)
            self._reclaimer.collect()

    def remove(self, symbol: str) -> None:
        """Forget a unit, its parts and its stub. Raises KeyError, and ValueError where another unit calls it."""
        with self._lock:
            whole = list(self._defined(symbol).whole())
            callers = self._entries[symbol].callers.difference(whole)
            if callers:
                raise ValueError(f"{whole[0].unit.label} is called by {_labels(callers)}")
            for version in whole:
                version.final_runs = version.runs
                self._uninstall(version, {})
                self._drop(version.entry)
            self._reclaimer.collect()

    # Running

    def prepare(self, symbol: str) -> None:
        """Compile whatever `symbol` can reach that has no code yet. Raises KeyError, UndefinedUnit, ValueError."""
        with self._lock:
            self._compile([self._defined(symbol)], {}, complete=True)

    def call(self, symbol: str, *arguments: Any) -> Any:
        """Run a unit with Python numbers as `arguments`, on the evaluation thread, and return its result.

        Raises as :meth:`prepare` does; the first call of a symbol compiles it.
        """
        with self._lock:
            self.prepare(symbol)
            stub = self._stub(self._entries[symbol], self._defined(symbol).unit.signature)
            enter = self._runtime.entry(stub.signature)
        try:
            return self._evaluation.run(lambda: enter(stub.address, *arguments))
        finally:
            with self._lock:
                self._reclaimer.collect()

    def address(self, symbol: str) -> int:
        """A C function pointer to a unit: the same for all its versions of one signature, until it is removed."""
        with self._lock:
            self.prepare(symbol)
            entry = self._entries[symbol]
            if entry.thunk is None:
                stub = self._stub(entry, self._defined(symbol).unit.signature)
                entry.thunk = self._runtime.thunk(stub.signature, stub.address)
            return entry.thunk.addresses["entry"]

    def optimize(self, symbol: str) -> None:
        """Recompile a unit at -O3 now, whether it is hot or not, and publish it. Raises as :meth:`prepare`."""
        self.prepare(symbol)
        while self._recompile(self._defined(symbol)):
            pass

    def wait_until_idle(self) -> None:
        """Return when every unit that is hot by now has been recompiled."""
        if self._recompiler is not None:
            self._recompiler.wait_until_idle()

    def close(self) -> None:
        """Stop the recompiler and free all code. Nothing of the engine may be used afterwards.

        Waits for the compilation in progress, if there is one. While a thread is still inside native code, the
        code stays in memory.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self._at_exit)
        if self._recompiler is not None:
            self._recompiler.close()
        self._evaluation.close()
        with self._lock:
            if not any(self._runtime.inside):
                self._runtime.close()
                self._loader.close()

    # Looking in

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called with every event from now on; returns what ends that.

        It is called on the thread where the event happens, mostly with the engine's lock held: it must be quick, wait
        for no other thread, and not raise. The exception is the `compiled` event of a recompilation: it is told
        without the lock and before the publication, so a test may hold the recompiler there.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def stats(self) -> list[UnitStats]:
        """Every unit that is defined now, parts included, in the order of definition."""
        with self._lock:
            return [_statistics(self._versions[number]) for number in sorted(self._versions)]

    def tier(self, symbol: str) -> Tier | None:
        """The tier a unit runs in now; None while it has no code. Raises KeyError."""
        code = self._defined(symbol).code
        return code.tier if code is not None else None

    def unit_at(self, address: int) -> tuple[Unit, Tier] | None:
        """The unit and tier whose machine code is at `address`, or None."""
        with self._lock:
            found = self._map.find(address)
            return (found[0].unit, found[1].tier) if found is not None else None

    def ir(self, symbol: str, tier: Tier) -> str:
        """A unit's LLVM IR just before it becomes machine code; at -O3, linked with what it binds. Raises KeyError."""
        return str(self._compiler.module(self._members(symbol, tier), tier))

    def assembly(self, symbol: str, tier: Tier) -> str:
        """A unit's machine code as assembly text. Raises KeyError."""
        return self._compiler.assembly(self._members(symbol, tier), tier)

    def _members(self, symbol: str, tier: Tier) -> list[Unit]:
        with self._lock:
            root = self._defined(symbol)
            members = [root] if tier is Tier.BASELINE else self._closure(root, {})
            return [member.unit for member in members]

    # Versions

    def _version(self, unit: Unit) -> Version:
        entry = self._entries.get(unit.symbol)
        if entry is None or (entry.stub is not None and entry.stub.signature != unit.signature):
            # A symbol whose signature changes has nothing in common with what it was: not even the stub.
            entry = Entry(unit.symbol)
        version = Version(unit, next(self._numbers), entry)
        version.parts = tuple(self._version(part) for part in unit.parts)
        return version

    def _current(self, symbol: str) -> Version | None:
        entry = self._entries.get(symbol)
        return entry.version if entry is not None else None

    def _defined(self, symbol: str) -> Version:
        version = self._current(symbol)
        if version is None:
            raise KeyError(symbol)
        return version

    def _entry(self, symbol: str) -> Entry:
        return self._entries.setdefault(symbol, Entry(symbol))

    def _stub(self, entry: Entry, signature: Signature) -> Stub:
        if entry.stub is None:
            entry.stub = self._stubs.take(signature)
        return entry.stub

    def _check(self, new: Sequence[Version], pending: Mapping[str, Version], replaced: Sequence[Version]) -> None:
        for symbol, version in pending.items():
            if version not in new and symbol in self._entries:
                raise ValueError(f"{symbol} exists, and cannot become a part")
            for name, signature in version.unit.calls.items():
                callee = pending.get(name) or self._current(name)
                if callee is not None and callee.unit.signature != signature:
                    raise ValueError(f"{version.unit.label} calls {name} by another signature than it has")
            callers = self._entry(symbol).callers.difference(replaced) if symbol in self._entries else set()
            strangers = [caller for caller in callers if caller.unit.calls[symbol] != version.unit.signature]
            if strangers:
                raise ValueError(f"{version.unit.label} is called by another signature: by {_labels(strangers)}")

    def _install(self, version: Version) -> None:
        entry = version.entry
        before = self._entries.get(entry.symbol)
        if before is not None and before is not entry:
            entry.definitions = before.definitions
            self._drop(before)
        self._entries[entry.symbol] = entry
        entry.version = version
        entry.definitions += 1
        for name in version.unit.calls:
            self._entry(name).callers.add(version)
        self._versions[version.number] = version
        self._emit(EventKind.DEFINED, version)
        if version.code is not None:
            self._publish(version)

    def _uninstall(self, version: Version, stale: Mapping[Version, _Optimised]) -> None:
        """Take a version out of use, and all optimised code that bound it; `stale` is what takes that code's place."""
        for root in list(version.bound_by):
            self._invalidate(root)
            if root in stale:
                self._adopt(stale[root], {})
            elif root.current:
                self._publish(root)
        self._unbind(version)
        for name in version.unit.calls:
            if name in self._entries:
                self._entries[name].callers.discard(version)
        del self._versions[version.number]
        if version.current:
            version.entry.version = None
        self._discard([version])

    def _invalidate(self, root: Version) -> None:
        code, root.optimised = root.optimised, None
        self._unbind(root)
        self._emit(EventKind.INVALIDATED, root, tier=Tier.OPTIMISED)
        if code is not None:
            self._retire(root, code)

    def _unbind(self, root: Version) -> None:
        for member in root.bound:
            member.bound_by.discard(root)
        root.bound = ()

    def _drop(self, entry: Entry) -> None:
        """Forget a symbol; its stub may be used again when nobody can be on the way through it."""
        self._entries.pop(entry.symbol, None)
        if entry.thunk is not None:
            self._reclaimer.retire(entry.thunk.unload)
        if entry.stub is not None:
            self._reclaimer.retire(partial(self._stubs.give_back, entry.stub))

    def _discard(self, versions: Iterable[Version]) -> None:
        for version in versions:
            for code in (version.baseline, version.optimised):
                if code is not None:
                    self._retire(version, code)
            version.baseline = version.optimised = None

    def _retire(self, version: Version, code: Code) -> None:
        self._reclaimer.retire(partial(self._free, version, code))

    def _free(self, version: Version, code: Code) -> None:
        self._map.remove(code)
        code.image.release()
        self._emit(EventKind.RETIRED, version, code)

    # Code

    def _compile_ahead(
        self, new: Sequence[Version], pending: Mapping[str, Version], replaced: Sequence[Version]
    ) -> dict[Version, _Optimised]:
        """Compile what must be there when `pending` becomes current.

        That is every version whose stub is in use already, with what it calls; and, where there is no baseline to
        go back to, the optimised code of everybody who bound a version that is going.
        """
        self._compile([each for each in new if each.entry.version and each.entry.version.code], pending, complete=False)
        if self.policy.baseline:
            return {}
        roots = {root for version in replaced for root in version.bound_by}.difference(replaced)
        stale = {root: self._optimised(self._closure(root, pending)) for root in roots}
        callees = [self._resolve(name, pending) for made in stale.values() for name in made.references]
        self._compile([callee for callee in callees if callee is not None], pending, complete=False)
        return stale

    def _compile(self, roots: Iterable[Version], pending: Mapping[str, Version], *, complete: bool) -> None:
        """Give code to `roots` and to everything they can reach, looking names up in `pending` first.

        What belongs at the baseline is compiled in one batch. Raises UndefinedUnit where `complete` and a name means
        nothing yet.
        """
        todo, seen = deque(roots), set[Version]()
        batch: list[Version] = []
        made: list[_Optimised] = []
        whole = True
        while todo:
            version = todo.popleft()
            if version in seen or version.ready:
                continue
            seen.add(version)
            references: Iterable[str] = version.unit.calls
            if version.code is not None:
                references = version.code.references
            elif self.policy.baseline or version.unit.counts is Counts.NOTHING:
                batch.append(version)
            else:
                made.append(self._optimised(self._closure(version, pending)))
                references = made[-1].references
            for name in references:
                callee = self._resolve(name, pending)
                if callee is not None:
                    todo.append(callee)
                elif complete:
                    raise UndefinedUnit(name, version.unit)
                else:
                    whole = False
        for first in range(0, len(batch), self.policy.batch_units):
            self._load_baseline(batch[first : first + self.policy.batch_units], pending)
        for optimised in made:
            self._adopt(optimised, pending)
        # Readiness is remembered, so that a call need not look at all it can reach. It ends for everybody when
        # something comes to call a name that is not defined.
        for version in seen if whole else self._versions.values():
            version.ready = whole

    def _resolve(self, symbol: str, pending: Mapping[str, Version]) -> Version | None:
        return pending.get(symbol) or self._current(symbol)

    def _closure(self, root: Version, pending: Mapping[str, Version]) -> list[Version]:
        def callees(version: Version) -> Iterable[Version]:
            found = (self._resolve(name, pending) for name in version.unit.calls)
            return (version for version in found if version is not None)

        return binding.closure(root, callees, lambda version: version.unit, self.policy)

    def _optimised(self, members: Sequence[Version]) -> _Optimised:
        compiled = self._compiler.optimised([member.unit for member in members])
        size = compiled.code.text_size
        self._emit(EventKind.COMPILED, members[0], tier=compiled.tier, seconds=compiled.seconds, size=size)
        return _Optimised(tuple(members), compiled)

    def _load_baseline(self, batch: Sequence[Version], pending: Mapping[str, Version]) -> None:
        compiled = self._compiler.baseline([version.unit for version in batch])
        library = self._load(compiled, batch, pending, frozenset())
        image = Image(library, len(batch))
        begins = sorted(library.addresses.values())
        ends = dict(zip(begins, [*begins[1:], begins[0] + compiled.code.text_size], strict=True))
        for version in batch:
            address = library.addresses[version.unit.body]
            size, seconds = ends[address] - address, compiled.seconds / len(batch)
            version.baseline = Code(compiled.tier, address, size, seconds, image, frozenset(version.unit.calls))
            self._map.add(version, version.baseline)
            self._emit(EventKind.COMPILED, version, version.baseline, batch=len(batch))
            if version.current:
                self._publish(version)

    def _adopt(self, made: _Optimised, pending: Mapping[str, Version]) -> None:
        root, compiled = made.members[0], made.compiled
        inside = frozenset(member.unit.symbol for member in made.members)
        library = self._load(compiled, made.members, pending, inside)
        address, image = library.addresses[root.unit.body], Image(library, 1)
        size = compiled.code.text_size
        root.optimised = Code(compiled.tier, address, size, compiled.seconds, image, made.references)
        self._map.add(root, root.optimised)
        root.bound = made.members[1:]
        for member in root.bound:
            member.bound_by.add(root)
        if root.current:
            self._publish(root)

    def _load(
        self,
        compiled: Compiled,
        versions: Iterable[Version],
        pending: Mapping[str, Version],
        inside: frozenset[str],
    ) -> Library:
        imports: dict[str, int] = {}
        for version in versions:
            imports.update(version.unit.externals)
            for name, signature in version.unit.calls.items():
                if name not in inside:
                    entry = pending[name].entry if name in pending else self._entry(name)
                    imports[name] = self._stub(entry, signature).address
        return self._loader.load(compiled.code, compiled.exports, imports)

    def _publish(self, version: Version) -> None:
        """Point a version's stub at its code; at the baseline, by way of the counter, which begins again."""
        code = version.code
        if code is None:
            return
        stub = self._stub(version.entry, version.unit.signature)
        target = code.address
        if self._counted(version) and code.tier is Tier.BASELINE:
            fields = stub.fields
            fields.runs, fields.limit = 0, self.policy.thresholds[version.unit.counts]
            fields.body, fields.number = code.address, version.number
            target = stub.prologue
        self._stubs.publish(stub, target)

    def _counted(self, version: Version) -> bool:
        return self.policy.tiered and version.unit.counts is not Counts.NOTHING

    # Recompilation, on the recompiler's thread except for :meth:`optimize`

    def _became_hot(self, number: int) -> None:
        with self._lock:
            version = self._versions.get(number)
            if version is not None:
                self._emit(EventKind.HOT, version, tier=Tier.BASELINE)

    def _heat(self, number: int) -> float:
        """How hot a unit is: its runs, in thresholds. Stale requests are cold."""
        with self._lock:
            version = self._versions.get(number)
            return version.runs / self.policy.thresholds[version.unit.counts] if version is not None else 0.0

    def _recompile_number(self, number: int) -> bool:
        version = self._versions.get(number)
        if version is None:
            return False
        try:
            return self._recompile(version)
        except Exception as error:
            # Whatever it was, the unit runs at the baseline as before, and the next one gets its chance.
            self._emit(EventKind.FAILED, version, message=str(error))
            return False

    def _recompile(self, version: Version) -> bool:
        """Make optimised code for a version and publish it. True if a callee changed meanwhile: try again."""
        with self._lock:
            if self._closed or not version.current or version.optimised is not None:
                return False
            members = self._closure(version, {})
        made = self._optimised(members)
        with self._lock:
            if self._closed or not version.current or version.optimised is not None:
                return False
            if not all(member.current for member in members):
                self._emit(EventKind.INVALIDATED, version, tier=Tier.OPTIMISED)
                return True
            runs = version.runs
            self._adopt(made, {})
            self._emit(EventKind.SWAPPED, version, version.optimised, runs=runs)
            self._reclaimer.collect()
            return False

    # Events

    def _emit(self, kind: EventKind, version: Version, code: Code | None = None, **details: Any) -> None:
        if not self._listeners:
            return
        if code is not None:
            details = {"tier": code.tier, "seconds": code.seconds, "size": code.size} | details
        unit = version.unit
        event = Event(
            kind,
            unit.label,
            unit.symbol,
            time.perf_counter(),
            threading.get_native_id(),
            version=version.entry.definitions,
            counts=unit.counts,
            **{"runs": version.runs, **details},
        )
        for listener in list(self._listeners):
            listener(event)


def _labels(versions: Iterable[Version]) -> str:
    return ", ".join(sorted({version.unit.label for version in versions}))


def _statistics(version: Version) -> UnitStats:
    codes = [code for code in (version.baseline, version.optimised) if code is not None]
    return UnitStats(
        name=version.unit.label,
        symbol=version.unit.symbol,
        counts=version.unit.counts,
        tier=version.code.tier if version.code is not None else None,
        runs=version.runs,
        compile_seconds={code.tier: code.seconds for code in codes},
        code_bytes={code.tier: code.size for code in codes},
        versions=version.entry.definitions,
        bound_by=tuple(sorted({root.unit.label for root in version.bound_by})),
    )


def _close_at_exit(engine: Engine) -> Callable[[], None]:
    """Close the engine before the interpreter ends, when LLVM's own state is torn down under the recompiler."""
    reference = weakref.ref(engine)

    def close() -> None:
        live = reference()
        if live is not None:
            live.close()

    atexit.register(close)
    return close
