"""The end of an engine: its threads stop, and its memory is given back when nobody can be inside.

It comes by :meth:`Lifetime.close`, from any thread and as often as one likes; at the latest when nobody refers to the
engine any more, or when the interpreter exits, since LLVM's own state is torn down then. So nothing here, and nothing
that the engine's threads hold, refers to the engine itself.
"""

from __future__ import annotations

import atexit
import threading
from contextlib import AbstractContextManager
from typing import Any

from kaleido.jit.native.code_ranges import CodeMap
from kaleido.jit.native.loader import Loader
from kaleido.jit.native.runtime import Runtime
from kaleido.jit.process.fork import after_fork_in_child
from kaleido.jit.process.interrupts import uninterrupted
from kaleido.jit.program.reclaim import Reclaimer
from kaleido.jit.program.recompiler import Recompiler
from kaleido.jit.running.evaluation import Evaluation

__all__ = ["Lifetime"]


class Lifetime:
    """`closed` says that the end has begun, `released` that it has come. `lock` is the engine's.

    In a forked child an engine of the parent is `foreign`: it has no threads there, and closing it does nothing.
    """

    def __init__(
        self,
        lock: AbstractContextManager[bool],
        recompiler: Recompiler | None,
        evaluation: Evaluation,
        runtime: Runtime,
        loader: Loader,
        code: CodeMap[Any],
        reclaimer: Reclaimer,
    ) -> None:
        self.closed = self.foreign = False
        self.released = threading.Event()
        self._stopped = False
        self._lock = lock
        self._recompiler, self._evaluation = recompiler, evaluation
        self._runtime, self._loader, self._map, self._reclaimer = runtime, loader, code, reclaimer
        _open.add(self)

    def close(self) -> None:
        """Stop the threads, waiting for the compilation in progress, and release what nobody is inside of."""
        if self.foreign:
            return
        with uninterrupted():
            with self._lock:
                self.closed = True
            if self._recompiler is not None:
                self._recompiler.close()
            self._evaluation.close()
            with self._lock:
                self._stopped = True
                self.release()
            _open.discard(self)

    def abandon(self) -> None:
        """The same, soon, for an engine that nobody refers to.

        The garbage collector cannot wait: it may have come with any lock, and on the recompiler's own thread.
        """
        if not self.foreign and not self.released.is_set():
            threading.Thread(target=self.close, name="kaleido-closing").start()

    def disown(self) -> None:
        """In a forked child: have nothing to do with the parent."""
        self.foreign = True
        self._runtime.disconnect()
        self._evaluation.detach_after_fork()

    def release(self) -> None:
        """Give all memory back, if it was closed and nobody is inside; for each who leaves, under the lock."""
        if self._stopped and not self.foreign and not self.released.is_set() and not self._reclaimer.busy:
            self._runtime.close()
            self._map.clear()
            self._loader.close()
            self.released.set()


_open: set[Lifetime] = set()


def _disown_all(_: bool) -> None:
    for lifetime in _open:
        lifetime.disown()
    _open.clear()


after_fork_in_child(_disown_all)


@atexit.register
def _close_all() -> None:
    for lifetime in list(_open):
        lifetime.close()
