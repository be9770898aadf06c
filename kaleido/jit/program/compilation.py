"""Versions to loaded machine code.

A version is compiled when it is first needed, together with every version that it can reach in the call graph and that
has no code yet. So native code never calls a stub that leads nowhere, and needs no check for that.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from kaleido.jit.compiling.lazy_compiler import LazyCompiler
from kaleido.jit.compiling.module_names import external_name, generic_name, stub_name
from kaleido.jit.compiling.object_code import ObjectCode
from kaleido.jit.compiling.specialization import Constants
from kaleido.jit.events import EventKind
from kaleido.jit.native.code_memory import check_headroom
from kaleido.jit.native.handlers import handlers
from kaleido.jit.native.loader import LoadedObject, Loader
from kaleido.jit.policy import Policy
from kaleido.jit.process.interrupts import raise_pending
from kaleido.jit.program.data import DataTable
from kaleido.jit.program.event_stream import EventStream
from kaleido.jit.program.grouping import batches, inline_group
from kaleido.jit.program.publication import Publisher
from kaleido.jit.program.reclaim import Reclaimer
from kaleido.jit.program.speculation import assumptions, constants_of
from kaleido.jit.program.symbols import Names, SymbolTable
from kaleido.jit.program.versions import MachineCode, Version
from kaleido.jit.unit import Tier, Unit, UnresolvedName, c_name

__all__ = ["Compilation", "UndefinedUnit", "VersionCompiler"]


# The bytes that a compilation may need: measured at -O3, 10 MB, and up to 80 for each character of IR.
_HEADROOM, _HEADROOM_FOR_IR = 16 << 20, 150


class UndefinedUnit(LookupError):
    """A unit that is about to run can reach `symbol`, which is not defined. `caller` calls it."""

    def __init__(self, symbol: str, caller: Unit) -> None:
        super().__init__(f"{caller.label} calls {symbol}, which is not defined")
        self.symbol, self.caller = symbol, caller


class Compilation(NamedTuple):
    """Object code of `members`: a batch at the baseline; at -O3 an inline group, whose root is the first.

    `seconds` is what compiling took; it began at `began`. `constants` are arguments that the code takes for constants.
    """

    tier: Tier
    members: tuple[Version, ...]
    code: ObjectCode
    seconds: float
    began: float
    constants: Constants

    @property
    def root(self) -> Version:
        return self.members[0]

    @property
    def exports(self) -> list[str]:
        """The bodies that can be called from outside."""
        exported = self.members if self.tier is Tier.BASELINE else self.members[:1]
        return [version.unit.body for version in exported]

    @property
    def stub_calls(self) -> dict[str, Unit]:
        """The symbols that its code, or C for it, calls through stubs, each with a unit that does."""
        bound = {member.unit.symbol for member in self.members} if self.tier is Tier.OPTIMIZED else set()
        return {
            name: member.unit
            for member in self.members
            for name in member.unit.calls
            if name not in bound or name in member.unit.c_functions
        }


Loaded = tuple[Compilation, LoadedObject]
"""Optimized code in memory that is not published."""


class _Plan:
    """What has to be compiled so that some versions can run.

    `missing`   versions that need baseline code
    `compiled`  compilations of versions that need optimized code, because there is no baseline tier
    `visited`   every version the search came to
    `complete`  whether every symbol it came to is defined
    """

    def __init__(self) -> None:
        self.missing: list[Version] = []
        self.compiled: list[Compilation] = []
        self.visited: set[Version] = set()
        self.complete = True


class VersionCompiler:
    """Compiles and loads versions. Everything but :meth:`compile_optimized` is used under the engine's lock."""

    def __init__(
        self,
        policy: Policy,
        compiler: LazyCompiler,
        loader: Loader,
        symbols: SymbolTable,
        publisher: Publisher,
        reclaimer: Reclaimer,
        events: EventStream,
        data: DataTable,
        externals: Mapping[str, int],
    ) -> None:
        self.policy, self._compiler, self._loader = policy, compiler, loader
        self._data, self._externals = data, externals
        self._symbols, self._publisher, self._reclaimer, self._events = symbols, publisher, reclaimer, events

    def compile(
        self, roots: Iterable[Version], after: Names, *, complete: bool, again: Collection[Version] = ()
    ) -> list[Loaded]:
        """Compile `roots` and every version reachable from them that has no machine code; recompile those in `again`.

        Names mean what they mean `after` a redefinition. Baseline code is installed when this returns, and published
        where its version is current. Optimized code is loaded and returned for :meth:`install_optimized`, because it
        may have inlined versions that are not current yet.

        Raises UndefinedUnit where `complete` and a reachable symbol is not defined, ValueError where LLVM rejects the
        IR, LookupError where a C symbol is not found, MemoryError; then the code of no current version has changed.
        """
        plan = self._plan(roots, after, complete, again)
        for batch in batches(plan.missing, self.policy.batch_units):
            raise_pending()
            self._compile_baseline(batch, after)
        loaded = self._load_all(plan.compiled, after)
        # `reachable_compiled` caches the search, so that a call need not walk the call graph. A redefinition keeps it
        # valid, because a replacement is compiled together with its callees. It is cleared for every version when a
        # reachable symbol is not defined.
        if plan.complete:
            for version in plan.visited:
                version.mark_reachable_compiled(True)
        else:
            self._symbols.mark_reachable_missing()
        return loaded

    def _plan(self, roots: Iterable[Version], after: Names, complete: bool, again: Collection[Version]) -> _Plan:
        """Search the call graph breadth first."""
        plan, queue = _Plan(), deque(roots)
        while queue:
            version = queue.popleft()
            if version in plan.visited or (version.reachable_compiled and version not in again):
                continue
            raise_pending()
            plan.visited.add(version)
            for name, caller in self._plan_one(version, plan, after, again).items():
                callee = self._symbols.resolve(name, after)
                if callee is not None:
                    queue.append(callee)
                elif complete:
                    raise UndefinedUnit(name, caller)
                else:
                    plan.complete = False
        return plan

    def _plan_one(self, version: Version, plan: _Plan, after: Names, again: Collection[Version]) -> Mapping[str, Unit]:
        """Plan what `version` itself needs; returns the symbols that its code calls through stubs."""
        if version.code is not None and version not in again and not self._is_below_policy(version):
            return version.code.stub_calls
        if self.policy.baseline or not version.unit.becomes_hot:
            plan.missing.append(version)
            return dict.fromkeys(version.unit.calls, version.unit)
        plan.compiled.append(self.compile_optimized(self.inline_group(version, after)))
        return plan.compiled[-1].stub_calls

    def _is_below_policy(self, version: Version) -> bool:
        """Whether it has baseline code from a time when the policy had a baseline."""
        only_baseline = version.code is not None and version.code.tier is Tier.BASELINE
        return only_baseline and not self.policy.baseline and version.unit.becomes_hot

    def compile_ahead(self, added: Iterable[Version], after: Names, superseded: Collection[Version]) -> list[Loaded]:
        """Compile what must have code at the moment when `after` becomes current.

        That is every added version whose stub is in use, with its callees; and, where there is no baseline to return
        to, every dependent of a superseded version. Raises as :meth:`compile`; UndefinedUnit only where code that is
        running could reach the symbol.
        """
        in_use = [version for version in added if version.symbol.stub is not None]
        again: set[Version] = set()
        if not self.policy.baseline:
            again = self._publisher.dependents(superseded).difference(superseded)
        if not in_use and not again:
            return []
        return self.compile([*in_use, *again], after, complete=self._reclaimer.busy, again=again)

    def inline_group(self, root: Version, after: Names) -> tuple[Version, ...]:
        """The versions to compile in one module with `root` at -O3, `root` first."""

        def callees(version: Version) -> Iterable[Version]:
            found = (self._symbols.resolve(name, after) for name in version.unit.calls)
            return (callee for callee in found if callee is not None)

        return inline_group(root, callees, self.policy)

    def constants(self, members: Iterable[Version]) -> Constants:
        """The arguments of an inline group that its optimized code is to take for constants."""
        if not self.policy.speculate or not self.policy.tiered:
            return {}
        found = {each.unit.symbol: constants_of(each, self._publisher.threshold(each)) for each in members}
        return {symbol: constants for symbol, constants in found.items() if constants}

    def compile_optimized(
        self, members: Sequence[Version], constants: Constants | None = None, *, runs: int = 0
    ) -> Compilation:
        """Compile an inline group at -O3, whose root had `runs`. Raises ValueError. Needs no lock."""
        inlined = _symbols(members[1:])
        self._events.emit(EventKind.STARTED, members[0], tier=Tier.OPTIMIZED, runs=runs, inlined=inlined)
        compilation = self._compile(members, Tier.OPTIMIZED, constants)
        self._events.emit(
            EventKind.COMPILED,
            members[0],
            tier=Tier.OPTIMIZED,
            seconds=compilation.seconds,
            size=compilation.code.text_size,
            runs=runs,
            began=compilation.began,
            inlined=inlined,
            message=_origin(compilation.code),
        )
        return compilation

    def _compile(self, members: Sequence[Version], tier: Tier, constants: Constants | None = None) -> Compilation:
        check_headroom(_HEADROOM + _HEADROOM_FOR_IR * sum(len(member.unit.ir) for member in members))
        begin = time.perf_counter()
        code = self._compiler.compile([member.unit for member in members], tier, constants)
        return Compilation(tier, tuple(members), code, time.perf_counter() - begin, begin, constants or {})

    def _compile_baseline(self, batch: Sequence[Version], after: Names) -> None:
        """Compile, load and install a batch; publish the versions in it that are current."""
        compilation = self._compile(batch, Tier.BASELINE)
        loaded = self.load(compilation, after)
        begins = sorted(loaded.addresses.values())
        ends = dict(zip(begins, [*begins[1:], begins[0] + compilation.code.text_size], strict=True))
        for index, version in enumerate(batch):
            address = loaded.addresses[version.unit.body]
            size, seconds = ends[address] - address, compilation.seconds / len(batch)
            calls = dict.fromkeys(version.unit.calls, version.unit)
            code = MachineCode(Tier.BASELINE, address, size, seconds, loaded, calls)
            began, origin = compilation.began, _origin(compilation.code)
            self._events.emit(EventKind.COMPILED, version, code, batch=len(batch), began=began, message=origin)
            with _released_on_error(loaded, uses=len(batch) - index):
                self._publisher.install(version, code, compilation.code.data)

    def _load_all(self, compilations: Iterable[Compilation], after: Names) -> list[Loaded]:
        """Load all, or on an error none."""
        loaded: list[Loaded] = []
        try:
            for compilation in compilations:
                loaded.append((compilation, self.load(compilation, after)))
        except BaseException:
            for _, each in loaded:
                each.release()
            raise
        return loaded

    def load(self, compilation: Compilation, after: Names) -> LoadedObject:
        """Load object code without publishing it. Raises LookupError where a C symbol is not found, and MemoryError."""
        imports = dict(handlers().imports)
        for externals in (self._externals, *(version.unit.externals for version in compilation.members)):
            imports.update({external_name(name, address): address for name, address in externals.items()})
        for version in compilation.members:
            imports.update(self._data.addresses(version.unit.data))
        calls = compilation.stub_calls
        for version in compilation.members:
            for name, signature in version.unit.calls.items():
                if name in calls:
                    symbol = self._symbols.symbol(name, after)
                    imports[stub_name(name)] = self._publisher.stub(symbol, signature).address
                    if name in version.unit.c_functions:
                        imports[c_name(name)] = self._publisher.c_function(symbol, signature)
        for version in compilation.members:
            if version.unit.symbol in compilation.constants:
                imports[generic_name(version.unit.symbol)] = self._publisher.generic(version).address
        exports = compilation.exports
        try:
            return self._loader.load(compilation.code, exports, imports, users=len(exports))
        except LookupError as error:
            # Such as the function for a division of 128 bits, which the IR does not name.
            units = [version.unit for version in compilation.members]
            raise UnresolvedName(
                units[0], f"{error}, in the code of {', '.join(unit.label for unit in units)}"
            ) from None

    def install_optimized(
        self, compilation: Compilation, loaded: LoadedObject, hot_callee: Version | None = None
    ) -> None:
        """Put loaded optimized code into use, whose root is current, as are all members of its inline group.

        If its unit ran its baseline, that is a swap; `hot_callee` is why, if not its own runs. Raises MemoryError; then
        nothing has changed, and it is freed.
        """
        root, size = compilation.root, compilation.code.text_size
        address = loaded.addresses[root.unit.body]
        seconds, calls, levels = compilation.seconds, compilation.stub_calls, compilation.code.levels
        constants = compilation.constants
        code = MachineCode(Tier.OPTIMIZED, address, size, seconds, loaded, calls, levels, constants)
        with _released_on_error(loaded, uses=1):
            self._publisher.install(root, code, compilation.code.data, compilation.members[1:])
        if root.baseline is not None:
            # Now the runs are final: loading takes time, in which the baseline code counted on.
            inlined, message = _symbols(compilation.members[1:]), assumptions(compilation.members, constants)
            callee = hot_callee.unit if hot_callee is not None else None
            self._events.emit(EventKind.SWAPPED, root, code, inlined=inlined, hot_callee=callee, message=message)


def _symbols(versions: Iterable[Version]) -> tuple[str, ...]:
    return tuple(version.unit.symbol for version in versions)


@contextmanager
def _released_on_error(loaded: LoadedObject, *, uses: int) -> Iterator[None]:
    """End `uses` of a loaded object if the block raises."""
    try:
        yield
    except BaseException:
        for _ in range(uses):
            loaded.release()
        raise


def _origin(code: ObjectCode) -> str:
    """The message of the event for code, where it was not compiled now."""
    return "from the object cache" if code.is_cached else ""
