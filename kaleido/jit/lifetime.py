"""Engine shutdown: threads stop, and memory is freed when no thread can be in native code.

It begins with :meth:`Lifetime.close`, which any thread may call, and repeatedly. An engine that is not closed is closed
when the garbage collector finds it, or when the interpreter exits, because LLVM's own state is torn down then. So
nothing here, and nothing that the engine's threads hold, refers to the engine, its listeners or its transform.
"""

from __future__ import annotations

import atexit
import threading
from typing import Any

from kaleido.jit.native.code_ranges import CodeMap
from kaleido.jit.native.loader import Loader
from kaleido.jit.native.runtime import Runtime
from kaleido.jit.process.fork import after_fork_in_child
from kaleido.jit.process.interrupts import signals_deferred
from kaleido.jit.program.access import Access
from kaleido.jit.program.data import DataTable
from kaleido.jit.program.reclaim import Reclaimer
from kaleido.jit.program.recompiler import Recompiler
from kaleido.jit.running.evaluation import Evaluation

__all__ = ["Lifetime"]


class Lifetime:
    """What has to end with an engine. `freed` is set when all memory has been given back.

    `recompiler` may be started later; it is assigned under the lock, while the engine is open.
    """

    def __init__(
        self,
        access: Access,
        recompiler: Recompiler | None,
        evaluation: Evaluation,
        runtime: Runtime,
        loader: Loader,
        code_map: CodeMap[Any],
        reclaimer: Reclaimer,
        data: DataTable,
    ) -> None:
        self.freed = threading.Event()
        self._threads_stopped = False
        self._access, self.recompiler, self._evaluation = access, recompiler, evaluation
        self._runtime, self._loader, self._code_map, self._reclaimer = runtime, loader, code_map, reclaimer
        self._data = data
        _open.add(self)

    def close(self) -> None:
        """Stop the threads, waiting for the compilation in progress, and free what no thread is in.

        In a forked child this does nothing: the parent's engine has no threads there.
        """
        if self._access.belongs_to_parent:
            return
        with signals_deferred():
            with self._access.lock:
                self._access.closed = True
                self._access.end_epoch()
            if self.recompiler is not None:
                self.recompiler.close()
            self._evaluation.close()
            with self._access.lock:
                self._threads_stopped = True
                self.free_if_unused()
            _open.discard(self)

    def close_later(self) -> None:
        """Close on a thread of its own, for an engine that is garbage.

        The garbage collector runs on any thread, with any lock held, and must not wait.
        """
        if self._access.belongs_to_parent or self.freed.is_set():
            return
        with signals_deferred():
            threading.Thread(target=self.close, name="kaleido-closing").start()

    def detach_after_fork(self) -> None:
        """In a forked child: cut every connection to the parent."""
        self._access.belongs_to_parent = True
        self._access.end_epoch()
        self._runtime.disconnect()
        self._evaluation.detach_after_fork()

    def free_if_unused(self) -> None:
        """Free all memory, if the engine is closed and no call is active. Used under the lock."""
        stopped = self._threads_stopped and not self._access.belongs_to_parent
        if stopped and not self.freed.is_set() and not self._reclaimer.busy:
            self._data.close()
            self._reclaimer.close()
            self._runtime.close()
            self._code_map.clear()
            self._loader.close()
            self.freed.set()


_open: set[Lifetime] = set()


def _detach_all(_: bool) -> None:
    for lifetime in _open:
        lifetime.detach_after_fork()
    _open.clear()


after_fork_in_child(_detach_all)


@atexit.register
def _close_all() -> None:
    for lifetime in list(_open):
        lifetime.close()
