"""The engine's public interface: units in, running code out.

=========  ====================================================================================================
define     `define` and `remove`: one transaction each; `data`                   ``program.redefinition``
run        `prepare`, `call`, `function`, `interrupt`, `address`                 ``calls``, ``direct_calls``
tier up    when hot, by the recompiler's thread; `optimize`, `wait_until_idle`   ``program.tier_up``
change     `deoptimize`, `configure`                                             ``program.reconfiguration``
look in    `subscribe`, `stats`, `stubs`, `sampler`, `find`, `ir`, `memory`, …   ``events``, ``inspection``
end        `close`                                                               ``lifetime``
=========  ====================================================================================================

One lock guards every table, every load and every publication. A compilation that a caller waits for happens under it.
The recompiler takes it only to look up what it needs, and at the end to check that all of it is still current and to
publish. Native code runs without it. LLVM has a lock of its own inside llvmlite, always taken after this one.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from kaleido.jit.calls import Calls
from kaleido.jit.compiling.lazy_compiler import LazyCompiler
from kaleido.jit.compiling.object_cache import ObjectCache
from kaleido.jit.direct_calls import DirectCalls
from kaleido.jit.events import (
    CodeLines,
    Listener,
    MemoryUse,
    NotInlined,
    PassChange,
    StubCode,
    StubRecord,
    UnitStats,
)
from kaleido.jit.inspection import Inspection
from kaleido.jit.lifetime import Lifetime
from kaleido.jit.native.faults import missing_protection
from kaleido.jit.native.loader import Loader
from kaleido.jit.native.runtime import Runtime
from kaleido.jit.policy import Policy
from kaleido.jit.process.interrupts import signals_deferred
from kaleido.jit.program.access import Access
from kaleido.jit.program.program import Program
from kaleido.jit.program.recompiler import Recompiler, weakly
from kaleido.jit.program.reconfiguration import check_change, configure, deoptimize
from kaleido.jit.program.redefinition import Redefinition
from kaleido.jit.program.symbols import labels
from kaleido.jit.program.tier_up import TierUp
from kaleido.jit.running.evaluation import Evaluation
from kaleido.jit.running.sampler import Sampler
from kaleido.jit.unit import Data, Tier, Unit, is_address

if TYPE_CHECKING:
    from kaleido.jit.ahead_of_time import Form, Machine
    from kaleido.jit.compiling.compiler import Transform

__all__ = ["Engine"]


class Engine:
    """A tiered JIT compiler. Thread-safe. It owns threads and memory until it is closed.

    Close it, or use it as a context manager. Afterwards every method but :meth:`close` that would compile, run or look
    into code raises RuntimeError. An engine that becomes garbage is closed, and so are all that are left at exit.

    An engine belongs to the process that created it, and cannot be pickled. In a forked child :meth:`close` does
    nothing, and whatever would define, run or look into code raises RuntimeError; the child can create its own engine.

    `policy`     thresholds, limits, and which tiers there are
    `transform`  ``transform(module, unit, tier)``, called on the thread that compiles, to change an llvmlite
                 ``ModuleRef``: at the baseline with the module of each unit; at -O3 with the linked module of an inline
                 group and its first unit, before LLVM's pipeline runs. What it raises is the cause of a UnitError, or
                 of a `failed` event. It must not change results, and is called again for the same unit: by
                 recompilations and by :meth:`ir`. In a linked module, the stub of a symbol that C could have, such as
                 ``f``, is ``jit.stub.f``
    `externals`  addresses of C symbols that every unit may use
    `cache`      has object code of earlier processes, and keeps that of this one, except for what `transform` was
                 called with; by default there is none

    Every method that makes code raises MemoryError where there is no memory for it, and then nothing has changed. To
    create an engine takes a thread, pipes and memory, too: OSError, MemoryError.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        transform: Transform | None = None,
        externals: Mapping[str, int] | None = None,
        cache: ObjectCache | None = None,
    ) -> None:
        for name, address in (externals or {}).items():
            if not is_address(address):
                raise ValueError(f"the address of the external {name} is {address!r}")
        with signals_deferred(), ExitStack() as undo:
            policy = policy or Policy()
            compiler = LazyCompiler(policy, transform, cache, externals)
            if cache is None:
                # While the process has file descriptors and memory for it. With a cache, it may not be needed.
                _load_llvm()
            # Here, because a child that another thread forks during an import would wait for its end for ever.
            self._check = _checker() if policy.check else None
            loader = Loader(policy.arena_libraries, debug=policy.debug)
            undo.callback(loader.close)
            self._runtime = Runtime(loader, cache)
            undo.callback(self._runtime.close)
            self._access = Access(self._runtime, policy.stack_size)
            self._program = Program(policy, self._access, compiler, loader, self._runtime, externals or {})
            self._inspection = Inspection(self._program, compiler, loader)
            self._evaluation = Evaluation(policy.stack_size)
            self._tier_up = TierUp(self._program, self._runtime)
            self._lifetime = Lifetime(
                self._access,
                self._start_recompiler(policy),
                self._evaluation,
                self._runtime,
                loader,
                self._program.publisher.code_map,
                self._program.reclaimer,
                self._program.data,
            )
            self._calls = Calls(self._program, self._runtime, self._evaluation, self._lifetime)
            self._direct_calls = DirectCalls(self._program, self._calls, self._lifetime)
            weakref.finalize(self, self._lifetime.close_later).atexit = False
            undo.pop_all()

    def _start_recompiler(self, policy: Policy) -> Recompiler | None:
        """Start what a policy needs to tier up; None if that is nothing. Raises OSError."""
        if not policy.tiered:
            return None
        if not policy.background:
            self._runtime.open_replies()
        self._runtime.set_waiting(not policy.background)
        # Its thread must not keep the program alive, whose listeners and transform may refer to this engine.
        up = self._tier_up
        hot, hotness, recompile = weakly(up.became_hot), weakly(up.hotness), weakly(up.recompile_number)
        return Recompiler(self._runtime, hot, hotness, recompile, weakly(up.patience))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an engine cannot be pickled: it is native code and threads of one process")

    # Definitions

    def define(self, *definitions: Unit | Data, removed: Iterable[str] = ()) -> frozenset[str]:
        """Make `definitions` those of their symbols, and remove `removed` ones: all at once, or not at all.

        They are checked, unless the policy says otherwise. A symbol that is in use is compiled now, others when
        they are first needed. Units may go on to call a removed symbol: it is undefined, until it is defined again.
        Returns the symbols of the units whose optimized code is thereby out of use.

        Raises UnitError, a ValueError, where a unit is not what the engine requires; ValueError where units call each
        other by other signatures than they have, and where a symbol is given twice or belongs to a nested unit;
        LookupError where a C symbol is not found; KeyError where a removed symbol is not defined; UndefinedUnit where a
        running program could reach a symbol that is not defined. Then nothing has changed.
        """
        for each in definitions:
            if not isinstance(each, Unit | Data):
                raise TypeError(f"a definition is a Unit or Data, not {type(each).__name__}")
        if self._check is not None:
            self._check(definitions, self._program.externals)
        with self._access.opened():
            return Redefinition(self._program, definitions, removed).run()

    def remove(self, symbol: str) -> None:
        """Remove a unit and its nested units, or data. Raises KeyError, and ValueError where another unit uses it."""
        with self._access.opened():
            if symbol in self._program.data.variables:
                Redefinition(self._program, (), [symbol]).run()
                return
            version = self._program.symbols.defined(symbol)
            callers = version.symbol.callers.difference(version.with_nested())
            if callers:
                raise ValueError(f"{version.unit.label} is called by {labels(callers)}")
            Redefinition(self._program, (), [symbol]).run()

    # Running

    def prepare(self, symbol: str) -> None:
        """Compile whatever `symbol` can reach that has no code yet.

        Raises KeyError where it is not defined, UndefinedUnit where something it can reach is not, ValueError where
        LLVM rejects the IR, LookupError where a C symbol is neither among the externals nor in the process.
        """
        with self._access.opened():
            self._program.prepare(symbol)

    def call(self, symbol: str, *arguments: Any) -> Any:
        """Run a unit with Python numbers as `arguments`, on the evaluation thread, and return its result.

        Raises as :meth:`prepare`; the first call of a symbol compiles it. Raises TypeError for another number of
        arguments, StackOverflow, and Interrupted at Ctrl-C or :meth:`interrupt`. Any other exception that one of
        Python's signal handlers raises while this waits stops the native code, too, and is raised.
        """
        return self._calls.call(symbol, arguments)

    def function(self, symbol: str) -> Callable[..., Any]:
        """A Python function for a unit, which runs it on the calling thread: for a hundredth of the cost of `call`.

        The contract is that of :meth:`call`, with these differences. Calls on several threads run at the same time.
        Each thread has a stack of `Policy.stack_size` for them. On the main thread, Ctrl-C stops native code where its
        handler is Python's own; any other handler in Python, of any signal, runs after the call, as with all native
        code. A C function that does not return is waited for. It is the function for the unit's present signature, and
        raises TypeError once the symbol has another one. It keeps the engine.

        Raises as :meth:`prepare`. Where a platform has no protection, and in Python 3.14 and later, it uses `call`.
        """
        return self._direct_calls.function(symbol, self)

    def interrupt(self, *threads: int) -> None:
        """Stop the native code that is running now; its callers get Interrupted. From any thread.

        With `threads`, identifiers as of ``threading.get_ident()``: only the calls of :meth:`function` on these.
        """
        self._access.check_process()
        if not threads:
            self._evaluation.stop_current()
        self._direct_calls.stop_current(threads)

    def address(self, symbol: str) -> int:
        """A C function pointer to a unit: the same for all its versions of one signature, until it is removed.

        Calling it after that does nothing and returns zero; after the engine was closed, or became garbage, it crashes.
        Raises as :meth:`prepare`. C may call it on any thread, with as much stack as that has.
        """
        return self._calls.c_function(symbol)

    def data(self, symbol: str) -> int:
        """The address of a variable that is defined as Data; of a thread-local one, the calling thread's.

        It is valid until the data is removed, or defined with another type. Raises KeyError.
        """
        with self._access.opened():
            return self._program.data.address(symbol)

    def read_data(self, symbol: str) -> bytes:
        """The bytes of a variable now; of counters, for example, ``memoryview(...).cast("q")`` has the numbers.

        Code may be changing it meanwhile. Raises KeyError.
        """
        with self._access.opened():
            return self._program.data.read(symbol)

    @property
    def unprotected(self) -> str:
        """What this platform lacks to survive endless recursion and stop native code, as a sentence; else empty."""
        return missing_protection()

    # Tiers

    def optimize(self, symbol: str, *, background: bool = False) -> None:
        """Recompile a unit at -O3 now, whether it is hot or not, and publish it. Raises as :meth:`prepare`.

        With `background`, it is done as if the unit had become hot: by the recompiler, where the policy has one, and
        not at all where the policy does not optimize. A unit with `Unit.optimize` False stays at its baseline.
        """
        with signals_deferred():
            with self._access.opened():
                version = self._program.prepare(symbol)
                version.mark_covered(False)
                if background and not self.policy.optimize:
                    return
                if background and self.policy.tiered and self.policy.background:
                    self._tier_up.request(version)
                    return
            while self._tier_up.recompile(version):
                pass

    def deoptimize(self, symbol: str) -> frozenset[str]:
        """Return a unit and its nested units to their baseline. Returns the symbols of those that were optimized.

        They count their runs anew and can tier up again. Code that is running, and optimized code of other units that
        inlined this one, keeps the copy it has. Raises KeyError where it is not defined, ValueError where the policy
        has no baseline.
        """
        with self._access.opened():
            return deoptimize(self._program, symbol)

    @property
    def policy(self) -> Policy:
        """The present policy."""
        return self._program.policy

    def configure(self, policy: Policy) -> None:
        """Change tiers and thresholds, while the program runs. ``program.reconfiguration`` says what becomes of code.

        Raises ValueError where `policy` differs in a setting that is fixed when the engine is created, and OSError and
        MemoryError where a thread, a pipe or memory is missing; then nothing has changed.
        """
        with self._access.opened():
            check_change(self.policy, policy)
            if self._lifetime.recompiler is None:
                self._lifetime.recompiler = self._start_recompiler(policy)
            elif not policy.background:
                self._runtime.open_replies()
            configure(self._program, policy)
            self._runtime.set_waiting(policy.tiered and not policy.background)

    def wait_until_idle(self) -> None:
        """Return when every unit that is hot by now has been recompiled."""
        self._access.check_process()
        if self._lifetime.recompiler is not None:
            self._lifetime.recompiler.wait_until_idle()

    def preload(self) -> None:
        """Load LLVM in the background, if it is not loaded: with a cache, that is otherwise done when it is needed."""
        if "kaleido.jit.native.jitlink" not in sys.modules:
            threading.Thread(target=_load_llvm, name="kaleido-preload", daemon=True).start()

    # Inspection

    def subscribe(self, listener: Listener, *, lines: bool = False) -> Callable[[], None]:
        """Call `listener` with every event from now on; returns the function that ends that.

        With `lines`, events of loaded code have its source lines, which takes time.

        It is called on the thread where the event happens, mostly with the engine's lock held: it must be quick, wait
        for no other thread, and not raise. The exception is the `compiled` event of a recompilation: it is emitted
        without the lock and before the publication, so a test may hold the recompiler there.
        """
        return self._program.events.subscribe(listener, lines=lines)

    def stats(self) -> list[UnitStats]:
        """Every unit that is defined now, nested ones included, in the order of definition."""
        return self._inspection.stats()

    def describe(self, symbol: str) -> UnitStats:
        """One of them. Raises KeyError where it is not defined."""
        return self._inspection.describe(symbol)

    def stubs(self, *symbols: str) -> list[StubRecord]:
        """The records of the stubs of `symbols`, or of all units; of those that have one: that are called or run."""
        return self._inspection.stubs(symbols)

    def stub_code(self, symbol: str) -> StubCode | None:
        """The machine code of the stub of a unit, or None if it has none: see :meth:`stubs`. Raises KeyError."""
        return self._inspection.stub_code(symbol)

    def find(self, address: int) -> tuple[Unit, Tier] | None:
        """The unit and tier whose machine code is at `address`, or None."""
        return self._inspection.find(address)

    def debug_file(self, address: int) -> bytes:
        """The object file that the machine code at `address` is from, with the addresses of its sections.

        It is for debuggers, and empty where ``Policy.debug`` is not set, or LLVM's own linker has loaded the code. Code
        that was loaded together has one file, which is always the same object.
        """
        return self._inspection.debug_file(address)

    def stub_pools(self) -> list[tuple[int, int]]:
        """Where the stubs and their counters are: addresses and sizes, in the order in which they were made."""
        return self._inspection.stub_pools()

    def inline_group(self, symbol: str, tier: Tier) -> list[Unit]:
        """The units whose IR a unit is compiled with: itself first, at -O3 then its callees. Raises KeyError."""
        return self._inspection.inline_group(symbol, tier)

    def outside_group(self, symbol: str) -> list[NotInlined]:
        """The calls of an inline group that leave it, and so go through stubs, with the reasons. Raises KeyError."""
        return self._inspection.outside_group(symbol)

    def missed_inlining(self, symbol: str) -> list[NotInlined]:
        """These, and the calls inside the group that LLVM does not inline.

        LLVM is asked in a subprocess (see ``compiling.remarks``). Raises KeyError, and OSError where that fails.
        """
        return self._inspection.missed_inlining(symbol)

    def ir(self, symbol: str, tier: Tier) -> str:
        """A unit's LLVM IR just before emission; at -O3, linked with its inline group. Raises KeyError."""
        return self._inspection.ir(symbol, tier)

    def assembly(self, symbol: str, tier: Tier) -> str:
        """A unit's machine code as assembly text. Raises KeyError."""
        return self._inspection.assembly(symbol, tier)

    def code_lines(self, units: Sequence[Unit], tier: Tier) -> CodeLines:
        """The IR and the assembly of an inline group, or at the baseline of one unit, with places in the source.

        The first unit is the root, as in :meth:`inline_group`. They need not be defined now, so this shows former
        versions, too. Code that runs is the same and has no line tables. Raises ValueError where LLVM rejects the IR.
        """
        return self._inspection.code_lines(units, tier)

    def pass_changes(self, units: Sequence[Unit]) -> tuple[list[PassChange], int]:
        """What the passes at -O3 make of the first unit of an inline group, and how many changes are left off.

        LLVM prints them in a subprocess (see ``compiling.pass_changes``). Raises OSError where that fails.
        """
        return self._inspection.pass_changes(units)

    def reachable(self, symbol: str) -> list[Unit]:
        """The units that a unit calls, directly or not, after itself. Raises KeyError, and UndefinedUnit."""
        return self._inspection.reachable(symbol)

    def object_file(
        self,
        *symbols: str,
        weak: Collection[str] = (),
        form: Form | None = None,
        machine: Machine | None = None,
        tier: Tier = Tier.OPTIMIZED,
    ) -> bytes:
        """Units and all that they reach as an object file, to link into a program: compiled at a tier, without stubs.

        Each of `symbols` is a C function of that name in it, which a definition in another object file may replace if
        it is in `weak`. A C library is needed, and nothing of the engine. Data have their initial values. Externals are
        names for the linker. Nothing stops endless recursion. The result can have another form, and be for another
        machine than this one (see ``kaleido.jit.ahead_of_time``): then a subprocess compiles it, and no transform is
        applied.

        Raises KeyError where a symbol is not defined, UndefinedUnit where something they reach is not, TypeError where
        C cannot call one of them, ValueError without symbols, where LLVM rejects the IR or does not know or support the
        machine, and where a symbol is also the name of a C function in use; OSError where the subprocess fails.
        """
        return self._inspection.object_file(symbols, weak, form, machine, tier)

    def memory(self) -> MemoryUse:
        """What this engine holds in memory, also after it was closed."""
        return self._inspection.memory()

    def sampler(self, interval: float = 0.001) -> Sampler:
        """A sampler of what the evaluation thread runs, with `interval` seconds of its processor time in between.

        Close it. Raises OSError where this platform, or a handler of SIGPROF, does not allow it.
        """
        self._access.check_process()
        return Sampler(self._evaluation, interval)

    # The end

    def close(self) -> None:
        """Stop the recompiler and free all code. Only :meth:`close` and :meth:`memory` may be used afterwards.

        Waits for the compilation in progress. While a thread is still in native code, the code stays in memory: it is
        freed when the last call from Python ends. For calls from C, call this again after they have ended.
        """
        self._lifetime.close()


def _load_llvm() -> None:
    import kaleido.jit.compiling.compiler
    import kaleido.jit.native.jitlink  # noqa: F401


def _checker() -> Callable[[Iterable[Unit | Data], Mapping[str, int]], None]:
    from kaleido.jit.compiling.data_checks import check_data
    from kaleido.jit.compiling.unit_checks import check_units

    def check(definitions: Iterable[Unit | Data], externals: Mapping[str, int]) -> None:
        for each in definitions:
            if isinstance(each, Data):
                check_data(each)
            else:
                check_units([each], externals)

    return check
