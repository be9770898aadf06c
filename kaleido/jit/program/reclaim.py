"""When retired code may be freed: after a grace period, when no thread can be in it any more.

The problem. A redefinition takes code out of use while threads may be running in it, or be about to return into it.
Running code is never stopped, and must not pay for this on every call.

The solution is that of sleepable read-copy-update (McKenney, "Sleepable Read-Copy Update", 2006), with a looser and
simpler rule for the reclaimer. Each call into native code is counted in one of two counters, on the side that is
current when it begins: calls from Python here, in the hold of the lock that looks up the stub, and calls from C by the
thunk that they come through (``native.entry_points``). Code is retired after its slot was overwritten, so no later call
can find it, and a call that is active by then keeps the counter of its own side above zero until it ends. So once
*each* side has been seen at zero after the retirement, every call that was active then has ended: the grace period is
over. Changing the current side lets the other one drain, even if some call is always active.

What does not work, and why:

- *Counting runs of each function.* An increment and a decrement for each call would cost more than the calls, and tail
  calls have no place for the decrement.
- *One counter.* With two threads that call in turns it never reads zero, and nothing is ever freed.
- *Looking at stacks.* Return addresses could be found, but a thread that has read a slot and not jumped yet has the
  address in a register only.
- *A fixed delay.* A loop may run for hours.

The limit: a C thread that has the address of a body itself. Only stubs and entry points are ever handed out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from kaleido.jit.native.runtime import Runtime

__all__ = ["Reclaimer"]


class _Retired:
    """`not_drained` are the sides that have not been seen at zero since the retirement."""

    def __init__(self, free: Callable[[], None]) -> None:
        self.free = free
        self.not_drained = {0, 1}


class Reclaimer:
    """What is retired and not freed yet. Used under the engine's lock."""

    def __init__(self, runtime: Runtime) -> None:
        self._side = runtime.side
        self._retired: list[_Retired] = []
        self._calls = [0, 0]
        self._calls_from_c: Any = runtime.inside

    @property
    def busy(self) -> bool:
        """Whether a call is active."""
        return self.active > 0

    @property
    def active(self) -> int:
        """How many calls are active, from Python and from C."""
        return sum(self._calls) + int(sum(self._calls_from_c))

    @property
    def retired(self) -> int:
        """How many items wait for the end of a grace period."""
        return len(self._retired)

    def begin_call(self) -> int:
        """Count a call as active; returns the argument for :meth:`end_call`."""
        side = int(self._side.value)
        self._calls[side] += 1
        return side

    def end_call(self, side: int) -> None:
        """The call that was counted on `side` has ended."""
        self._calls[side] -= 1

    def retire(self, free: Callable[[], None]) -> None:
        """Call `free` when every call that is active now has ended."""
        self._retired.append(_Retired(free))

    def collect(self) -> None:
        """Free what can be freed now. If one of them raises, the others are freed, and then it is raised."""
        if not self._retired:
            return
        drained = {side for side in (0, 1) if self._calls[side] == 0 and self._calls_from_c[side] == 0}
        for item in self._retired:
            item.not_drained -= drained
        expired = [item for item in self._retired if not item.not_drained]
        self._retired = [item for item in self._retired if item.not_drained]
        if self._retired:
            self._side.value ^= 1
        with ExitStack() as stack:
            for item in reversed(expired):
                stack.callback(item.free)

    def close(self) -> None:
        """Stop reading the counters of calls from C, whose memory is about to be freed; drop what is retired."""
        self._calls_from_c = (0, 0)
        self._retired.clear()
