"""A version is one definition of a symbol, and the machine code of that definition.

Every field of a version that changes is written by a method of this file. The tiers a version goes through::

    no code ──▶ baseline ──▶ optimized ──▶ baseline again (deoptimized) ──▶ … ──▶ retired
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kaleido.jit.compiling.specialization import Constants
from kaleido.jit.events import StubRecord
from kaleido.jit.native.loader import LoadedObject
from kaleido.jit.native.stubs import Stub
from kaleido.jit.unit import Tier, Unit, nested

__all__ = ["MachineCode", "Symbol", "Version", "with_nested"]

_NO_CALLERS: frozenset[Version] = frozenset()


class MachineCode:
    """Machine code of one unit in one tier.

    `address`     of its body, and `size` its bytes from there on
    `seconds`     what compiling it took
    `loaded`      the loaded object that it is a part of
    `stub_calls`  the symbols that it calls through stubs, each with a unit in it that does
    `levels`      how many calls of itself one frame holds, because recursion is inlined
    `constants`   the arguments that it takes for constants, of its unit and of units that it inlined
    """

    def __init__(
        self,
        tier: Tier,
        address: int,
        size: int,
        seconds: float,
        loaded: LoadedObject,
        stub_calls: Mapping[str, Unit],
        levels: int = 1,
        constants: Constants | None = None,
    ) -> None:
        self.tier, self.address, self.size, self.seconds = tier, address, size, seconds
        self.loaded, self.stub_calls, self.levels = loaded, stub_calls, levels
        self.constants: Constants = constants or {}


class Symbol:
    """A name that units call, or may call.

    `stub`             its address; a symbol that is called and not defined has a stub and no version
    `version`          its current version
    `callers`          the versions whose units call it
    `thunk`            the C function for it, from the moment that its address was asked for
    `called_directly`  direct calls of it have been prepared
    """

    __slots__ = ("called_directly", "callers", "name", "stub", "thunk", "version")

    def __init__(self, name: str) -> None:
        self.name = name
        self.stub: Stub | None = None
        self.version: Version | None = None
        # Most have none: a set of its own would be the largest part.
        self.callers: set[Version] | frozenset[Version] = _NO_CALLERS
        self.thunk: LoadedObject | None = None
        self.called_directly = False

    def add_caller(self, version: Version) -> None:
        if isinstance(self.callers, frozenset):
            self.callers = set()
        self.callers.add(version)

    def remove_caller(self, version: Version) -> None:
        if isinstance(self.callers, set):
            self.callers.discard(version)


class Version:
    """One definition of a symbol.

    `number`    unique in the engine: what the hook reports to the recompiler
    `ordinal`   counts the definitions of the symbol, from 1
    `is_nested` whether another version owns this one (a loop); `nested` are the versions that this one owns
    `count_at_publication`  what its stub's record had counted when its runs began to be counted
    `invalidations`  how often its optimized code went out of use because something that it inlined changed
    `is_covered`  whether it was inlined into optimized code after it had become hot, and while it waited to be compiled
    `constants` the arguments that optimized code takes for constants, with their bits: decided once, when it is hot;
                until then None
    `generic`   the stub that failed guards call, while it has such arguments, and afterwards
    `runs_before`  the part of its runs that was before it was last covered
    `reachable_compiled`  whether every version reachable from this one in the call graph was seen to have machine code
    """

    __slots__ = (
        "_final_runs",
        "baseline",
        "constants",
        "count_at_publication",
        "generic",
        "invalidations",
        "is_covered",
        "is_nested",
        "nested",
        "number",
        "optimized",
        "ordinal",
        "reachable_compiled",
        "runs_before",
        "symbol",
        "unit",
    )

    def __init__(self, unit: Unit, number: int, ordinal: int, symbol: Symbol, is_nested: bool = False) -> None:
        self.unit, self.number, self.ordinal = unit, number, ordinal
        self.symbol, self.is_nested = symbol, is_nested
        self.nested: tuple[Version, ...] = ()
        self.baseline: MachineCode | None = None
        self.optimized: MachineCode | None = None
        self.invalidations = 0
        self.is_covered = False
        self.constants: Mapping[int, int] | None = None
        self.generic: Stub | None = None
        self.reachable_compiled = False
        self.count_at_publication = self.runs_before = 0
        self._final_runs: int | None = None

    @property
    def code(self) -> MachineCode | None:
        """The machine code that its stub leads to."""
        return self.optimized or self.baseline

    @property
    def current(self) -> bool:
        return self.symbol.version is self

    @property
    def runs(self) -> int:
        """How often it has run at the baseline since its code was last published; 0 where its runs are not counted."""
        if self._final_runs is not None:
            return self._final_runs
        if not self.current or self.symbol.stub is None:
            return 0
        return int(self.symbol.stub.fields.runs) - self.count_at_publication

    def record(self, time: float) -> StubRecord | None:
        """What is in the record of its stub at `time`, which is now; None for a version that is not current or called.

        Used under the engine's lock.
        """
        stub = self.symbol.stub
        if stub is None or not self.current:
            return None
        slot, target, runs, limit, body, number = stub.read()
        counted = runs - self.count_at_publication
        return StubRecord(time, self.unit.symbol, self.ordinal, counted, slot, target, runs, limit, body, number)

    def with_nested(self) -> Iterator[Version]:
        """This version, the versions nested in it, and theirs."""
        return nested(self, lambda version: version.nested)

    # Changing

    def own(self, versions: tuple[Version, ...]) -> None:
        """Record the versions nested in this one."""
        self.nested = versions

    def install(self, code: MachineCode) -> None:
        """Record machine code in the tier it was compiled for."""
        if code.tier is Tier.BASELINE:
            self.baseline = code
        else:
            self.optimized = code

    def drop_optimized(self) -> MachineCode | None:
        """Return to the baseline; returns the optimized code, if there was any."""
        code, self.optimized = self.optimized, None
        return code

    def drop_code(self) -> list[MachineCode]:
        """Drop the code of both tiers; returns it."""
        codes = [code for code in (self.baseline, self.optimized) if code is not None]
        self.baseline = self.optimized = None
        return codes

    def start_counting(self, count: int) -> None:
        """Count runs from `count`, the value that the stub's record has now."""
        self.count_at_publication, self.runs_before = count, 0

    def stop_counting(self) -> None:
        """Keep the number of runs: the stub is about to count for another version."""
        self._final_runs = self.runs

    def count_invalidation(self) -> None:
        self.invalidations += 1

    def mark_covered(self, covered: bool) -> None:
        self.is_covered = covered

    def take_for_constants(self, constants: Mapping[int, int]) -> None:
        """Decide which arguments are constants."""
        self.constants = constants

    def lead_failures_to(self, generic: Stub | None) -> None:
        """Set the stub that failed guards call."""
        self.generic = generic

    def count_work_again(self) -> None:
        self.runs_before = self.runs

    def mark_reachable_compiled(self, compiled: bool) -> None:
        self.reachable_compiled = compiled


def with_nested(versions: Iterable[Version]) -> list[Version]:
    """All of `versions`, with the versions nested in them."""
    return [each for version in versions for each in version.with_nested()]
