"""The knobs of the engine, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field

from kaleido.jit.unit import RunCounter

__all__ = ["Policy"]


@dataclass(frozen=True)
class Policy:
    """What to compile how, and when.

    `baseline`          start units at -O0. Without it every unit is compiled at -O3 before it first runs
    `optimize`          recompile hot units. Without it (and with `baseline`) no counter is kept at all
    `background`        recompile beside the running program. Without it, the call that makes a unit hot waits
                        until the optimized code is in place: slower and, for one thread, deterministic
    `call_threshold`    runs of a unit that counts calls before it is hot
    `iteration_threshold`  the same for one that counts iterations
    `batch_units`       at most this many units are compiled into one object at the baseline: linking modules
                        takes longer the more there is already
    `max_group_units`     at most this many units are bound statically into one optimized module, nearest first
    `max_group_ir`      and at most this much of their IR, in characters (the root's own is not counted)
    `inline_threshold`  LLVM's inlining threshold at -O3
    `arena_libraries`   objects loaded into one arena before a new one is begun. It stays as long as one of them is in
                        use, and keeps 7 KB for each that is not
    `stack_size`        of the thread that evaluates, in bytes; committed only as it is used
    """

    baseline: bool = True
    optimize: bool = True
    background: bool = True
    call_threshold: int = 1_000
    iteration_threshold: int = 10_000
    batch_units: int = 64
    max_group_units: int = 64
    max_group_ir: int = 200_000
    inline_threshold: int = 225
    arena_libraries: int = 64
    stack_size: int = 256 << 20

    thresholds: dict[RunCounter, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not (self.baseline or self.optimize):
            raise ValueError("a policy needs a tier: baseline, optimize or both")
        # Counters have 64 bits, and go on from where the version before was replaced.
        thresholds = (self.call_threshold, self.iteration_threshold)
        if not all(isinstance(each, int) and 1 <= each < 1 << 62 for each in thresholds):
            raise ValueError("a threshold is a whole number, at least 1 and below 2**62")
        if self.stack_size < 1 << 20:
            raise ValueError("a stack has at least 1 MiB")
        limits = {RunCounter.CALLS: self.call_threshold, RunCounter.ITERATIONS: self.iteration_threshold}
        object.__setattr__(self, "thresholds", limits)

    @property
    def tiered(self) -> bool:
        """Whether baseline code counts its runs, to be replaced when hot."""
        return self.baseline and self.optimize
