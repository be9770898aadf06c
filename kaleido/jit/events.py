"""What happened in the engine: one stream of events, which traces, reports and prompts all read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from kaleido.jit.unit import RunCounter, Tier

__all__ = ["Event", "EventKind", "Listener"]


class EventKind(StrEnum):
    """
    ===========  ==================================================================================
    defined      a unit was defined, or redefined (`version` counts from 1)
    compiled     code was made for it, not yet in use; `seconds` is what that took
    hot          it ran as often as its threshold says, and the recompiler knows
    swapped      its stub now leads to the optimized code
    deoptimized  optimized code bound a version that is no longer current, and is out of use; or, if it was still
                 being compiled (then it has no `size`), was never used; `message` has the name of what changed
    retired      code (of `tier`) was freed; nothing runs in it any more
    failed       an optimized compilation failed, `message` says why; the unit stays at the baseline
    trapped      its code was left before its end: a stack overflow, or an interruption; `message` says which
    ===========  ==================================================================================
    """

    DEFINED = "defined"
    COMPILED = "compiled"
    HOT = "hot"
    SWAPPED = "swapped"
    DEOPTIMIZED = "deoptimized"
    FREED = "freed"
    FAILED = "failed"
    TRAPPED = "trapped"


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    `time` is when, in seconds of ``time.perf_counter``, at the end of what happened. `size` is in bytes of
    machine code. `runs` is how often the unit had run at the baseline, counted as `counts` says. `batch` is how
    many units were compiled together: `seconds` is this unit's equal share.
    """

    kind: EventKind
    unit: str
    symbol: str
    time: float
    thread: int
    tier: Tier | None = None
    version: int = 1
    runs: int = 0
    counter: RunCounter = RunCounter.NONE
    seconds: float = 0.0
    size: int = 0
    batch: int = 1
    message: str = ""


Listener = Callable[[Event], None]
