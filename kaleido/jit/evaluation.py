"""The thread that native code runs on.

Programs recurse deeply, and a Python thread's usual stack is small. So calls into native code run on a thread of
their own, with a large stack that the system commits only as it is used. The caller waits, in Python, where it
can still be interrupted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

__all__ = ["EvaluationThread", "Task"]

_starting = threading.Lock()


class Task:
    """A function to call, and what came of it. (``concurrent.futures`` costs more to import than all of this.)"""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._done = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:
            self._error = error
        self._done.set()

    def result(self) -> Any:
        """Wait for the function; return what it returned, or raise what it raised."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result


class EvaluationThread:
    """Runs functions one after the other on a thread with a stack of `stack_size` bytes, started at first use."""

    def __init__(self, stack_size: int) -> None:
        self._stack_size = stack_size
        self._queue: SimpleQueue[Task | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, function: Callable[[], Any]) -> Task:
        """Have `function` called on the thread; the task's ``result`` waits for it.

        Raises RuntimeError where the thread has ended, OSError where it cannot be started; then `function` is not
        called.
        """
        task = Task(function)
        if threading.current_thread() is self._thread:
            task.run()
            return task
        if self._thread is None:
            self._start()
        with self._lock:
            if self._closed:
                raise RuntimeError("the evaluation thread has ended")
            self._queue.put(task)
        return task

    def close(self) -> None:
        """Let the thread end when it has done what it was given; nothing more is taken."""
        with self._lock:
            self._closed = True
            self._queue.put(None)

    def _start(self) -> None:
        # The stack size of new threads is a setting of the whole process: change it only for this one.
        with _starting:
            if self._thread is None:
                before = threading.stack_size(self._stack_size)
                try:
                    thread = threading.Thread(target=self._work, name="kaleido-evaluation", daemon=True)
                    thread.start()
                except RuntimeError as error:
                    raise OSError(f"{error} with a stack of {self._stack_size >> 20} MiB") from None
                finally:
                    threading.stack_size(before)
                self._thread = thread

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            task.run()
            del task
