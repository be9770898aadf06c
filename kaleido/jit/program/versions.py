"""What the engine keeps about a symbol: its versions, their code, and who bound whom."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from kaleido.jit.native.code_ranges import CODE
from kaleido.jit.native.loader import Library
from kaleido.jit.native.stubs import Stub
from kaleido.jit.unit import Tier, Unit, nested

__all__ = ["Code", "CodeMap", "Entry", "Image", "Version", "with_nested"]


@dataclass(eq=False)
class Image:
    """A loaded library shared by the code in it; unloaded with the last of it."""

    library: Library
    users: int

    def release(self) -> None:
        self.users -= 1
        if self.users == 0:
            self.library.unload()


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
    image: Image
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
    thunk: Library | None = None


class CodeMap:
    """Which code an address lies in. Signal handlers see the code of all engines together, in ``ranges.CODE``."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._owners: dict[int, tuple[int, Version, Code]] = {}

    def add(self, version: Version, code: Code) -> None:
        insort(self._starts, code.address)
        self._owners[code.address] = (code.address + code.size, version, code)
        CODE.add(code.address, code.address + code.size)

    def remove(self, code: Code) -> None:
        CODE.remove(code.address)
        del self._owners[code.address]
        del self._starts[bisect_right(self._starts, code.address) - 1]

    def clear(self) -> None:
        """Forget all of it: it is about to be freed."""
        for address in self._starts:
            CODE.remove(address)
        self._starts.clear()
        self._owners.clear()

    def find(self, address: int) -> tuple[Version, Code] | None:
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        end, version, code = self._owners[self._starts[index]]
        return (version, code) if address < end else None


def with_nested(versions: Iterable[Version]) -> list[Version]:
    """All of `versions` with their nested_units."""
    return [each for version in versions for each in version.with_nested()]
