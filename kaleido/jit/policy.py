"""The engine's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kaleido.jit.unit import THRESHOLDS, RunCounter, Unit, is_threshold

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from kaleido.jit.records import record

__all__ = ["Policy"]


@record(frozen=True)
class Policy:
    """Which tiers to use, when a unit is hot, and how much to compile together.

    `baseline`             start units at -O0. Without it every unit is compiled at -O3 before it first runs
    `optimize`             recompile hot units at -O3. Without it, and with `baseline`, no runs are counted
    `background`           recompile beside the running program. Without it, the call that makes a unit hot waits until
                           the optimized code is in place: slower and, for one thread, deterministic
    `call_threshold`       runs that make a unit hot whose counter is CALLS, and which has no threshold of its own
    `iteration_threshold`  the same for ITERATIONS
    `patience`             the most seconds that a hot unit waits to be recompiled in the background, until all that are
                           hot have done as much work as a compilation is likely to cost, see ``program/tier_up.py``
    `batch_units`          the most units compiled into one object at the baseline: linking a module takes longer the
                           more the module holds already
    `max_group_units`      the most units linked into one optimized module, nearest callees first
    `max_group_ir`         and the most characters of their IR, the root's own not counted
    `inline_threshold`     LLVM's inlining threshold at -O3
    `recursion_bodies`     the most bodies of a recursive function in one frame at -O3, its own included, see
                           ``compiling/recursion.py``; with 1 no call of itself is inlined
    `recursion_size`       and the most instructions of these bodies
    `speculate`            whether an argument that was the same in all runs of a unit until it was hot is taken for a
                           constant at -O3, see ``program/speculation.py``. An experiment, which gains on few programs
    `arena_libraries`      objects that LLVM's linker, where it is in use, loads into one arena before a new one
                           begins. An arena stays as long as one of its objects is in use, and keeps 7 KB for each that
                           is not
    `stack_size`           bytes of stack of the evaluation thread; committed only as it is used
    `check`                whether units are checked when they are defined; not needed for a generator that is trusted
    `debug`                whether code has the debug information of its units, for debuggers. It stays the same; to
                           compile it takes about a quarter longer
    `source_folder`        where the engine writes the source texts that are no files, with `debug`, so that debuggers
                           find them; their names are those of the sources. Empty: nowhere
    `frame_pointers`       whether compiled functions keep a frame pointer, so that a profiler finds their callers

    Raises ValueError for settings that contradict each other or are out of range.
    """

    baseline: bool = True
    optimize: bool = True
    background: bool = True
    call_threshold: int = 1_000
    iteration_threshold: int = 10_000
    patience: float = 0.0
    batch_units: int = 64
    max_group_units: int = 64
    max_group_ir: int = 200_000
    inline_threshold: int = 225
    recursion_bodies: int = 8
    recursion_size: int = 400
    speculate: bool = False
    arena_libraries: int = 64
    stack_size: int = 256 << 20
    check: bool = True
    debug: bool = False
    source_folder: str = ""
    frame_pointers: bool = False

    def __post_init__(self) -> None:
        if not (self.baseline or self.optimize):
            raise ValueError("a policy needs a tier: baseline, optimize or both")
        if not all(map(is_threshold, self.thresholds.values())):
            raise ValueError(f"a threshold is {THRESHOLDS}")
        if not self.patience >= 0.0:
            raise ValueError("a patience is a number of seconds, 0 or more")
        if self.stack_size < 1 << 20:
            raise ValueError("a stack has at least 1 MiB")

    @property
    def thresholds(self) -> Mapping[RunCounter, int]:
        """The threshold of each counter that has one."""
        return {RunCounter.CALLS: self.call_threshold, RunCounter.ITERATIONS: self.iteration_threshold}

    def threshold(self, unit: Unit) -> int | None:
        """How many runs make a unit hot; None for one that never becomes hot. See also ``Publisher.threshold``."""
        if not unit.becomes_hot:
            return None
        return unit.threshold if unit.threshold is not None else self.thresholds[unit.counter]

    @property
    def tiered(self) -> bool:
        """Whether baseline code counts its runs, to be recompiled when hot."""
        return self.baseline and self.optimize
