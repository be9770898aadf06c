"""The background thread that recompiles hot units.

The running program sends it the numbers of hot versions through a pipe (see the hook in ``native.runtime``). The thread
takes every request that has arrived, recompiles the hottest, and looks again, so that requests that have become stale
meanwhile cost nothing. Running native code never waits for it; Python code that needs LLVM waits for the LLVM call in
progress, because llvmlite has one lock. In deterministic mode the program waits for a reply to each request.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

from kaleido.jit.native.runtime import MESSAGE_SIZE, Runtime

__all__ = ["Recompiler", "weakly"]

T = TypeVar("T")

# The numbers of versions are positive; these are requests of the engine's own.
_STOP = -1
_IDLE = -2


def weakly(method: Callable[[int], T]) -> Callable[[int], T | None]:
    """`method`, without keeping its object alive; it returns None after that was collected."""
    reference = weakref.WeakMethod(method)

    def call(number: int) -> T | None:
        found = reference()
        return found(number) if found is not None else None

    return call


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
    ) -> None:
        self._runtime = runtime
        self._hot, self._hotness, self._recompile = hot, hotness, recompile
        # The number of requests for each version: several threads may make it hot, and each waits for a reply.
        self._pending: Counter[int] = Counter()
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
            numbers = self._read(block=not self._pending)
            if _STOP in numbers:
                break
            waiters += (self._idle_waiters.get() for number in numbers if number == _IDLE)
            for number in numbers:
                if number > 0:
                    self._hot(number)
                    self._pending[number] += 1
            if self._pending:
                self._recompile_hottest()
            if not self._pending:
                while waiters:
                    waiters.pop().set()
        self._runtime.no_more_replies()
        for idle in waiters:
            idle.set()
        while not self._idle_waiters.empty():
            self._idle_waiters.get().set()

    def _recompile_hottest(self) -> None:
        number = max(self._pending, key=lambda number: self._hotness(number) or 0.0)
        if not self._recompile(number):
            for _ in range(self._pending.pop(number)):
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
