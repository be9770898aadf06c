"""The engine: units in, running code out; definitions, tiers, publication, invalidation.

Who may touch what. One lock guards every table here, every load and every publication. Compiling for a caller who
waits happens under it; the recompiler takes it only to look up what it needs and, at the end, to check that all of
it is still current and to publish. Native code runs without it. LLVM has a lock of its own inside llvmlite, always
taken after this one.

State changes only after everything that can fail has succeeded: a definition that does not compile leaves
everything as it was.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, NoReturn

from kaleido.jit.compiling.compiler import Compiler, Transform
from kaleido.jit.compiling.llvm import Target
from kaleido.jit.events import EventKind, Listener
from kaleido.jit.lifetime import Lifetime
from kaleido.jit.native.faults import Fault, NativeThread, missing_protection
from kaleido.jit.native.loader import Loader
from kaleido.jit.native.runtime import Runtime
from kaleido.jit.native.stubs import Stub, Stubs
from kaleido.jit.policy import Policy
from kaleido.jit.process.fork import LockOrder, fork_safe
from kaleido.jit.process.interrupts import discard_pending, interruptibly, uninterrupted
from kaleido.jit.program.reclaim import Reclaimer
from kaleido.jit.program.recompiler import Recompiler, weakly
from kaleido.jit.program.symbols import SymbolTable, labels
from kaleido.jit.program.tiers import Loaded, Tiers, UndefinedUnit
from kaleido.jit.program.versions import Version, with_nested
from kaleido.jit.running.errors import Interrupted, StackOverflow, overflow
from kaleido.jit.running.evaluation import Evaluation, Task
from kaleido.jit.running.stacks import give_back_stack
from kaleido.jit.stats import UnitStats
from kaleido.jit.unit import Tier, Unit

__all__ = ["Engine"]


class Engine:
    """A tiered JIT compiler. Thread-safe. It has threads and memory until it is closed.

    Close it, or use it as a context manager. After that, whatever would compile, run or look into code raises
    RuntimeError. One that nobody refers to is closed like any other object, and all that are left are at exit.

    It belongs to the process that made it, and cannot be pickled. In a forked child, :meth:`close` does nothing, and
    all else raises RuntimeError; the child may make engines of its own.

    `transform`, where given, is called with the linked module (an llvmlite ``ModuleRef``) of each optimized
    compilation before LLVM's pipeline runs, on whichever thread compiles.
    """

    def __init__(self, policy: Policy | None = None, *, transform: Transform | None = None) -> None:
        with uninterrupted():
            self.policy = policy or Policy()
            target = Target(self.policy)
            self._compiler = Compiler(target, transform)
            self._loader = Loader(target, self.policy.arena_libraries)
            self._runtime = Runtime(self._loader, wait=not self.policy.background)
            self._reclaimer = Reclaimer(self._runtime)
            self._symbols = SymbolTable()
            stubs = Stubs(self._loader, self._runtime)
            self._tiers = Tiers(self.policy, self._symbols, self._compiler, self._loader, stubs, self._reclaimer)
            self._evaluation = Evaluation(self.policy.stack_size)
            self._lock = fork_safe(threading.RLock(), LockOrder.ENGINE)
            self._recompiler: Recompiler | None = None
            if self.policy.tiered:
                # Its thread must not keep the engine alive.
                self._recompiler = Recompiler(
                    self._runtime, weakly(self._became_hot), weakly(self._heat), weakly(self._recompile_number)
                )
            self._lifetime = Lifetime(
                self._lock,
                self._recompiler,
                self._evaluation,
                self._runtime,
                self._loader,
                self._tiers.map,
                self._reclaimer,
            )
            weakref.finalize(self, self._lifetime.abandon).atexit = False

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an engine cannot be pickled: it is native code and threads of one process")

    # Definitions

    def define(self, *units: Unit, removed: Iterable[str] = ()) -> frozenset[str]:
        """Make `units` the current versions of their symbols, and forget `removed` ones: all at once, or not at all.

        A symbol that is in use is compiled now, and others when they are first needed: only then is their IR looked
        at. Units may go on to call a removed symbol: they call what is not defined, until it is defined again.
        Returns the symbols of the units whose optimized code is thereby out of use.

        Raises ValueError where LLVM refuses the IR, where units call each other by other signatures than they have,
        and where a symbol is a part's or is given twice; LookupError where a C symbol is not to be found; KeyError
        where a removed symbol is not defined; UndefinedUnit where a program that is running could come to a symbol
        that is not defined. Then nothing has changed.
        """
        with self._opened():
            going = [self._symbols.defined(symbol) for symbol in removed]
            new = [self._symbols.version(unit) for unit in units]
            made = {version.unit.symbol: version for version in with_nested(new)}
            pending = {**dict.fromkeys(version.unit.symbol for version in with_nested(going)), **made}
            replaced = self._symbols.replaced(pending)
            self._symbols.check([*new, *going], pending, replaced)
            self._check_removed(going, replaced)
            try:
                loaded = self._tiers.compile_ahead(new, pending, replaced)
            except BaseException:
                self._abandon(made.values())
                raise
            return self._exchange(made, replaced, loaded)

    def _check_removed(self, going: Iterable[Version], replaced: Iterable[Version]) -> None:
        for version in going:
            callers = version.entry.callers.difference(replaced)
            if callers and self._reclaimer.busy:
                raise UndefinedUnit(version.unit.symbol, callers.pop().unit)

    def _exchange(
        self, made: Mapping[str, Version], replaced: Sequence[Version], loaded: Iterable[Loaded]
    ) -> frozenset[str]:
        """Make `made` current instead of `replaced`; the symbols whose optimized code is out of use."""
        runs = [version.runs for version in replaced]
        optimized = {version for version in replaced if version.optimized is not None}
        optimized.update(root for version in replaced for root in version.dependents)
        for entry in self._symbols.install(made):
            self._tiers.drop(entry)
        for version in made.values():
            self._tiers.publish(version)
        for version, final_runs in zip(replaced, runs, strict=True):
            version.final_runs = final_runs
        self._forget(replaced)
        for code, library in loaded:
            self._tiers.adopt(code, library)
        self._reclaimer.collect()
        return frozenset(version.unit.symbol for version in optimized)

    def remove(self, symbol: str) -> None:
        """Forget a unit, its nested_units and its stub. Raises KeyError, and ValueError where another unit calls it."""
        with self._opened():
            whole = list(self._symbols.defined(symbol).with_nested())
            callers = self._symbols.entries[symbol].callers.difference(whole)
            if callers:
                raise ValueError(f"{whole[0].unit.label} is called by {labels(callers)}")
            self._exchange({}, whole, ())

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """Under the lock, unless the engine is closed, or another process's."""
        self._check_process()
        with uninterrupted(), self._lock:
            if self._closed:
                raise RuntimeError("the engine is closed")
            yield

    def _check_process(self) -> None:
        if self._lifetime.foreign:
            raise RuntimeError("this engine belongs to the process that this one was forked from: make one here")

    @property
    def _closed(self) -> bool:
        return self._lifetime.closed

    def _forget(self, versions: Sequence[Version]) -> None:
        """Forget versions that others have replaced, or that go without."""
        for version in versions:
            self._tiers.withdraw(version)
            self._symbols.uninstall(version)
        for version in versions:
            entry = self._symbols.entries.get(version.unit.symbol)
            if entry is version.entry and entry.version is None and entry.callers:
                self._tiers.undefine(entry)
            elif entry is version.entry and entry.version is None:
                del self._symbols.entries[entry.symbol]
                self._tiers.drop(entry)
            self._drop_orphans(version)

    def _drop_orphans(self, version: Version) -> None:
        for entry in self._symbols.orphans(version):
            self._tiers.drop(entry)

    def _abandon(self, versions: Iterable[Version]) -> None:
        """Give back what was made for versions that are not to be."""
        for version in versions:
            self._tiers.discard(version)
            self._drop_orphans(version)
            if self._symbols.entries.get(version.unit.symbol) is not version.entry:
                self._tiers.drop(version.entry)
        self._reclaimer.collect()

    # Running

    def prepare(self, symbol: str) -> None:
        """Compile whatever `symbol` can reach that has no code yet.

        Raises KeyError where it is not defined, UndefinedUnit where something it can reach is not, ValueError where
        LLVM refuses the IR, LookupError where a C symbol is neither among the externals nor in the process.
        """
        with self._opened():
            for optimized, library in self._tiers.compile([self._symbols.defined(symbol)], {}, complete=True):
                self._tiers.adopt(optimized, library)

    def call(self, symbol: str, *arguments: Any) -> Any:
        """Run a unit with Python numbers as `arguments`, on the evaluation thread, and return its result.

        Raises as :meth:`prepare` does; the first call of a symbol compiles it. Raises StackOverflow, and Interrupted
        at Ctrl-C or :meth:`interrupt`. Whatever else a signal handler of Python's raises while this waits, it stops
        the native code first.
        """
        with uninterrupted():
            task = self._submit(symbol, arguments)
            try:
                interruptibly(task.join)
            except BaseException as stop:
                self._stop(task, stop)
            return self._result(task)

    def _submit(self, symbol: str, arguments: tuple[Any, ...]) -> Task:
        with self._opened():
            self.prepare(symbol)
            stub = self._stub(symbol)
            enter = self._runtime.entry(stub.signature)
            if len(arguments) != len(stub.signature.parameters):
                raise TypeError(f"{symbol} takes {len(stub.signature.parameters)} arguments, not {len(arguments)}")
            side = self._reclaimer.enter()

        def run(native_thread: NativeThread | None) -> Any:
            result = enter(native_thread.address if native_thread is not None else 0, stub.address, *arguments)
            if native_thread is not None and native_thread.fault:
                self._raise(native_thread)
            return result

        def ended() -> None:
            # The call ends here, and not where somebody waits for it: it may have been left behind.
            with self._lock:
                self._leave(side)

        try:
            return self._evaluation.submit(run, ended)
        except BaseException:
            with self._lock:
                self._leave(side)
            raise

    def _raise(self, native_thread: NativeThread) -> NoReturn:
        """The error for the fault that native code was left for. On its thread."""
        fault, native_thread.fault = native_thread.fault, Fault.NONE
        if native_thread.pending == Fault.OVERFLOW:
            # It is told here, and no further: who called C, and C this, may handle it.
            native_thread.pending = Fault.NONE
        error: Interrupted | StackOverflow
        with self._lock:
            if fault == Fault.INTERRUPTED:
                error = Interrupted(self._unit_at(native_thread.pc))
            else:
                error = overflow(native_thread, self._unit_at)
            self._trapped(native_thread.pc, str(error))
        if fault == Fault.OVERFLOW:
            give_back_stack(native_thread)
        raise error

    def _stop(self, task: Task, stop: BaseException) -> NoReturn:
        """Stop a task whose waiter was told to `stop`, and raise that; for Ctrl-C, with the place where it was."""
        self._evaluation.stop(task)
        if isinstance(stop, KeyboardInterrupt):
            discard_pending()
            with suppress(Exception):
                self._result(task)
        raise stop

    def _result(self, task: Task) -> Any:
        if task.detached_at is not None:
            with self._lock:
                raise Interrupted(self._unit_at(task.detached_at), detached=True) from None
        return task.result()

    def _leave(self, side: int) -> None:
        self._reclaimer.leave(side)
        if self._closed:
            self._lifetime.release()
        else:
            self._reclaimer.collect()

    def interrupt(self) -> None:
        """Stop the native code that is running now; whoever called it gets Interrupted. From any thread."""
        self._check_process()
        self._evaluation.stop_current()

    @property
    def unprotected(self) -> str:
        """What this platform lacks to survive endless recursion and stop native code, as a sentence; else empty."""
        return missing_protection()

    def address(self, symbol: str) -> int:
        """A C function pointer to a unit: the same for all its versions of one signature, until it is removed.

        Calling it after that does nothing and gives zero; when the engine is closed, or nobody refers to it any
        more, it crashes.
        Raises as :meth:`prepare` does. C may call it on any thread, with as much stack as that has.
        """
        with self._opened():
            self.prepare(symbol)
            entry = self._symbols.entries[symbol]
            if entry.thunk is None:
                stub = self._stub(symbol)
                entry.thunk = self._runtime.thunk(stub.signature, stub.address)
            return entry.thunk.addresses["thunk"]

    def _stub(self, symbol: str) -> Stub:
        version = self._symbols.defined(symbol)
        return self._tiers.stub(version.entry, version.unit.signature)

    def optimize(self, symbol: str, *, background: bool = False) -> None:
        """Recompile a unit at -O3 now, whether it is hot or not, and publish it. Raises as :meth:`prepare`.

        In the background, where the policy has one, the recompiler does it, as if the unit had become hot.
        """
        with uninterrupted():
            self.prepare(symbol)
            version = self._symbols.defined(symbol)
            if background and self.policy.background and self._recompiler is not None:
                self._runtime.request(version.number)
                return
            while self._recompile(version):
                pass

    def wait_until_idle(self) -> None:
        """Return when every unit that is hot by now has been recompiled."""
        self._check_process()
        if self._recompiler is not None:
            self._recompiler.wait_until_idle()

    def close(self) -> None:
        """Stop the recompiler and free all code. Nothing of the engine may be used afterwards, except for this again.

        Waits for the compilation in progress, if there is one. While a thread is still inside native code, the
        code stays in memory: until a call from Python has left, or, where C came in by address, until this is called
        after that.
        """
        self._lifetime.close()

    # Looking in

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called with every event from now on; returns what ends that.

        It is called on the thread where the event happens, mostly with the engine's lock held: it must be quick, wait
        for no other thread, and not raise. The exception is the `compiled` event of a recompilation: it is told
        without the lock and before the publication, so a test may hold the recompiler there.
        """
        return self._symbols.subscribe(listener)

    def stats(self) -> list[UnitStats]:
        """Every unit that is defined now, nested_units included, in the order of definition."""
        with self._opened():
            return [_statistics(version) for _, version in sorted(self._symbols.versions.items())]

    def statistics(self, symbol: str) -> UnitStats:
        """One of them. Raises KeyError where it is not defined."""
        with self._opened():
            return _statistics(self._symbols.defined(symbol))

    def unit(self, symbol: str) -> Unit:
        """The current definition of a symbol. Raises KeyError."""
        return self._symbols.defined(symbol).unit

    def tier(self, symbol: str) -> Tier | None:
        """The tier a unit runs in now; None while it has no code. Raises KeyError."""
        code = self._symbols.defined(symbol).code
        return code.tier if code is not None else None

    def unit_at(self, address: int) -> tuple[Unit, Tier] | None:
        """The unit and tier whose machine code is at `address`, or None."""
        with self._opened():
            found = self._tiers.map.find(address)
            return (found[0].unit, found[1].tier) if found is not None else None

    def _unit_at(self, address: int) -> Unit | None:
        found = self._tiers.map.find(address)
        return found[0].unit if found is not None else None

    def _trapped(self, address: int, message: str) -> None:
        found = self._tiers.map.find(address)
        if found is not None:
            self._symbols.emit(EventKind.TRAPPED, *found, message=message)

    def ir(self, symbol: str, tier: Tier) -> str:
        """A unit's LLVM IR just before it becomes machine code; at -O3, linked with what it binds. Raises KeyError."""
        with uninterrupted():
            return self._compiler.ir(self.members(symbol, tier), tier)

    def assembly(self, symbol: str, tier: Tier) -> str:
        """A unit's machine code as assembly text. Raises KeyError."""
        with uninterrupted():
            return self._compiler.assembly(self.members(symbol, tier), tier)

    def members(self, symbol: str, tier: Tier) -> list[Unit]:
        """The units whose IR a unit is compiled with: itself first, and at -O3 what it binds. Raises KeyError."""
        with self._opened():
            root = self._symbols.defined(symbol)
            members = [root] if tier is Tier.BASELINE else self._tiers.closure(root, {})
            return [member.unit for member in members]

    # Recompilation, on the recompiler's thread except for :meth:`optimize`

    def _became_hot(self, number: int) -> None:
        with self._lock:
            version = self._symbols.versions.get(number)
            if version is not None:
                self._symbols.emit(EventKind.HOT, version, tier=Tier.BASELINE)

    def _heat(self, number: int) -> float:
        """How hot a unit is: its runs, in thresholds. Stale requests are cold."""
        with self._lock:
            version = self._symbols.versions.get(number)
            return version.runs / self.policy.thresholds[version.unit.counter] if version is not None else 0.0

    def _recompile_number(self, number: int) -> bool:
        version = self._symbols.versions.get(number)
        if version is None:
            return False
        try:
            return self._recompile(version)
        except BaseException as error:
            # Whatever it was, the unit runs at the baseline as before, and the next one gets its chance.
            self._symbols.emit(EventKind.FAILED, version, message=str(error), runs=0)
            return False

    def _recompile(self, version: Version) -> bool:
        """Make optimized code for a version and publish it. True if a callee changed meanwhile: try again."""
        with self._lock:
            if self._closed or not version.current or version.optimized is not None:
                return False
            members, runs = self._tiers.closure(version, {}), version.runs
        made = self._tiers.optimized(members, runs=runs)
        with self._lock:
            if self._closed or not version.current or version.optimized is not None:
                return False
            if not all(member.current for member in members):
                changed = labels(member for member in members if not member.current)
                self._symbols.emit(EventKind.DEOPTIMIZED, version, tier=Tier.OPTIMIZED, message=changed)
                return True
            runs = version.runs
            self._tiers.adopt(made, self._tiers.load(made, {}))
            self._symbols.emit(EventKind.SWAPPED, version, version.optimized, runs=runs)
            self._reclaimer.collect()
            return False


def _statistics(version: Version) -> UnitStats:
    codes = [code for code in (version.baseline, version.optimized) if code is not None]
    return UnitStats(
        name=version.unit.label,
        symbol=version.unit.symbol,
        counter=version.unit.counter,
        tier=version.code.tier if version.code is not None else None,
        runs=version.runs,
        compile_seconds={code.tier: code.seconds for code in codes},
        code_bytes={code.tier: code.size for code in codes},
        versions=version.ordinal,
        dependents=tuple(sorted({root.unit.label for root in version.dependents})),
        address=version.code.address if version.code is not None else None,
    )
