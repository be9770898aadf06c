"""The code of a function or a loop, in parts: each unit in one tier, under a heading that says what runs now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kaleido.jit import Engine, RunCounter, Tier, Unit, UnitStats
from kaleido.report.listing import Inlining, assembly_listing, inlining, ir_listing
from kaleido.report.tier_marks import label

__all__ = ["Part", "parts"]


class Part(NamedTuple):
    """The code of one unit in one tier; at -O3 its inlined callees are a part of it."""

    engine: Engine
    unit: Unit
    tier: Tier

    def listing(self, form: str) -> str:
        """As LLVM IR (``ir``) or as assembly (``asm``), with the calls marked that go through stubs."""
        if form == "ir":
            return ir_listing(self.engine.ir(self.unit.symbol, self.tier), self._stubs())
        return assembly_listing(self.engine.assembly(self.unit.symbol, self.tier), self._stubs())

    def heading(self) -> str:
        """The unit, the tier and whether it runs, the version, the size, and what is inlined."""
        stats = self.engine.describe(self.unit.symbol)
        words = [self.title(), f"version {stats.versions:,}"]
        if self.tier in stats.code_bytes:
            words.append(f"{stats.code_bytes[self.tier]:,} bytes")
        if self.tier is Tier.OPTIMIZED:
            words.append(f"inlined: {', '.join(self._inlining().all_inlined)}")
        if stats.counter is RunCounter.ITERATIONS and stats.dependents:
            words.append(f"inlined in {', '.join(stats.dependents)} at {label(Tier.OPTIMIZED)}")
        return " · ".join(words)

    def title(self) -> str:
        """The unit, the tier, and whether it runs: ``sum at ○ -O0, runs now``."""
        return f"{self.unit.label} at {label(self.tier)}, {self._state(self.engine.describe(self.unit.symbol))}"

    def _state(self, stats: UnitStats) -> str:
        if stats.tier is self.tier:
            return "runs now"
        return (
            f"replaced by {label(stats.tier)}"
            if stats.tier is not None and self.tier in stats.code_bytes
            else "not compiled"
        )

    def _inlining(self) -> Inlining:
        members = self.engine.inline_group(self.unit.symbol, self.tier)
        return inlining(self.engine.ir(self.unit.symbol, self.tier), members)

    def _stubs(self) -> dict[str, str]:
        """The symbols that its code calls through stubs, each with the tier that its stub leads to now."""
        members = self.engine.inline_group(self.unit.symbol, self.tier)
        bound = {member.symbol for member in members} if self.tier is Tier.OPTIMIZED else set()
        called = dict.fromkeys(name for member in members for name in member.calls if name not in bound)
        return {name: f"stub → {self._destination(name)}" for name in called}

    def _destination(self, symbol: str) -> str:
        try:
            tier = self.engine.describe(symbol).tier
        except KeyError:
            return "undefined"
        return label(tier) if tier is not None else "not compiled"


def parts(engine: Engine, unit: Unit, tier: Tier | None = None) -> list[Part]:
    """A unit and its loops at `tier`; without it, each in the tier that it runs in now, or will begin in.

    At -O3 the loops of a function are inlined in it.
    """
    if tier is not None:
        return [Part(engine, each, tier) for each in unit.code_units(tier)]
    return list(_running(engine, unit))


def _running(engine: Engine, root: Unit) -> Iterator[Part]:
    first = Tier.BASELINE if engine.policy.baseline else Tier.OPTIMIZED
    # Loops may be nested more deeply than Python recurses.
    waiting = [root]
    while waiting:
        unit = waiting.pop()
        tier = engine.describe(unit.symbol).tier or first
        yield Part(engine, unit, tier)
        if tier is Tier.BASELINE:
            waiting += reversed(unit.nested_units)
