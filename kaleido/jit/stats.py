"""What the engine knows about each unit, for people and reports."""

from __future__ import annotations

from dataclasses import dataclass

from kaleido.jit.unit import RunCounter, Tier

__all__ = ["UnitStats"]


@dataclass(frozen=True)
class UnitStats:
    """One unit as it is now.

    `tier` is None while it has no code, and so is `address`, where its present code begins. `runs` counts calls or
    iterations (as `counts` says) made at the baseline since the unit was last defined or deoptimized: optimized code
    counts nothing. `compile_seconds` and `code_bytes` are by tier, of the code there is now. `versions` is how often
    the symbol was defined. `dependents` are the names of the units whose optimized code has this one bound statically.
    """

    name: str
    symbol: str
    counter: RunCounter
    tier: Tier | None
    runs: int
    compile_seconds: dict[Tier, float]
    code_bytes: dict[Tier, int]
    versions: int
    dependents: tuple[str, ...]
    address: int | None
