"""Shared by the tests of the engine: policies, a log of events, ways to hold the recompiler and to run threads."""

from __future__ import annotations

import ctypes
import multiprocessing
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from kaleido.jit import Engine, Event, EventKind, Policy, Tier, UnitStats

__all__ = [
    "TIMEOUT",
    "Gate",
    "Hold",
    "Log",
    "Remains",
    "Running",
    "callback",
    "in_new_process",
    "settle",
    "statistics",
    "sync",
]

# Seconds. Long enough for any machine: only a test that would wait for ever reaches it.
TIMEOUT = 60.0


def sync(threshold: int = 3, **options: Any) -> Policy:
    """The deterministic policy: a run that makes a unit hot waits until the optimized code is published."""
    return Policy(background=False, call_threshold=threshold, iteration_threshold=threshold, **options)


def statistics(engine: Engine, name: str) -> UnitStats:
    [found] = [each for each in engine.stats() if each.name == name]
    return found


class Log:
    """The events that an engine emits from now on, but the steps that always come with a `hot` or `compiled` one."""

    STEPS = (EventKind.LOADED, EventKind.REQUESTED, EventKind.STARTED)

    def __init__(self, engine: Engine) -> None:
        self.events: list[Event] = []
        engine.subscribe(self._listen)

    def _listen(self, event: Event) -> None:
        if event.kind not in self.STEPS:
            self.events.append(event)

    def of(self, name: str) -> list[Event]:
        return [event for event in self.events if event.unit == name]

    def kinds(self, name: str) -> list[str]:
        """The kinds of a unit's events, in order, such as ``["defined", "compiled O0"]``."""
        tiers = {EventKind.COMPILED, EventKind.FREED}
        return [str(each.kind) + f" {each.tier}" * (each.kind in tiers) for each in self.of(name)]

    def only(self, name: str, kind: EventKind, tier: Tier | None = None) -> Event:
        [found] = [each for each in self.of(name) if each.kind is kind and tier in (None, each.tier)]
        return found

    def clear(self) -> None:
        self.events.clear()


class Hold:
    """Stops the recompiler each time it has compiled one of `symbols`, before it publishes the code."""

    def __init__(self, engine: Engine, *symbols: str) -> None:
        self._symbols = symbols
        self._arrivals: SimpleQueue[Event] = SimpleQueue()
        self._permits: SimpleQueue[None] = SimpleQueue()
        self._open = False
        self._unsubscribe = engine.subscribe(self._listen)

    def __enter__(self) -> Hold:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unsubscribe()
        self._open = True
        self.release()

    def wait(self) -> Event:
        """Wait until the recompiler has stopped; returns the event at which it did."""
        return self._arrivals.get(timeout=TIMEOUT)

    def release(self) -> None:
        self._permits.put(None)

    def _listen(self, event: Event) -> None:
        compiled = event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED
        held = compiled and event.symbol in self._symbols and not self._open
        if held and threading.current_thread() is not threading.main_thread():
            self._arrivals.put(event)
            self._permits.get(timeout=TIMEOUT)


class Running:
    """A function running on a thread of its own."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._outcome: list[Any] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = [self._function(), None]
        except BaseException as error:
            self._outcome = [None, error]

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def join(self, timeout: float) -> None:
        """Wait for `timeout` seconds at most. The function need not have returned by then."""
        self._thread.join(timeout)

    def result(self, timeout: float = TIMEOUT) -> Any:
        self._thread.join(timeout)
        assert self.ended, "still waiting"
        result, error = self._outcome
        if error is not None:
            raise error
        return result


class stopped:  # noqa: N801 - it is used like a function
    """Call `interrupt` again and again inside a block, on a thread: before native code runs, it has nothing to stop."""

    def __init__(self, interrupt: Callable[[], object]) -> None:
        self._interrupt, self._ended = interrupt, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._ended.wait(0.05):
            self._interrupt()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join(TIMEOUT)


class Remains:
    """What is left of an engine that no reference leads to: it does not keep the engine alive."""

    def __init__(self, engine: Engine) -> None:
        self._access, self._lifetime = engine._access, engine._lifetime

    @property
    def closed(self) -> bool:
        return self._access.closed

    def wait_until_freed(self) -> bool:
        """Wait until all memory of the engine has been freed; False if that takes too long."""
        return self._lifetime.freed.wait(TIMEOUT)


def settle(engine: Engine) -> None:
    """Wait until every unit that is hot by now has been recompiled."""
    Running(engine.wait_until_idle).result()


class Gate:
    """An integer argument that delays its call: ctypes converts it after the call has begun, and waits for `open`."""

    def __init__(self, value: int) -> None:
        self._value = value
        self.reached = threading.Event()
        self.open = threading.Event()

    @property
    def _as_parameter_(self) -> int:
        self.reached.set()
        assert self.open.wait(TIMEOUT)
        return self._value


class callback:  # noqa: N801 - it is used like a function
    """A C function ``i64 (i64)`` that runs `function`. Keep a reference as long as `address` may be called.

    It returns the result of `function` if that is an integer, and else 0. After an exception, which is added to
    `errors`, it returns -1.
    """

    def __init__(self, function: Callable[[int], object]) -> None:
        self.errors: list[BaseException] = []
        self._function = function
        self._native = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(self._run)
        self.address: int = ctypes.cast(self._native, ctypes.c_void_p).value or 0

    def _run(self, argument: int) -> int:
        # ctypes would only print the exception.
        try:
            result = self._function(argument)
            return result if isinstance(result, int) else 0
        except BaseException as error:
            self.errors.append(error)
            return -1


def in_new_process(function: Callable[[], None]) -> None:
    """Run a function of a module in a new process. A crash or a hang there fails the test."""
    process = multiprocessing.get_context("spawn").Process(target=function, daemon=True)
    process.start()
    process.join(TIMEOUT)
    if process.is_alive():
        process.kill()
    process.join()
    assert process.exitcode == 0, f"{function.__name__} ended with {process.exitcode}"
