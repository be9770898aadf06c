"""Python's garbage collector, paused while a long text is parsed, and while definitions are checked and lowered.

The problem. What that makes stays: nodes, units and functions. Reference counts free the rest, also when functions are
redefined or removed: none of them is in a cycle by then. The collector finds nothing. It looks at everything three
times, on the way to the oldest generation, and again each time that a quarter has been added: for 80,000 definitions in
one text, 4.6 s of 11.

The solution. It is off in such a block. If many objects have been made, they are moved to the oldest generation after
it, at once and without a look at them: there, the next full collection of the process finds them, as it would anyway.

Limits. All young objects of the process are moved with them, and cycles of them stay until that collection. It is due
when others have grown by a quarter, for which these do not count. Where the process has frozen objects itself
(``gc.freeze``), nothing is moved: they would come out of their generation.

Signals are deferred in such a block, and a fork waits for its end: it needs the lock of the session.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]

# A definition has at least 20.
_MANY = 10_000


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
                if gc.get_count()[0] > _MANY and not gc.get_freeze_count():
                    # Together: all objects to the oldest generation.
                    gc.freeze()
                    gc.unfreeze()
                gc.enable()
