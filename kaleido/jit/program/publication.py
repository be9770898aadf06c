"""Which code a stub leads to: publishing code, taking it out of use, and what is freed afterwards.

::

    loaded ──install──▶ in use ──deoptimize or drop──▶ retired ──grace period──▶ freed

Publishing is one store into the slot of a stub. A thread that has already passed the slot arrives where the slot led
before, so code that is out of use is retired: it is freed when no thread can be in it any more (see ``reclaim``).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from kaleido.jit.events import EventKind
from kaleido.jit.native.code_ranges import CodeMap
from kaleido.jit.native.line_tables import source_lines
from kaleido.jit.native.runtime import FAILED
from kaleido.jit.native.stubs import Stub, Stubs
from kaleido.jit.policy import Policy
from kaleido.jit.program.dependencies import Dependencies
from kaleido.jit.program.event_stream import EventStream
from kaleido.jit.program.reclaim import Reclaimer
from kaleido.jit.program.versions import MachineCode, Symbol, Version
from kaleido.jit.unit import Signature, Tier

__all__ = ["Publisher"]

# Compiling takes as long as a million short runs at the baseline. Code that is soon out of use again does not pay, so
# from so many invalidations on the threshold is doubled for each, so often. Redefinitions that are typed do not reach
# that number.
_FREE_INVALIDATIONS, _MOST_DOUBLINGS = 8, 10


class Publisher:
    """Decides what each slot contains. `code_map` finds the version and the code at an address.

    `policy` says which runs are counted, and how many make a unit hot.
    Used under the engine's lock.
    """

    def __init__(
        self, policy: Policy, stubs: Stubs, reclaimer: Reclaimer, dependencies: Dependencies, events: EventStream
    ) -> None:
        self.policy, self.stubs, self._reclaimer = policy, stubs, reclaimer
        self._dependencies, self._events = dependencies, events
        self.code_map: CodeMap[tuple[Version, MachineCode]] = CodeMap()

    # Into use

    def install(self, version: Version, code: MachineCode, data: bytes, inlined: Iterable[Version] = ()) -> None:
        """Put machine code of a version into use; of one that is not current yet, :meth:`publish` does that later.

        `data` is the object file that the code is from.

        Raises MemoryError; then nothing has changed, and the code is not in use.
        An exception from a signal handler may come between any two steps. So code that is published is in the map,
        which the handlers of faults search, and has its dependencies recorded. A version that has code is published.
        """
        if version.current:
            self.stub(version.symbol, version.unit.signature)
        self.code_map.add(code.address, code.address + code.size, (version, code))
        if code.tier is Tier.OPTIMIZED:
            self._dependencies.record(version, inlined)
        if version.current and (code.tier is Tier.OPTIMIZED or version.optimized is None):
            self.publish(version, code)
        version.install(code)
        lines = source_lines(data, version.unit.body, code.address, code.size) if self._events.needs_lines else ()
        self._events.emit(EventKind.LOADED, version, code, lines=lines)

    def publish(self, version: Version, code: MachineCode | None = None) -> None:
        """Point a version's stub at `code`, or its best code; at the baseline by way of the counter, which restarts."""
        code = code if code is not None else version.code
        if code is None:
            return
        stub = self.stub(version.symbol, version.unit.signature)
        target = code.address
        if code.tier is Tier.BASELINE:
            # Another thread may be counting at this moment: the count is not reset, its present value is the origin.
            version.start_counting(stub.fields.runs)
            stub.forget_arguments()
            target = self._counted(version, code, stub)
        self.stubs.publish(stub, target)

    def renew_limit(self, version: Version) -> None:
        """Count a version at its baseline as the policy says now; its count goes on, if there was one."""
        code, stub = version.code, version.symbol.stub
        if not version.current or code is None or code.tier is not Tier.BASELINE or stub is None:
            return
        if not self.policy.tiered:
            version.start_counting(stub.fields.runs)
            stub.forget_arguments()
        self.stubs.publish(stub, self._counted(version, code, stub))

    def _counted(self, version: Version, code: MachineCode, stub: Stub) -> int:
        """Where the slot of a version at its baseline leads: to the counter, whose limit this sets, or to the body."""
        threshold = self.threshold(version)
        if not self.policy.tiered or threshold is None:
            return code.address
        record = stub.fields
        record.body, record.number = code.address, version.number
        # Last: a thread that reaches the new limit must report the new number.
        record.limit = version.count_at_publication + threshold
        return stub.profiler or stub.prologue

    def threshold(self, version: Version) -> int | None:
        """How many runs make a version hot: more and more, where its optimized code went out of use again and again."""
        threshold = self.policy.threshold(version.unit)
        doublings = min(max(version.invalidations - _FREE_INVALIDATIONS, 0), _MOST_DOUBLINGS)
        return None if threshold is None else threshold << doublings

    def has_reported(self, version: Version) -> bool:
        """Whether a version runs at the baseline, is hot, and its request has not been answered by code."""
        counted = (
            self.policy.tiered and version.current and version.code is not None and version.code.tier is Tier.BASELINE
        )
        stub = version.symbol.stub
        return counted and version.unit.becomes_hot and stub is not None and stub.has_reported

    def counted_runs(self, version: Version) -> int:
        """The runs of a version since its present limit was set; 0 where it is not counted, or has reported itself."""
        code, stub, threshold = version.code, version.symbol.stub, self.threshold(version)
        is_counted = self.policy.tiered and version.current and code is not None and code.tier is Tier.BASELINE
        if not is_counted or threshold is None or stub is None or stub.has_reported:
            return 0
        record = stub.fields
        return int(record.runs - (record.limit - threshold))

    def report_again(self, version: Version) -> None:
        """Make a version at the baseline report itself as hot once more, after as many more runs as its threshold."""
        record = self.stub(version.symbol, version.unit.signature).fields
        record.limit = record.runs + (self.threshold(version) or 0)

    def stub(self, symbol: Symbol, signature: Signature) -> Stub:
        """The stub of a symbol, allocated when it is first needed."""
        if symbol.stub is None:
            symbol.stub = self.stubs.allocate(signature)
        return symbol.stub

    def generic(self, version: Version) -> Stub:
        """The stub that failed guards of a version call, allocated when it is first needed.

        It leads to the baseline, and reports the version with FAILED when it was called as often as makes a unit hot.
        """
        if version.generic is None:
            assert version.baseline is not None
            stub = self.stubs.allocate(version.unit.signature)
            record = stub.fields
            record.body, record.number = version.baseline.address, version.number | FAILED
            record.limit = record.runs + (self.threshold(version) or 0)
            self.stubs.publish(stub, stub.prologue)
            version.lead_failures_to(stub)
        assert version.generic is not None
        return version.generic

    def c_function(self, symbol: Symbol, signature: Signature) -> int:
        """The address of a C function that calls the stub of a symbol, made when it is first needed."""
        if symbol.thunk is None:
            symbol.thunk = self.stubs.c_function(self.stub(symbol, signature))
        return symbol.thunk.addresses["thunk"]

    # Out of use

    def dependents(self, versions: Iterable[Version]) -> set[Version]:
        """The versions whose optimized code inlined one of `versions`."""
        return set[Version]().union(*map(self._dependencies.dependents, versions))

    def deoptimize_dependents(self, version: Version) -> None:
        """Deoptimize every version whose optimized code inlined `version`."""
        for root in self._dependencies.dependents(version):
            root.count_invalidation()
            self.deoptimize(root, f"{version.unit.label} has changed")

    def deoptimize(self, version: Version, reason: str) -> None:
        """Take the optimized code of a version out of use: its unit runs its baseline, and its counter restarts."""
        code, runs = version.drop_optimized(), version.runs
        self._dependencies.forget(version)
        if version.current:
            self.publish(version)
        self._events.emit(EventKind.DEOPTIMIZED, version, code, message=reason, runs=runs)
        # Last: no slot leads to retired code. (Without a baseline tier one does, until the end of the transaction: it
        # publishes the recompiled code before anything is freed.)
        if code is not None:
            self._retire(version, code)

    def forget_constants(self, version: Version, reason: str) -> set[Version]:
        """Take no argument of a version for a constant any more. Returns the versions that are deoptimized for that.

        Code that is running still has the guards: what they call when they fail is the unit's stub from now on.
        """
        version.take_for_constants({})
        roots = {
            root
            for root in {version, *self._dependencies.dependents(version)}
            if root.optimized is not None and version.unit.symbol in root.optimized.constants
        }
        for root in roots:
            self.deoptimize(root, reason)
        if version.generic is not None:
            # Last: the stub must not lead to a guard that fails.
            self.stubs.publish(version.generic, self.stub(version.symbol, version.unit.signature).address)
        return roots

    def retire_code(self, version: Version) -> None:
        """Retire all code of a version that is superseded, removed, or never became current."""
        self._dependencies.forget(version)
        if version.generic is not None:
            self._reclaimer.retire(partial(self.stubs.free, version.generic))
            version.lead_failures_to(None)
        for code in version.drop_code():
            self._retire(version, code)

    def _retire(self, version: Version, code: MachineCode) -> None:
        self._reclaimer.retire(partial(self._free, version, code))

    def _free(self, version: Version, code: MachineCode) -> None:
        self.code_map.remove(code.address)
        code.loaded.release()
        self._events.emit(EventKind.FREED, version, code)

    def retire_stub(self, symbol: Symbol) -> None:
        """Return the stub of a symbol that is out of the table to the pool, after a grace period.

        Where C was given the address, the stub is never used again, and its calls do nothing from now on: C may call it
        at any time, and must not reach another function.
        """
        if symbol.stub is not None and symbol.thunk is not None:
            self.stubs.disconnect(symbol.stub)
        elif symbol.stub is not None:
            self._reclaimer.retire(partial(self.stubs.free, symbol.stub))

    def disconnect(self, symbol: Symbol) -> None:
        """Make calls of a symbol that became undefined do nothing and return zero."""
        if symbol.stub is not None:
            self.stubs.disconnect(symbol.stub)
