"""The kernels of a session, and how they run.

A kernel is defined when it is first needed, and compiled at -O3 when it is about to run for many elements: again after
each redefinition that has deoptimized it. Fewer elements run its baseline, which is ready sooner.

It runs in pieces, by ``Engine.function``: without Python's interpreter lock, on the thread that asks, where Ctrl-C
stops it. Between two pieces Python's other signal handlers run. A piece takes some hundredths of a second: after it,
Python's own data have left the caches, and pieces of a millisecond would cost 5 % of a map that waits for memory. With
several workers, threads take piece after piece, and the calling thread waits in Python; when it is interrupted, or one
of them fails, the others are stopped.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

from kaleido.codegen.mangling import function_name
from kaleido.jit import Engine, EventKind, Interrupted, LockOrder, Unit, fork_safe, signals_deferred

__all__ = ["Frame", "KernelTable"]

Frame = ctypes.Array[ctypes.c_int64]
"""What a kernel runs over: see ``array_kernels``."""

# The number of calls in the first piece of a kernel; the least of any; and the seconds that a piece should take.
_FIRST, _LEAST, _SECONDS = 1 << 18, 1 << 12, 0.02

# Each worker gets at least so many pieces, so that all end at about the same time.
_PIECES = 16

# Seconds between two looks of the waiting thread: a signal that another thread receives does not end its wait.
_INTERVAL = 0.05


class _Kernel:
    """A unit that is defined, and the function that runs it.

    `calls` is how many it has run since it was optimized, `piece` how many a piece has.
    """

    def __init__(self, unit: Unit, run: Callable[..., Any]) -> None:
        self.unit, self.run = unit, run
        self.is_optimized, self.calls = False, 0
        self.piece = _FIRST

    def run_in_pieces(self, frame: int, elements: int, calls: int) -> None:
        """Run all elements on the calling thread."""
        begin = 0
        while begin < elements:
            size = max(1, self.piece * elements // calls)
            started = time.perf_counter()
            self.run(frame, begin, min(begin + size, elements))
            seconds = time.perf_counter() - started
            if seconds > 2 * _SECONDS:
                self.piece = max(_LEAST, self.piece // 2)
            elif seconds < _SECONDS and size <= elements - begin:
                self.piece *= 2
            begin += size


class KernelTable:
    """Kernels by symbol. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = fork_safe(threading.Lock(), LockOrder.SESSION)
        self._kernels: dict[str, _Kernel] = {}
        # It is called with the engine's lock held, so it takes no other.
        engine.subscribe(self._listen)

    def _listen(self, event: Any) -> None:
        kernel = self._kernels.get(event.symbol)
        if kernel is not None and event.kind is EventKind.DEOPTIMIZED:
            kernel.is_optimized = False

    def symbols_of(self, functions: Collection[str], arities: dict[str, int]) -> list[str]:
        """The kernels of `functions` that are not for as many parameters as `arities` says, to be removed."""
        # A copy, because another thread may add one. Without the lock: the caller holds the session's.
        kernels = list(self._kernels.values())
        return [
            kernel.unit.symbol
            for kernel in kernels
            if (name := function_name(kernel.unit.symbol)) in functions and _arity(kernel.unit) != arities.get(name)
        ]

    def forget(self, symbols: Collection[str]) -> None:
        """Some have been removed from the engine."""
        for symbol in symbols:
            self._kernels.pop(symbol, None)

    def run(self, symbol: str, make: Callable[[], Unit], frame: Frame, elements: int, calls: int, workers: int) -> None:
        """Run all `elements` of a frame by the kernel of a symbol, which `make` returns. They are `calls`, at least 1.

        Raises as ``Engine.function`` and its result.
        """
        kernel = self._kernel(symbol, make)
        self._optimize(kernel, calls)
        if workers == 1 or calls <= _LEAST:
            kernel.run_in_pieces(ctypes.addressof(frame), elements, calls)
            return
        size = max(1, max(_LEAST, calls // (_PIECES * workers)) * elements // calls)
        pieces = ((begin, min(begin + size, elements)) for begin in range(0, elements, size))
        _Workers(self._engine, kernel.run, frame, pieces).run(workers)

    def _kernel(self, symbol: str, make: Callable[[], Unit]) -> _Kernel:
        with self._lock:
            if symbol not in self._kernels:
                unit = make()
                self._engine.define(unit)
                try:
                    run = self._engine.function(symbol)
                except BaseException:
                    self._engine.remove(symbol)
                    raise
                self._kernels[symbol] = _Kernel(unit, run)
            return self._kernels[symbol]

    def _optimize(self, kernel: _Kernel, calls: int) -> None:
        policy = self._engine.policy
        if kernel.is_optimized or not policy.optimize:
            return
        kernel.calls += calls
        if kernel.calls >= policy.iteration_threshold or not policy.baseline:
            kernel.is_optimized, kernel.calls = True, 0
            self._engine.optimize(kernel.unit.symbol)


def _arity(unit: Unit) -> int:
    [called] = unit.calls.values()
    return len(called.parameters)


class _Workers:
    """Threads that take pieces of one frame, until there are no more.

    Each sets an event at its end. What does not work: ``Thread.join`` and ``is_alive``. In Python 3.11, a join that a
    signal handler interrupts makes a thread that runs count as one that has ended.
    """

    def __init__(
        self, engine: Engine, run: Callable[..., Any], frame: Frame, pieces: Iterator[tuple[int, int]]
    ) -> None:
        self._engine, self._run, self._frame = engine, run, ctypes.addressof(frame)
        self._pieces, self._lock = pieces, threading.Lock()
        self._errors: list[BaseException] = []
        self._stopped = False
        self._threads: list[tuple[threading.Thread, threading.Event]] = []

    def run(self, number: int) -> None:
        """Run all pieces. Raises the first error of a worker, or what a signal handler raises meanwhile."""
        try:
            for each in range(1, number + 1):
                with signals_deferred():
                    self._start(f"kaleido-map-{each}")
            for _, ended in self._threads:
                while not ended.wait(_INTERVAL) and not self._stopped:
                    pass
        except KeyboardInterrupt:
            self._stop()
            for error in self._errors:
                # It knows the place.
                if isinstance(error, Interrupted):
                    raise error from None
            raise
        finally:
            self._stop()
        if self._errors:
            raise self._errors[0]

    def _start(self, name: str) -> None:
        ended = threading.Event()
        thread = threading.Thread(target=self._work, args=(ended,), name=name, daemon=True)
        thread.start()
        self._threads.append((thread, ended))

    def _work(self, ended: threading.Event) -> None:
        try:
            while (piece := self._next()) is not None:
                self._run(self._frame, *piece)
        except BaseException as error:
            with self._lock:
                self._errors.append(error)
                self._stopped = True
        finally:
            ended.set()

    def _next(self) -> tuple[int, int] | None:
        with self._lock:
            return None if self._stopped else next(self._pieces, None)

    def _stop(self) -> None:
        """Stop the workers that still run, and wait for them: the arrays must not be freed before."""
        with signals_deferred():
            self._stopped = True
            while running := [(thread, ended) for thread, ended in self._threads if not ended.is_set()]:
                self._engine.interrupt(*(thread.ident for thread, _ in running if thread.ident is not None))
                running[0][1].wait(_INTERVAL)
            for thread, _ in self._threads:
                thread.join()
