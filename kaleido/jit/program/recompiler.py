"""The background thread that recompiles hot units.

The running program sends it the numbers of hot versions through a pipe (see the hook in ``native.runtime``). The thread
takes every request that has arrived, recompiles the hottest of those that need not wait (:class:`Patience`,
:class:`Requests`), and looks again, so that requests that have become stale meanwhile cost nothing. Running native code
never waits for it, nor does code that is compiled at the baseline. In deterministic mode the program waits for a reply
to each request, and the request says so.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from queue import SimpleQueue
from typing import NamedTuple, TypeVar

from kaleido.jit.native.runtime import MESSAGE_SIZE, WAITS, Runtime

__all__ = ["Patience", "Recompiler", "Requests", "weakly"]

T = TypeVar("T")

# The numbers of versions are positive; these are requests of the engine's own.
_STOP = -1
_IDLE = -2

# While requests wait, they are looked at again every so many seconds. Of more than so many, none waits: the program
# has a lot of hot code, and to look at all of it again and again takes time itself.
_PAUSE, _MOST_WAITING = 0.001, 64

# All hotness is read again after one of so many pending requests has been handled.
_REFRESH = 16


def weakly(method: Callable[[int], T]) -> Callable[[int], T | None]:
    """`method`, without keeping its object alive; it returns None after that was collected."""
    reference = weakref.WeakMethod(method)

    def call(number: int) -> T | None:
        found = reference()
        return found(number) if found is not None else None

    return call


class Patience(NamedTuple):
    """How long a request waits: `seconds` at most, and only until enough work has been done.

    `work` is what its unit has done, as a part of what pays for a compilation. What all that wait have done counts.
    """

    seconds: float = 0.0
    work: float = 0.0


class Requests:
    """The pending requests, the hottest first, and of equally hot ones the earliest.

    `hotness(number)` changes while the program runs. Reading all of it for each choice would make the time quadratic in
    the number of units that are hot at once. So it is read for all of n requests after every n / _REFRESH choices:
    less than 2 * _REFRESH reads for each choice. Up to 2 * _REFRESH requests are always in their present order.
    """

    def __init__(self, hotness: Callable[[int], float | None]) -> None:
        self._hotness = hotness
        # The number of replies that each version is to get: several threads may make it hot, and wait.
        self._waiting: dict[int, int] = {}
        self._heap: list[tuple[float, int, int]] = []
        self._arrivals = count()
        self._choices = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, number: int, *, waits: bool = False) -> None:
        """A request, and whether a thread waits for a reply to it."""
        if number not in self._waiting:
            heappush(self._heap, self._entry(number))
        self._waiting[number] = self._waiting.get(number, 0) + waits

    def hottest(self) -> int:
        """The version to recompile next. It stays pending until :meth:`remove`."""
        if self._choices <= 0:
            self._heap = [self._entry(number) for number in self._waiting]
            heapify(self._heap)
            self._choices = len(self._heap) // _REFRESH
        self._choices -= 1
        return self._heap[0][-1]

    def remove(self, number: int) -> int:
        """Remove the version that :meth:`hottest` returned. Returns the number of threads that wait for a reply."""
        heappop(self._heap)
        return self._waiting.pop(number)

    def _entry(self, number: int) -> tuple[float, int, int]:
        return -(self._hotness(number) or 0.0), next(self._arrivals), number


class Recompiler:
    """Reads requests and calls `recompile`, which returns whether the version must be tried again.

    `hot(number)` is called for each request as it arrives. `hotness(number)` orders requests, the largest first. A
    callback that returns None (its engine has been collected) means: no work. Raises OSError where the thread cannot be
    started.
    """

    def __init__(
        self,
        runtime: Runtime,
        hot: Callable[[int], None],
        hotness: Callable[[int], float | None],
        recompile: Callable[[int], bool | None],
        patience: Callable[[int], Patience | None] = lambda _: None,
    ) -> None:
        self._runtime = runtime
        self._hot, self._recompile, self._patience = hot, recompile, patience
        self._pending = Requests(hotness)
        # When each request arrived that has not become pending.
        self._waiting: dict[int, float] = {}
        self._lock = threading.Lock()
        self._stopped = False
        self._idle_waiters: SimpleQueue[threading.Event] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="kaleido-recompiler", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            raise OSError(str(error)) from None

    def wait_until_idle(self) -> None:
        """Return when every request so far has been handled, or the thread has stopped."""
        idle = threading.Event()
        with self._lock:
            if self._stopped:
                return
            self._idle_waiters.put(idle)
            self._runtime.request(_IDLE)
        idle.wait()

    def close(self) -> None:
        """Stop the thread, after the compilation that may be in progress; pending requests are dropped."""
        with self._lock:
            if not self._stopped:
                # In this order: a caller that is interrupted here may call again, and a second request does no harm.
                self._runtime.request(_STOP)
                self._stopped = True
        self._thread.join()

    def _work(self) -> None:
        waiters: list[threading.Event] = []
        while True:
            if self._waiting and not self._pending:
                self._runtime.wait_for_request(_PAUSE)
            numbers = self._read(block=not (self._pending or self._waiting))
            if _STOP in numbers:
                break
            waiters += (self._idle_waiters.get() for number in numbers if number == _IDLE)
            for number in numbers:
                if number > 0:
                    self._add(number & ~WAITS, waits=bool(number & WAITS))
            self._end_waiting(everything=bool(waiters))
            if self._pending:
                self._recompile_hottest()
            if not (self._pending or self._waiting):
                while waiters:
                    waiters.pop().set()
        self._runtime.no_more_replies()
        for idle in waiters:
            idle.set()
        while not self._idle_waiters.empty():
            self._idle_waiters.get().set()

    def _add(self, number: int, *, waits: bool) -> None:
        self._hot(number)
        if waits:
            self._pending.add(number, waits=True)
        else:
            self._waiting.setdefault(number, time.monotonic())

    def _end_waiting(self, *, everything: bool) -> None:
        """Make those requests pending that have waited for as long as they must."""
        if self._waiting:
            all_of_them = everything or len(self._waiting) > _MOST_WAITING
            for number in list(self._waiting) if all_of_them else self._ripe():
                del self._waiting[number]
                self._pending.add(number)

    def _ripe(self) -> list[int]:
        """The requests that need not wait any more."""
        now = time.monotonic()
        found = {number: self._patience(number) or Patience() for number in self._waiting}
        enough = sum(each.work for each in found.values()) >= 1
        most = max(found, key=lambda number: found[number].work)
        return [
            number
            for number, each in found.items()
            if now - self._waiting[number] >= each.seconds or each.work >= 1 or (enough and number == most)
        ]

    def _recompile_hottest(self) -> None:
        number = self._pending.hottest()
        if not self._recompile(number):
            for _ in range(self._pending.remove(number)):
                self._runtime.reply()

    def _read(self, *, block: bool) -> list[int]:
        os.set_blocking(self._runtime.requests, block)
        try:
            # Each message is written atomically, because it is smaller than PIPE_BUF: a read never splits one.
            data = os.read(self._runtime.requests, MESSAGE_SIZE * 1024)
        except BlockingIOError:
            return []
        pieces = (data[at : at + MESSAGE_SIZE] for at in range(0, len(data), MESSAGE_SIZE))
        return [int.from_bytes(piece, "little", signed=True) for piece in pieces]
