"""Holds the recompiler before each swap, and releases it step by step.

The engine emits the `compiled` event of a recompilation on the recompiler's thread, without its lock, and before the
publication. So a subscriber that waits in it holds the recompiler there, and the program runs on at its baseline.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from kaleido.jit import Engine, Event, EventKind, Tier

__all__ = ["Hold"]


class Hold:
    """The hold on the recompiler of one engine at a time. Thread-safe.

    `changed`  is called, on any thread, when what :meth:`waiting` returns has changed
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._condition = threading.Condition()
        self._held = False
        self._steps = 0
        self._waiting: str | None = None
        # Compilations that another thread waits for, such as those of `Engine.optimize`, are not held.
        self._recompilers: set[int] = set()

    @property
    def held(self) -> bool:
        return self._held

    @property
    def waiting(self) -> str | None:
        """The unit whose optimized code is compiled and waits to be swapped in; None if there is none."""
        return self._waiting

    def attach(self, engine: Engine) -> None:
        """Hold the recompiler of `engine`. Let go of it before the engine is closed: closing waits for it."""
        engine.subscribe(self._listen)

    def hold(self, held: bool) -> None:
        """Hold the recompiler from its next swap on, or release it."""
        with self._condition:
            self._held, self._steps = held, 0
            self._condition.notify_all()

    def step(self) -> None:
        """Let one swap happen: the one that waits, or the next one."""
        with self._condition:
            self._steps = 1
            self._condition.notify_all()

    def _listen(self, event: Event) -> None:
        if event.kind is EventKind.STARTED:
            if threading.current_thread().name == "kaleido-recompiler":
                self._recompilers.add(event.thread)
        elif event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED and event.thread in self._recompilers:
            self._wait(event.unit)

    def _wait(self, unit: str) -> None:
        if not self._held:
            return
        self._waiting = unit
        self._changed()
        with self._condition:
            self._condition.wait_for(lambda: self._steps or not self._held)
            self._steps = 0
        self._waiting = None
        self._changed()
