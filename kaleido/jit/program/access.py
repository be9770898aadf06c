"""The engine's lock, and whether its tables may be used at all."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kaleido.jit.native.direct_entry import EngineState
from kaleido.jit.native.runtime import Runtime
from kaleido.jit.process.fork import LockOrder, fork_safe
from kaleido.jit.process.interrupts import signals_deferred

__all__ = ["Access"]


class Access:
    """`lock` guards every table of an engine, every load and every publication.

    `closed`             the engine is closed, or closing
    `belongs_to_parent`  the process was forked, and the engine was made before
    `state`              what native code reads before it calls a unit directly
    """

    def __init__(self, runtime: Runtime, stack_size: int) -> None:
        self.lock = fork_safe(threading.RLock(), LockOrder.ENGINE)
        self.closed = self.belongs_to_parent = False
        inside, side = map(ctypes.addressof, (runtime.inside, runtime.side))
        self.state = EngineState(epoch=1, inside=inside, side=side, stack_size=stack_size)

    def end_epoch(self) -> None:
        """Prepare every direct call again before it runs the next time. Used under the lock, or after a fork."""
        self.state.epoch += 1

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the lock, with signals deferred. Raises RuntimeError where the engine is closed, or the parent's."""
        self.check_process()
        with signals_deferred(), self.lock:
            if self.closed:
                raise RuntimeError("the engine is closed")
            yield

    def check_process(self) -> None:
        """Raise RuntimeError in a forked child."""
        if self.belongs_to_parent:
            raise RuntimeError("this engine belongs to the process that this one was forked from: make one here")
