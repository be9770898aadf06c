"""Python's garbage collector, paused while definitions are checked and lowered.

What that makes stays: nodes, units and functions, and reference counts free the rest. Of many definitions, the
collector looks at all that are there again and again: 0.9 s for a text with 10,000, of 2.5. With the pause it looks at
what has been made three times, afterwards: 0.4 s.

Signals are deferred in such a block, and a fork waits for its end: it needs the lock of the session.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]


class _Pauses:
    """How many blocks there are, in all threads, and whether the collector was on before the first."""

    lock = threading.Lock()
    count = 0
    was_on = False


@contextmanager
def collector_paused() -> Iterator[None]:
    """A block without garbage collection, where the caller has deferred signals."""
    with _Pauses.lock:
        if _Pauses.count == 0:
            _Pauses.was_on = gc.isenabled()
            gc.disable()
        _Pauses.count += 1
    try:
        yield
    finally:
        with _Pauses.lock:
            _Pauses.count -= 1
            if _Pauses.count == 0 and _Pauses.was_on:
                gc.enable()
