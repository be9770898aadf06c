"""The threads that native code runs on.

The problem. Programs recurse deeply, and a Python thread's usual stack is small. And a thread in native code executes
no Python: Ctrl-C on it would wait until the native code returns.

The solution. Calls into native code run on a thread of their own, with a large stack that the system commits only as
it is used. The caller waits in Python, where it can be interrupted; then it stops the thread (see ``native/faults``).

A call on an evaluation thread, from a Python function that native code has called, runs at once on that thread,
whichever engine it belongs to. So these threads never wait for each other, and what runs on one is stopped together.

A thread that does not stop is in a C function that does not return. It is *detached*: the caller gets its exception,
another thread takes its place, and should the C function return after all, the detached thread leaves native code and
ends.

Limits. A call that comes from another engine's thread has the stack of that thread. A detached thread keeps its stack,
and what it runs counts as being inside: code that it may return to is not freed until it has ended.

What does not work, and why.

- *Running native code on the main thread.* Python delivers Ctrl-C on the main thread only, between two bytecodes: not
  before the native code returns. And the main thread's stack is as large as the shell's limit permits (8 MiB, usually).
- *Queueing a call that comes from the thread of another engine.* Two engines that call each other then wait for each
  other, and an interruption reaches the thread that waits, not the one that runs.
- *Ending a thread from outside.* Python has no function for it, and ``pthread_cancel`` is no way out (see
  ``native/faults``). The one way to be rid of a C function that never returns is to end its process.
- *Waiting for the end of a task without a time limit.* The kernel may deliver a signal to any thread. Then Python's C
  handler runs there, and a wait for a lock on the main thread goes on.
- *One signal for each interruption.* It may arrive while the thread is in a C function or between two units, where the
  handler must not jump. It is sent again until the thread has left.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from kaleido.jit.native.faults import INTERRUPT, Fault, NativeThread
from kaleido.jit.process.fork import LockOrder, after_fork_in_child, fork_safe
from kaleido.jit.running.stacks import protected_stack, restart_system_calls

__all__ = ["PATIENCE", "SIGNAL_INTERVAL", "Evaluation", "Task"]

PATIENCE = 1.0
"""Seconds after which a thread that does not stop is detached."""

# Seconds between two checks of a waiting thread for Ctrl-C.
_CHECK_INTERVAL = 0.05

SIGNAL_INTERVAL = 0.002
"""Seconds between two signals to a thread that must stop."""

_this_thread = threading.local()
_stack_size_lock = fork_safe(threading.Lock(), LockOrder.THREADS)


def _end_evaluation_thread(_: bool) -> None:
    """In a forked child: the thread that forked is the main thread, and runs no tasks."""
    vars(_this_thread).clear()


after_fork_in_child(_end_evaluation_thread)


class Task:
    """A call of `function`, and its result. (``concurrent.futures`` takes longer to import than all of this.)

    `on_end` is called when the task ends, also if the function was never called.

    `cancelled`    the function must not be called any more
    `detached_at`  None, unless the thread was detached with this task: then the address in a unit that called the C
                   function that the thread is in; 0 if it is not known
    """

    def __init__(self, function: Callable[[NativeThread | None], Any], on_end: Callable[[], None]) -> None:
        self._function, self._on_end = function, on_end
        self._ended = False
        # Held until then. (An Event is a lock, a condition and a queue.)
        self._running = threading.Lock()
        self._running.acquire()
        self._result: Any = None
        self._error: BaseException | None = None
        self.cancelled = False
        self.detached_at: int | None = None

    def run(self, native_thread: NativeThread | None) -> None:
        """Call the function, on the calling thread. Its NativeThread is given."""
        try:
            try:
                if not self.cancelled:
                    self._result = self._function(native_thread)
            finally:
                self._on_end()
        except BaseException as error:
            self._error = error
        self._end()

    def fail(self, error: BaseException) -> None:
        """End the task with an error, without calling the function."""
        self._error = error
        self.cancelled = True
        self.run(None)

    def wait(self, seconds: float) -> bool:
        """Wait until the task has ended, but not longer than `seconds`. Returns whether it has."""
        if not self._ended and self._running.acquire(timeout=seconds):
            self._release()
        return self._ended

    def join(self) -> None:
        """Wait until the task has ended."""
        # With a time limit: a signal that the kernel delivers to another thread does not end the main thread's wait.
        while not self.wait(_CHECK_INTERVAL):
            pass

    def detach(self, at: int) -> None:
        """Treat the task as ended. Its function may still return; the result is ignored."""
        self.detached_at = at
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._release()

    def _release(self) -> None:
        # A task that was detached ends twice.
        with suppress(RuntimeError):
            self._running.release()

    def result(self) -> Any:
        """What the function returned, or raise what it raised. Only for a task that has ended."""
        if self._error is not None:
            raise self._error
        return self._result


class _Worker:
    """A thread of `evaluation`, its NativeThread, and the task that it runs."""

    def __init__(self, evaluation: Evaluation, target: Callable[[_Worker], None]) -> None:
        self.evaluation = evaluation
        self.thread = threading.Thread(target=target, args=(self,), name="kaleido-evaluation", daemon=True)
        self.native_thread: NativeThread | None = None
        self.task: Task | None = None
        self.detached = False

    def interrupt(self) -> None:
        """Ask the thread to leave native code. It must be running a task, so that the thread exists."""
        if self.native_thread is not None:
            assert INTERRUPT is not None and self.thread.ident is not None
            self.native_thread.pending = Fault.INTERRUPTED
            signal.pthread_kill(self.thread.ident, INTERRUPT)


class Evaluation:
    """Runs tasks one after the other on a thread with a stack of `stack_size` bytes, started by the first."""

    def __init__(self, stack_size: int) -> None:
        self._stack_size = stack_size
        self._queue: SimpleQueue[Task | None] = SimpleQueue()
        self._lock = fork_safe(threading.Lock(), LockOrder.EVALUATION)
        self._unfinished = 0
        self._closed = False
        self._worker: _Worker | None = None
        # The threads of other evaluations that run tasks of this one.
        self._hosts: list[_Worker] = []
        self._on_start: list[Callable[[], object]] = []

    def submit(self, function: Callable[[NativeThread | None], Any], on_end: Callable[[], None]) -> Task:
        """Queue a call of `function`, with the thread's NativeThread, and then of `on_end`. Returns its task.

        On an evaluation thread, of this or another one, the task runs at once. Raises RuntimeError if the evaluation is
        closed, MemoryError or OSError if the thread cannot be started; then neither is called.
        """
        task = Task(function, on_end)
        host: _Worker | None = getattr(_this_thread, "worker", None)
        if host is not None:
            self._run_on(host, task)
            return task
        with self._lock:
            if self._closed:
                raise RuntimeError("the evaluation thread has ended")
            if self._worker is None:
                self._worker = self._start()
            self._unfinished += 1
            self._queue.put(task)
        return task

    def _run_on(self, host: _Worker, task: Task) -> None:
        """Run a task on the calling thread, which is that of `host`."""
        with self._lock:
            self._hosts.append(host)
        try:
            task.run(host.native_thread)
        finally:
            with self._lock:
                self._hosts.remove(host)

    def stop(self, task: Task) -> None:
        """Cancel `task`. If it is running, interrupt its native code; if that fails for PATIENCE, detach the thread."""
        begin = time.monotonic()
        urgent = False
        try:
            while not task.wait(SIGNAL_INTERVAL):
                waited = time.monotonic() - begin
                with self._lock:
                    worker = self._worker
                    if worker is None or worker.task is not task:
                        task.cancelled = True
                        return
                    if waited > PATIENCE:
                        self._detach(worker, task)
                        return
                    if waited > PATIENCE / 2 and worker.native_thread is not None and not urgent:
                        urgent = True
                        restart_system_calls(False)
                    worker.interrupt()
        finally:
            if urgent:
                restart_system_calls(True)

    def stop_current(self) -> None:
        """Stop the task that is running now, if any, and those on threads of other evaluations, with their callers."""
        with self._lock:
            workers = {self._worker, *self._hosts}
        for worker in workers:
            if worker is not None and (task := worker.task) is not None:
                worker.evaluation.stop(task)

    @property
    def thread(self) -> tuple[int, NativeThread] | None:
        """The native identifier of the thread that runs tasks now, and its NativeThread; None before the first task."""
        with self._lock:
            worker = self._worker
        if worker is None or worker.native_thread is None or worker.thread.native_id is None:
            return None
        return worker.thread.native_id, worker.native_thread

    def on_start(self, function: Callable[[], object]) -> Callable[[], None]:
        """Call `function` on each new thread before its first task; it must not raise. Returns what ends that."""
        self._on_start.append(function)
        return lambda: self._on_start.remove(function)

    def close(self) -> None:
        """Accept no more tasks, and end the thread after those that are queued. Waits for it if it is idle."""
        with self._lock:
            self._closed = True
            self._queue.put(None)
            worker = self._worker
            idle = self._unfinished == 0
        if worker is not None and idle and worker.thread is not threading.current_thread():
            worker.thread.join()

    def detach_after_fork(self) -> None:
        """In a forked child: end the thread if it is the one that forked. Otherwise it exists only in the parent."""
        self._queue.put(None)

    def _detach(self, worker: _Worker, task: Task) -> None:
        worker.detached = True
        task.detach(worker.native_thread.outside if worker.native_thread is not None else 0)
        self._worker = None
        if not self._queue.empty():
            self._worker = self._start()

    def _start(self) -> _Worker:
        worker = _Worker(self, self._work)
        # The stack size of new threads is a setting of the process: it is changed for this thread only.
        with _stack_size_lock:
            try:
                before = threading.stack_size(self._stack_size)
                try:
                    worker.thread.start()
                finally:
                    threading.stack_size(before)
            except (RuntimeError, ValueError, OverflowError) as error:
                # A subinterpreter may have no threads at all, and says so.
                if "interpreter" in str(error):
                    raise OSError(str(error)) from None
                raise MemoryError(f"no thread with a stack of {self._stack_size:,} bytes can be started") from None
        return worker

    def _work(self, worker: _Worker) -> None:
        _this_thread.worker = worker
        try:
            with protected_stack() as worker.native_thread:
                for function in tuple(self._on_start):
                    function()
                self._serve(worker)
        except MemoryError as error:
            self._fail_queued(worker, error)

    def _serve(self, worker: _Worker) -> None:
        """Run tasks until the evaluation is closed, or the thread is detached."""
        while not worker.detached and (task := self._queue.get()) is not None:
            with self._lock:
                worker.task = task
            task.run(worker.native_thread)
            with self._lock:
                worker.task = None
                self._unfinished -= 1
                if worker.native_thread is not None:
                    worker.native_thread.pending = worker.native_thread.fault = Fault.NONE
            # So that the result is not kept until the next task.
            del task

    def _fail_queued(self, worker: _Worker, error: MemoryError) -> None:
        """A thread cannot protect its stack: what it was started for fails, and the next task starts another."""
        with self._lock:
            if self._worker is worker:
                self._worker = None
            queued = [self._queue.get() for _ in range(self._queue.qsize())]
            tasks = [task for task in queued if task is not None]
            self._unfinished -= len(tasks)
        for task in tasks:
            task.fail(error)
