"""Events about versions, to listeners."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kaleido.jit.events import Event, EventKind, Listener
from kaleido.jit.program.versions import MachineCode, Version
from kaleido.jit.unit import Tier, Unit

__all__ = ["EventStream"]


# The events that come when the record of the stub has just changed; all are emitted under the lock.
_CHANGES = frozenset(
    {EventKind.DEFINED, EventKind.LOADED, EventKind.HOT, EventKind.SWAPPED, EventKind.COVERED, EventKind.DEOPTIMIZED}
)


class EventStream:
    """The listeners of one engine. Any thread may emit, with the engine's lock or without it."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self.needs_lines = False

    def subscribe(self, listener: Listener, *, lines: bool = False) -> Callable[[], None]:
        """Call `listener` with every event from now on, with its `lines` if asked; returns the function that ends that.

        Once asked for, lines are read from object code as long as there is a listener.
        """
        if not callable(listener):
            raise TypeError(f"a listener is called with each event; a {type(listener).__name__} cannot be")
        self._listeners.append(listener)
        self.needs_lines = self.needs_lines or lines
        return lambda: self._listeners.remove(listener)

    def emit(
        self,
        kind: EventKind,
        version: Version,
        code: MachineCode | None = None,
        *,
        tier: Tier | None = None,
        runs: int | None = None,
        seconds: float = 0.0,
        size: int = 0,
        address: int = 0,
        batch: int = 1,
        message: str = "",
        began: float = 0.0,
        threshold: int = 0,
        error: BaseException | None = None,
        inlined: tuple[str, ...] = (),
        hot_callee: Unit | None = None,
        definition: Unit | None = None,
        lines: tuple[tuple[int, str, int], ...] = (),
    ) -> None:
        """Call every listener. The tier, the seconds, the size and the address are those of `code`, if there is one.

        The runs are those of `version`, if they are not given.
        """
        if not self._listeners:
            return
        if code is not None:
            tier, seconds, size, address = code.tier, code.seconds, code.size, code.address
        unit, now = version.unit, time.perf_counter()
        record = version.record(now) if kind in _CHANGES else None
        if runs is None:
            runs = record.counted if record is not None else version.runs
        # By position, in the order of its fields: keywords take twice as long.
        event = Event(
            kind, unit.label, unit.symbol, now, threading.get_native_id(), tier, version.ordinal, runs, unit.counter,
            seconds, size, address, batch, message, began, threshold, error, inlined, hot_callee, definition, record,
            lines,
        )  # fmt: skip
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                # The caller may be in the middle of a publication, or the recompiler's thread: it must go on.
                import traceback

                traceback.print_exc()
