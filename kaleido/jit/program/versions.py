"""What the engine keeps about a symbol: its versions, their code, and who bound whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from kaleido.jit.native.loader import LoadedObject
from kaleido.jit.native.stubs import Stub
from kaleido.jit.unit import Tier, Unit, nested

__all__ = ["Code", "Entry", "Version", "with_nested"]


@dataclass(eq=False)
class Code:
    """Machine code of one unit in one tier.

    `address` is its body, `size` its bytes from there on, `seconds` what compiling it took. `references` are the
    symbols it calls through stubs, each with a unit in it that does.
    """

    tier: Tier
    address: int
    size: int
    seconds: float
    loaded: LoadedObject
    references: Mapping[str, Unit]


@dataclass(eq=False)
class Version:
    """One definition of a symbol: the `ordinal`-th, from 1. `number` is unique in the engine.

    `bound` are the other versions bound statically in its optimized code; `dependents` is the inverse. `ready` says
    that
    everything this version can reach was seen to have code. `runs_before` is what its stub had counted when this
    version's code was published; `final_runs` is for one that is no longer current.
    """

    unit: Unit
    number: int
    ordinal: int
    entry: Entry
    is_nested: bool = False
    nested_units: tuple[Version, ...] = ()
    baseline: Code | None = None
    optimized: Code | None = None
    bound: tuple[Version, ...] = ()
    dependents: set[Version] = field(default_factory=set)
    ready: bool = False
    runs_before: int = 0
    final_runs: int = 0

    @property
    def code(self) -> Code | None:
        """What its stub leads to."""
        return self.optimized or self.baseline

    @property
    def current(self) -> bool:
        return self.entry.version is self

    @property
    def runs(self) -> int:
        """How often it has run at the baseline; 0 where nobody counts."""
        if not self.current:
            return self.final_runs
        return int(self.entry.stub.fields.runs) - self.runs_before if self.entry.stub is not None else 0

    def with_nested(self) -> Iterator[Version]:
        """This version and its nested_units, and theirs."""
        return nested(self, lambda version: version.nested_units)


@dataclass(eq=False)
class Entry:
    """A symbol: its stub, its current version, who calls it.

    There may be a stub and no version: somebody calls the symbol, and nobody has defined it yet.
    """

    symbol: str
    stub: Stub | None = None
    version: Version | None = None
    callers: set[Version] = field(default_factory=set)
    thunk: LoadedObject | None = None


def with_nested(versions: Iterable[Version]) -> list[Version]:
    """All of `versions` with their nested_units."""
    return [each for version in versions for each in version.with_nested()]
