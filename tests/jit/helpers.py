"""What the engine's tests share: policies, a log of events, ways to hold a thread and to be sure it ends."""

from __future__ import annotations

import ctypes
import multiprocessing
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from kaleido.jit import Engine, Event, EventKind, Policy, Tier, UnitStats

__all__ = ["TIMEOUT", "Gate", "Hold", "Log", "Running", "apart", "callback", "settle", "statistics", "sync"]

# Long enough for any machine: it only ends a test that fails by waiting for ever.
TIMEOUT = 60.0


def sync(threshold: int = 3, **knobs: Any) -> Policy:
    """The deterministic policy: what becomes hot waits until its optimized code is in place."""
    return Policy(background=False, call_threshold=threshold, iteration_threshold=threshold, **knobs)


def statistics(engine: Engine, name: str) -> UnitStats:
    [found] = [each for each in engine.stats() if each.name == name]
    return found


class Log:
    """The events of an engine from now on."""

    def __init__(self, engine: Engine) -> None:
        self.events: list[Event] = []
        engine.subscribe(self.events.append)

    def of(self, name: str) -> list[Event]:
        return [event for event in self.events if event.unit == name]

    def kinds(self, name: str) -> list[str]:
        """What happened to a unit, in order, such as ``["defined", "compiled O0"]``."""
        tiers = {EventKind.COMPILED, EventKind.FREED}
        return [str(each.kind) + f" {each.tier}" * (each.kind in tiers) for each in self.of(name)]

    def only(self, name: str, kind: EventKind, tier: Tier | None = None) -> Event:
        [found] = [each for each in self.of(name) if each.kind is kind and tier in (None, each.tier)]
        return found

    def clear(self) -> None:
        self.events.clear()


class Hold:
    """Holds the recompiler each time it has compiled one of `symbols`, before it publishes."""

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
        """Return when the recompiler has arrived, with its event."""
        return self._arrivals.get(timeout=TIMEOUT)

    def release(self) -> None:
        self._permits.put(None)

    def _listen(self, event: Event) -> None:
        compiled = event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED
        here = compiled and event.symbol in self._symbols and not self._open
        if here and threading.current_thread() is not threading.main_thread():
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
        """Wait a while, for what may end by now and need not."""
        self._thread.join(timeout)

    def result(self, timeout: float = TIMEOUT) -> Any:
        self._thread.join(timeout)
        assert self.ended, "still waiting"
        result, error = self._outcome
        if error is not None:
            raise error
        return result


def settle(engine: Engine) -> None:
    """Return when every unit that is hot by now has been recompiled."""
    Running(engine.wait_until_idle).result()


class Gate:
    """A number, as an argument of a call: ctypes asks for it once the call is under way, and waits here."""

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
    """A C function ``i64 (i64)`` that runs `function`; keep it as long as something may call `address`.

    It gives what `function` does, if that is a number, and else 0.
    """

    def __init__(self, function: Callable[[int], object]) -> None:
        self.errors: list[BaseException] = []
        self._function = function
        self._native = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(self._run)
        self.address: int = ctypes.cast(self._native, ctypes.c_void_p).value or 0

    def _run(self, argument: int) -> int:
        # ctypes would print an exception and go on.
        try:
            result = self._function(argument)
            return result if isinstance(result, int) else 0
        except BaseException as error:
            self.errors.append(error)
            return -1


def apart(function: Callable[[], None]) -> None:
    """Run a module's function in a process of its own, which may crash or hang."""
    process = multiprocessing.get_context("spawn").Process(target=function, daemon=True)
    process.start()
    process.join(TIMEOUT)
    if process.is_alive():
        process.kill()
    process.join()
    assert process.exitcode == 0, f"{function.__name__} ended with {process.exitcode}"
