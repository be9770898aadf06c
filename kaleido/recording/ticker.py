"""A thread that calls a method again and again, and takes only a small part of the processor for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from weakref import WeakMethod

__all__ = ["Ticker"]

# Seconds between two calls, at least; and how many times as long as what a call takes of the processor. As many calls
# may come before their time.
_SHORTEST, _SHARE, _MOST_EARLY = 0.004, 150, 20


class Ticker:
    """Calls `tick` on a thread of its own until :meth:`close`, or until its object is garbage, or it raises.

    RuntimeError ends it silently: the engine is closed.
    """

    def __init__(self, tick: Callable[[], None]) -> None:
        self._stopped, self._woken = threading.Event(), threading.Event()
        self._early = _MOST_EARLY
        arguments = (WeakMethod(tick), self._stopped, self._woken)
        self._thread = threading.Thread(target=_run, args=arguments, name="kaleido-recording", daemon=True)
        self._thread.start()

    def soon(self) -> None:
        """Make the next call come now, while there are few of these. Never waits."""
        if self._early > 0:
            self._early -= 1
            self._woken.set()

    def close(self) -> None:
        """End the thread, and wait for the call in progress."""
        self._stopped.set()
        self._woken.set()
        if self._thread is not threading.current_thread():
            self._thread.join()


def _run(method: WeakMethod[Callable[[], None]], stopped: threading.Event, woken: threading.Event) -> None:
    delay, used = _SHORTEST, time.thread_time()
    while True:
        woken.wait(delay)
        woken.clear()
        if stopped.is_set():
            return
        tick = method()
        if tick is None:
            return
        try:
            tick()
        except RuntimeError:
            return
        # To wake up takes as long as a short call, and counts, too.
        before, used = used, time.thread_time()
        delay = max(_SHORTEST, _SHARE * (used - before))
        # A reference would keep the object alive while this waits.
        del tick
