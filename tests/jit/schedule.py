"""Runs threads one at a time, in every order: each stops at named points, and another continues.

The problem: an error between threads shows in one order of many, and a test that starts threads without control sees a
few of these orders. The solution: real threads take part, but one at a time. A thread that reaches a *point* stops
there, and the schedule decides which one continues. :func:`every_order` plays a history again and again until every
decision has been made in every way; :func:`random_orders` is for histories with too many orders. Nothing depends on
time, and an error carries a note with the order in which it occurred.

A thread that waits for another, as one that closes the engine waits for the recompiler, stops at a point that is not
*ready* before that has happened. The limit: a point within a lock that other threads need would stop them for good.
None exists and none is needed, since what happens under one lock has no order within.
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
from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.llvm import Target
from kaleido.jit.compiling.object_code import ObjectCode
from kaleido.jit.compiling.specialization import Constants
from kaleido.jit.program.recompiler import Recompiler
from tests.jit.helpers import TIMEOUT

__all__ = ["Actor", "Schedule", "every_order", "open_files", "random_orders", "scheduled"]


class Actor:
    """A participating thread. It is stopped `at` a point until its next turn."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.at = "the start"
        self.ended = False
        self.ready: Callable[[], bool] = lambda: True
        self.turn = threading.Semaphore(0)


class Schedule:
    """One order of steps. `choices` are its first decisions; `choose` makes later ones, given the number of actors.

    `trail`   the decisions: index of the chosen actor, number of actors that could continue
    `steps`   the same in words
    `wanted`  the names of the optional points at which actors stop
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
        self._finished = False

    def start(self, name: str, function: Callable[[], object]) -> threading.Thread:
        """Run `function` on a new thread, as an actor."""
        actor = Actor(name)
        self.actors.append(actor)
        thread = threading.Thread(target=self.take_part, args=(actor, function), name=name, daemon=True)
        thread.start()
        return thread

    def take_part(self, actor: Actor, function: Callable[[], object]) -> None:
        """Run `function` on this thread as `actor`, from its first turn on."""
        self._stop(actor)
        try:
            function()
        except BaseException as error:
            self._errors.append(error)
        actor.ended = True
        self._stops.put(actor)

    def point(self, name: str, ready: Callable[[], bool] = lambda: True) -> None:
        """Stop the running actor until its next turn. It has none before `ready` returns True."""
        if not self._finished:
            # The current thread does not tell which actor runs: a call runs on the evaluation thread.
            actor = self._running
            assert actor is not None
            actor.at, actor.ready = name, ready
            self._stop(actor)

    def optional_point(self, name: str) -> None:
        """The same, if this point is one of `wanted`."""
        if name in self.wanted:
            self.point(name)

    def play(self, check: Callable[[], None]) -> None:
        """Continue one actor at a time until none can continue; `check` after each step."""
        for _ in self.actors:
            self._stops.get(timeout=TIMEOUT)
        while able := [actor for actor in self.actors if not actor.ended and actor.ready()]:
            decision = len(self.trail)
            chosen = self._choices[decision] if decision < len(self._choices) else self._choose(len(able))
            self.trail.append((chosen, len(able)))
            self._continue(able[chosen])
            check()

    def finish(self) -> None:
        """Stop at no more points: every actor runs to its end."""
        self._finished = True
        for actor in self.actors:
            actor.turn.release()

    def _stop(self, actor: Actor) -> None:
        if not self._finished:
            self._stops.put(actor)
            # No timeout: an actor waits for its turn as long as the others take.
            actor.turn.acquire()

    def _continue(self, actor: Actor) -> None:
        begin = actor.at
        self._running = actor
        actor.turn.release()
        stopped = self._stops.get(timeout=TIMEOUT)
        assert stopped is actor, f"{stopped.name} runs out of turn"
        self.steps.append(f"{actor.name}: {begin} to {'the end' if actor.ended else actor.at}")
        if self._errors:
            raise self._errors[0]


def every_order(history: Callable[[Schedule], None]) -> int:
    """Play `history` in every order; returns the number of orders."""
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
    """An engine whose recompiler is an actor. It has the first two of these points, and those that are in `points`:

    ============  =====================================================================
    read          the recompiler waits for requests (ready when one has arrived)
    joining       a closing thread waits for the recompiler's to end (ready when it has)
    request read  the recompiler has taken the hottest unit, and looked nothing up yet
    compiled      code was compiled without the lock, and is not published (``optimize`` too)
    arriving      a call from Python has begun, and is not in native code yet
    returning     its native code has returned, and the call is still counted as active
    ============  =====================================================================
    """
    schedule.wanted = points
    with patch.object(Target, "emit", _emit_once), patch.object(Compiler, "compile", _compile_once):
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

    def _recompile_hottest(self) -> None:
        self._schedule.optional_point("request read")
        super()._recompile_hottest()


class _StoppableEngine(Engine):
    def __init__(self, schedule: Schedule, policy: Policy) -> None:
        super().__init__(policy)
        entry = self._runtime.entry_point

        def stopping(signature: Any) -> Callable[..., Any]:
            enter = entry(signature)

            def run(*arguments: Any) -> Any:
                schedule.optional_point("arriving")
                try:
                    return enter(*arguments)
                finally:
                    schedule.optional_point("returning")

            return run

        self._runtime.entry_point = stopping  # type: ignore[method-assign]


def _stop_when_compiled(schedule: Schedule, engine: Engine, event: Event) -> None:
    if event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED and not engine._access.lock._is_owned():  # type: ignore[attr-defined]
        schedule.optional_point("compiled")


# LLVM emits the same code for the same text in every order, and most of the time is spent there.
_emitted: dict[tuple[str, Tier], ObjectCode] = {}
_compiled: dict[tuple[Tier, tuple[str, ...], str], ObjectCode] = {}
_emit, _compile = Target.emit, Compiler.compile


def _emit_once(target: Target, module: Any, tier: Tier) -> ObjectCode:
    key = str(module), tier
    if key not in _emitted:
        _emitted[key] = _emit(target, module, tier)
    return _emitted[key]


def _compile_once(
    compiler: Compiler, units: Sequence[Unit], tier: Tier, constants: Constants | None = None
) -> ObjectCode:
    key = tier, tuple(each.ir for each in units), repr(constants or {})
    if key not in _compiled:
        _compiled[key] = _compile(compiler, units, tier, constants)
    return _compiled[key]


def open_files() -> int:
    """The number of files and pipes that this process has open (Linux)."""
    return len(os.listdir("/proc/self/fd"))
