"""Threads that run one at a time, in every order: each stops at named points, and something else goes on.

The problem: what goes wrong between threads goes wrong in one order of many, and a test that starts threads and hopes
sees a few of them. Here real threads take part, but one at a time: whoever comes to a *point* stops there, and the
schedule decides who goes on. :func:`every_order` plays a history again and again until every decision has gone every
way; :func:`random_orders` is for those that have too many. Nothing depends on time, and an order that fails is told
with the error.

Who waits for another, as a closer waits for the recompiler, stops at a point that is not *ready* before that has
happened. A point within a lock that the others need would stop them for good: there are none, and need be none, since
what happens under one lock has no order within.
"""

from __future__ import annotations

import os
import random
import select
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any
from unittest.mock import patch

from kaleido.jit import Engine, Event, EventKind, Policy, Tier, Unit
from kaleido.jit.compiling.compiler import Compiled, Compiler
from kaleido.jit.compiling.llvm import ObjectCode, Target
from kaleido.jit.program.recompiler import Recompiler
from tests.jit.helpers import TIMEOUT

__all__ = ["Actor", "Schedule", "every_order", "open_files", "random_orders", "scheduled"]


class Actor:
    """Somebody who takes part, stopped `at` a point until it is his turn."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.at = "the start"
        self.ended = False
        self.ready: Callable[[], bool] = lambda: True
        self.turn = threading.Semaphore(0)


class Schedule:
    """One order of things. `choices` are its first decisions; after them `choose` says which of how many goes on.

    `trail` is what was decided: each time, which of how many. `steps` tells it in words. `wanted` names the points at
    which one only stops if they are in it.
    """

    def __init__(self, choices: Sequence[int] = (), choose: Callable[[int], int] = lambda able: 0) -> None:
        self.trail: list[tuple[int, int]] = []
        self.steps: list[str] = []
        self.actors: list[Actor] = []
        self._choices, self._choose = choices, choose
        self.wanted = ""
        self._running: Actor | None = None
        self._stops: SimpleQueue[Actor] = SimpleQueue()
        self._errors: list[BaseException] = []
        self._off = False

    def start(self, name: str, function: Callable[[], object]) -> threading.Thread:
        """Have somebody take part who does `function`, on a thread of his own."""
        actor = Actor(name)
        self.actors.append(actor)
        thread = threading.Thread(target=self.take_part, args=(actor, function), name=name, daemon=True)
        thread.start()
        return thread

    def take_part(self, actor: Actor, function: Callable[[], object]) -> None:
        """Do `function` as `actor`, from his first turn on."""
        self._stop(actor)
        try:
            function()
        except BaseException as error:
            self._errors.append(error)
        actor.ended = True
        self._stops.put(actor)

    def point(self, name: str, ready: Callable[[], bool] = lambda: True) -> None:
        """Whoever runs stops here until it is his turn again, which it only can be when he is `ready`."""
        if not self._off:
            # Not the thread counts, but who is served: a call runs on the evaluation thread.
            actor = self._running
            assert actor is not None
            actor.at, actor.ready = name, ready
            self._stop(actor)

    def maybe(self, name: str) -> None:
        """The same, if the point is one of those `wanted`."""
        if name in self.wanted:
            self.point(name)

    def play(self, check: Callable[[], None]) -> None:
        """Let everybody go on, one at a time, until nobody can; `check` after each step."""
        for _ in self.actors:
            self._stops.get(timeout=TIMEOUT)
        while able := [actor for actor in self.actors if not actor.ended and actor.ready()]:
            decision = len(self.trail)
            chosen = self._choices[decision] if decision < len(self._choices) else self._choose(len(able))
            self.trail.append((chosen, len(able)))
            self._go_on(able[chosen])
            check()

    def finish(self) -> None:
        """No more stopping: everybody runs to his end."""
        self._off = True
        for actor in self.actors:
            actor.turn.release()

    def _stop(self, actor: Actor) -> None:
        if not self._off:
            self._stops.put(actor)
            # Without a limit: who is stopped waits for his turn as long as the others take.
            actor.turn.acquire()

    def _go_on(self, actor: Actor) -> None:
        begin = actor.at
        self._running = actor
        actor.turn.release()
        stopped = self._stops.get(timeout=TIMEOUT)
        assert stopped is actor, f"{stopped.name} runs out of turn"
        self.steps.append(f"{actor.name}: {begin} to {'the end' if actor.ended else actor.at}")
        if self._errors:
            raise self._errors[0]


def every_order(history: Callable[[Schedule], None]) -> int:
    """Play `history` in every order; returns how many that were."""
    choices: list[int] = []
    played = 0
    while True:
        schedule = Schedule(choices)
        _play(history, schedule)
        played += 1
        trail = schedule.trail
        while trail and trail[-1][0] + 1 == trail[-1][1]:
            trail.pop()
        if not trail:
            return played
        choices = [chosen for chosen, _ in trail]
        choices[-1] += 1


def random_orders(history: Callable[[Schedule], None], count: int, seed: int) -> int:
    """Play `history` in `count` random orders; returns `count`."""
    generator = random.Random(seed)
    for _ in range(count):
        _play(history, Schedule(choose=generator.randrange))
    return count


def _play(history: Callable[[Schedule], None], schedule: Schedule) -> None:
    try:
        history(schedule)
    except BaseException as error:
        error.add_note("in this order:\n  " + "\n  ".join(schedule.steps))
        raise


@contextmanager
def scheduled(schedule: Schedule, policy: Policy, points: str) -> Iterator[Engine]:
    """An engine whose recompiler takes part. Of these, it has the first two points, and those that are in `points`:

    ============  =====================================================================
    read          the recompiler looks for requests (ready when there is something)
    joining       a closer waits for the recompiler to end (ready when it has)
    request read  the recompiler has taken the hottest, and looked nothing up yet
    compiled      code was made without the lock, and is not published (``optimize`` too)
    arriving      a call from Python has been let in, and is not in native code yet
    returning     its native code has returned, and it still counts as being inside
    ============  =====================================================================
    """
    schedule.wanted = points
    with patch.object(Target, "emit", _emit_once), patch.object(Compiler, "_compile", _compile_once):
        with patch("kaleido.jit.engine.Recompiler", partial(_StoppableRecompiler, schedule)):
            engine = _StoppableEngine(schedule, policy)
        engine.subscribe(partial(_stop_when_compiled, schedule, engine))
        try:
            yield engine
        finally:
            schedule.finish()
            engine.close()


class _StoppableRecompiler(Recompiler):
    def __init__(self, schedule: Schedule, *arguments: Any) -> None:
        self._schedule, self._actor = schedule, Actor("recompiler")
        schedule.actors.append(self._actor)
        super().__init__(*arguments)
        join = self._thread.join
        ended = lambda: self._actor.ended  # noqa: E731

        def joining() -> None:
            schedule.point("joining", ended)
            join()

        self._thread.join = joining  # type: ignore[method-assign, assignment]

    def _work(self) -> None:
        self._schedule.take_part(self._actor, super()._work)

    def _read(self, *, block: bool) -> list[int]:
        self._schedule.point("read", self._has_work)
        return super()._read(block=block)

    def _has_work(self) -> bool:
        return bool(self._pending or select.select([self._runtime.requests], [], [], 0)[0])

    def _compile_hottest(self) -> None:
        self._schedule.maybe("request read")
        super()._compile_hottest()


class _StoppableEngine(Engine):
    def __init__(self, schedule: Schedule, policy: Policy) -> None:
        super().__init__(policy)
        entry_point = self._runtime.entry_point

        def stopping(signature: Any) -> Callable[..., Any]:
            enter = entry_point(signature)

            def run(*arguments: Any) -> Any:
                schedule.maybe("arriving")
                try:
                    return enter(*arguments)
                finally:
                    schedule.maybe("returning")

            return run

        self._runtime.entry_point = stopping  # type: ignore[method-assign]


def _stop_when_compiled(schedule: Schedule, engine: Engine, event: Event) -> None:
    if event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED and not engine._lock._is_owned():  # type: ignore[attr-defined]
        schedule.maybe("compiled")


# What LLVM makes of the same text is the same in every order: most of the time goes there.
_emitted: dict[tuple[str, Tier], ObjectCode] = {}
_compiled: dict[tuple[Tier, tuple[str, ...]], Compiled] = {}
_emit, _compile = Target.emit, Compiler._compile


def _emit_once(target: Target, module: Any, tier: Tier) -> ObjectCode:
    key = str(module), tier
    if key not in _emitted:
        _emitted[key] = _emit(target, module, tier)
    return _emitted[key]


def _compile_once(compiler: Compiler, units: Sequence[Unit], tier: Tier, exported: Sequence[Unit]) -> Compiled:
    key = tier, tuple(each.ir for each in units)
    if key not in _compiled:
        _compiled[key] = _compile(compiler, units, tier, exported)
    return _compiled[key]


def open_files() -> int:
    """How many files and pipes this process has open."""
    return len(os.listdir("/proc/self/fd"))
