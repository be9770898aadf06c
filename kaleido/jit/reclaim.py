"""When retired code may be freed: when nobody can be inside it any more.

The problem: a redefinition takes code out of use while threads may be running in it, or be about to return into
it. Running code is never stopped, and must not pay for this on every call.

The solution is the one of sleepable read-copy-update (McKenney, "Sleepable Read-Copy Update", 2006), with a
looser and simpler rule for the reclaimer. Entries into native code (``runtime``) count themselves in one of
two counters, whichever side is current. Code is retired after its slot was overwritten, so no entry that
begins later can find it; an entry that was inside by then keeps its own side's counter above zero until it leaves.
So once *each* counter has been seen at zero after the retirement, everyone who was inside then has left. Changing the
current side lets the other one run empty even if some thread is always inside.

What it does not cover: a C thread that got hold of a body's address. Only stubs and entries are ever handed out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kaleido.jit.runtime import Runtime

__all__ = ["Reclaimer"]


@dataclass
class _Retired:
    free: Callable[[], None]
    occupied: set[int] = field(default_factory=lambda: {0, 1})


class Reclaimer:
    """What was retired and not freed yet. Not thread-safe by itself."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._retired: list[_Retired] = []

    def retire(self, free: Callable[[], None]) -> None:
        """Call `free` when every call that is active now has ended."""
        self._retired.append(_Retired(free))

    def collect(self) -> None:
        """Free what can be freed now."""
        if not self._retired:
            return
        empty = {side for side in (0, 1) if self._runtime.inside[side] == 0}
        waiting, self._retired = self._retired, []
        for item in waiting:
            item.occupied -= empty
            if item.occupied:
                self._retired.append(item)
            else:
                item.free()
        if self._retired:
            self._runtime.side.value ^= 1
