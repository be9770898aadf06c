"""When retired code may be freed: when nobody can be inside it any more.

The problem: a redefinition takes code out of use while threads may be running in it, or be about to return into
it. Running code is never stopped, and must not pay for this on every call.

The solution is the one of sleepable read-copy-update (McKenney, "Sleepable Read-Copy Update", 2006), with a
looser and simpler rule for the reclaimer. Whoever goes inside is counted in one of two counters, whichever side is
current: calls from Python here, before they set out, and calls from C by the thunk they come through (``runtime``).
Code is retired after its slot was overwritten, so no call that begins later can find it; a call that was inside by
then keeps its own side's counter above zero until it has left. So once *each* side has been seen empty after the
retirement, everyone who was inside then has left. Changing the current side lets the other one run empty even if
some thread is always inside.

What it does not cover: a C thread that got hold of a body's address. Only stubs and entries are ever handed out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from kaleido.jit.native.runtime import Runtime

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
        self._calls = [0, 0]

    @property
    def busy(self) -> bool:
        """Whether anybody is inside."""
        return any(self._calls) or any(self._runtime.inside)

    def enter(self) -> int:
        """Count a call as being inside, from before it looks anything up; gives what :meth:`leave` wants."""
        side = int(self._runtime.side.value)
        self._calls[side] += 1
        return side

    def leave(self, side: int) -> None:
        """The call that was counted on `side` has ended."""
        self._calls[side] -= 1

    def retire(self, free: Callable[[], None]) -> None:
        """Call `free` when every call that is active now has ended."""
        self._retired.append(_Retired(free))

    def collect(self) -> None:
        """Free what can be freed now. Where one `free` raises, so does this, when it has called the others."""
        if not self._retired:
            return
        empty = {side for side in (0, 1) if self._calls[side] == 0 and self._runtime.inside[side] == 0}
        for item in self._retired:
            item.occupied -= empty
        spent = [item for item in self._retired if not item.occupied]
        self._retired = [item for item in self._retired if item.occupied]
        if self._retired:
            self._runtime.side.value ^= 1
        with ExitStack() as all_of_them:
            for item in reversed(spent):
                all_of_them.callback(item.free)
