"""The threads that native code runs on.

Programs recurse deeply, and a Python thread's usual stack is small. So calls into native code run on a thread of
their own, with a large stack that the system commits only as it is used. The caller waits, in Python, where it
can be interrupted; then it has the thread stopped (see ``faults``).

A thread that does not stop is in a C function that does not return. It is left behind: another thread takes its place,
and should the C function return after all, the thread leaves native code and ends.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from kaleido.jit.native.faults import INTERRUPT, Fault, NativeThread
from kaleido.jit.process.fork import LockOrder, fork_safe
from kaleido.jit.running.stacks import protected_stack, wake_up

__all__ = ["PATIENCE", "Evaluation", "Task"]

PATIENCE = 1.0
"""Seconds after which a thread that does not stop is left behind."""

# Seconds after which a waiting thread looks whether it was interrupted.
_LOOK = 0.05

# Seconds between two signals to a thread that is to stop.
_AGAIN = 0.002

_starting = fork_safe(threading.Lock(), LockOrder.THREADS)


class Task:
    """A function to call, and what came of it. (``concurrent.futures`` costs more to import than all of this.)

    `ended` is called at the end, also of a task that did not begin. `cancelled`: it is not to begin. `detached_at`: the
    thread was left behind with it, and this is where it had called the C function that it is in (0 if that is not
    known); otherwise None.
    """

    def __init__(self, function: Callable[[NativeThread | None], Any], ended: Callable[[], None]) -> None:
        self._function, self._ended = function, ended
        self._done = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None
        self.cancelled = False
        self.detached_at: int | None = None

    def run(self, native_thread: NativeThread | None) -> None:
        try:
            try:
                if not self.cancelled:
                    self._result = self._function(native_thread)
            finally:
                self._ended()
        except BaseException as error:
            self._error = error
        self._done.set()

    def wait(self, seconds: float) -> bool:
        """Return when the task has ended, or after `seconds`; whether it has."""
        return self._done.wait(seconds)

    def join(self) -> None:
        """Return when the task has ended."""
        # In steps: the kernel may hand a signal to any thread, and that wakes nobody up who waits on the main one.
        while not self.wait(_LOOK):
            pass

    def detach(self, at: int) -> None:
        """Count it as ended; what it gives, should it end after all, nobody wants."""
        self.detached_at = at
        self._done.set()

    def result(self) -> Any:
        """Of a task that has ended: what the function returned; or raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._result


class _Worker:
    """A thread, its native_thread, and the task that it is at."""

    def __init__(self, target: Callable[[_Worker], None]) -> None:
        self.thread = threading.Thread(target=target, args=(self,), name="kaleido-evaluation", daemon=True)
        self.native_thread: NativeThread | None = None
        self.task: Task | None = None
        self.detached = False

    def stop(self) -> None:
        """Ask the thread to leave native code. It is at a task, so it lives."""
        if self.native_thread is not None:
            assert INTERRUPT is not None and self.thread.ident is not None
            self.native_thread.pending = Fault.INTERRUPTED
            signal.pthread_kill(self.thread.ident, INTERRUPT)


class Evaluation:
    """Runs functions one after the other on a thread with a stack of `stack_size` bytes, started at first use."""

    def __init__(self, stack_size: int) -> None:
        self._stack_size = stack_size
        self._queue: SimpleQueue[Task | None] = SimpleQueue()
        self._lock = fork_safe(threading.Lock(), LockOrder.EVALUATION)
        self._unfinished = 0
        self._closed = False
        self._worker: _Worker | None = None

    def submit(self, function: Callable[[NativeThread | None], Any], ended: Callable[[], None]) -> Task:
        """Have `function` called on the thread, with the thread's native_thread, and then `ended`; from the thread, at
        once.

        Raises RuntimeError where the thread has ended, OSError where it cannot be started; then nothing is called.
        """
        task = Task(function, ended)
        worker = self._worker
        if worker is not None and threading.current_thread() is worker.thread:
            task.run(worker.native_thread)
            return task
        with self._lock:
            if self._closed:
                raise RuntimeError("the evaluation thread has ended")
            if self._worker is None:
                self._worker = self._start()
            self._unfinished += 1
            self._queue.put(task)
        return task

    def stop(self, task: Task) -> None:
        """Have `task` end at once, or not begin; where it does not end, leave it behind."""
        begin = time.monotonic()
        urgent = False
        try:
            while not task.wait(_AGAIN):
                waited = time.monotonic() - begin
                with self._lock:
                    worker = self._worker
                    if worker is None or worker.task is not task:
                        task.cancelled = True
                        return
                    if waited > PATIENCE:
                        self._leave_behind(worker, task)
                        return
                    if waited > PATIENCE / 2 and worker.native_thread is not None and not urgent:
                        urgent = True
                        wake_up(True)
                    worker.stop()
        finally:
            if urgent:
                wake_up(False)

    def stop_current(self) -> None:
        """Have the task that is running now end at once."""
        with self._lock:
            task = self._worker.task if self._worker is not None else None
        if task is not None:
            self.stop(task)

    def close(self) -> None:
        """Let the thread end when it has done what it was given; nothing more is taken."""
        with self._lock:
            self._closed = True
            self._queue.put(None)
            worker = self._worker
            idle = self._unfinished == 0
        if worker is not None and idle and worker.thread is not threading.current_thread():
            worker.thread.join()

    def detach_after_fork(self) -> None:
        """In a forked child: the thread is not there, or it is the one that forked, and has nothing more to do."""
        self._queue.put(None)

    def _leave_behind(self, worker: _Worker, task: Task) -> None:
        worker.detached = True
        task.detach(worker.native_thread.outside if worker.native_thread is not None else 0)
        self._worker = None
        if not self._queue.empty():
            self._worker = self._start()

    def _start(self) -> _Worker:
        worker = _Worker(self._work)
        # The stack size of new threads is a setting of the whole process: change it only for this one.
        with _starting:
            try:
                before = threading.stack_size(self._stack_size)
                try:
                    worker.thread.start()
                finally:
                    threading.stack_size(before)
            except (RuntimeError, ValueError, OverflowError):
                raise OSError(f"no thread with a stack of {self._stack_size:,} bytes can be started") from None
        return worker

    def _work(self, worker: _Worker) -> None:
        with protected_stack() as worker.native_thread:
            while not worker.detached and (task := self._queue.get()) is not None:
                with self._lock:
                    worker.task = task
                task.run(worker.native_thread)
                with self._lock:
                    worker.task = None
                    self._unfinished -= 1
                    if worker.native_thread is not None:
                        worker.native_thread.pending = worker.native_thread.fault = Fault.NONE
                del task
