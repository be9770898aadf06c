"""Small histories of an engine, which are played in every order, and what must hold in each.

The program is ``f``, which calls ``g``; both can stop in their bodies. Each version returns another number, so a result
identifies the versions that it came from. A history has a few actors. Each takes steps in words, such as ``call f`` or
``define g``, one after the other.

``python -m tests.jit.histories`` plays all of them, including those that take too long for every check, and random
orders of those that have too many; it prints how many orders it has played.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from typing import NamedTuple

from kaleido.jit import Engine, EventKind, Policy, Tier, Unit
from kaleido.jit.program.versions import Version
from tests.jit.helpers import TIMEOUT, Log, callback
from tests.jit.schedule import Schedule, every_order, open_files, random_orders, scheduled
from tests.jit.tiny import unit

__all__ = ["HISTORIES", "HUGE", "History", "play"]

TIERED = Policy(call_threshold=1, iteration_threshold=1)
OPTIMIZED_ONLY = Policy(baseline=False)
MODES = {"tiered": TIERED, "O0": replace(TIERED, optimize=False), "O3": replace(TIERED, baseline=False)}


class History(NamedTuple):
    """The steps of each actor, separated by commas.

    `inside` are the functions in which a call stops; `points` are the optional points of :func:`scheduled` at which
    actors stop. ``call`` is a call from Python: at most one actor has it, since an engine has one evaluation thread.
    ``enter`` is a call from C, on the actor's own thread.
    """

    actors: tuple[str, ...]
    inside: str = ""
    points: str = "compiled"
    policy: Policy = TIERED


CALL, ALL = "compiled, arriving, returning", "compiled, request read, arriving, returning"

HISTORIES = {
    "a call against a redefinition of what it calls": History(("call f", "define g"), "g"),
    "a call against a redefinition of itself": History(("call f", "define f"), "f", "compiled, request read"),
    "two calls against a redefinition": History(("call f, call f", "define g")),
    "calls of a function and of what it inlined": History(("call f, call g", "call g, define g")),
    "a requested recompilation of what was inlined": History(("call f", "optimize g", "define f")),
    "a call against a removal": History(("call f", "remove f, define f"), "f"),
    "a call against closing": History(("call g", "close"), "g", CALL),
    "a call from C against closing": History(("enter g", "define g, close"), "g"),
    "a call and a call from C": History(("call g", "enter g"), "g"),
    "a requested recompilation against the recompiler": History(("call g", "optimize g", "define g")),
    "two requested recompilations": History(("optimize f", "optimize f", "define g"), "", CALL),
    "two redefinitions of two functions": History(("call g", "define g", "define f")),
    "two threads that close": History(("call g", "close", "close"), "", ""),
    "a deoptimization on request": History(("call f, call f", "deoptimize f")),
    "the recompiler against -O0 only, for a while": History(("call f", "configure O0, configure tiered")),
    "a call against other modes": History(("call f", "configure O3, configure O0"), "g"),
    "a requested recompilation against another mode": History(("optimize f", "configure O0", "define g"), "", CALL),
    "-O3 only": History(("call f", "define g", "enter f"), "g", CALL, OPTIMIZED_ONLY),
    "-O3 only, against closing": History(("call f", "define g, close"), "fg", CALL, OPTIMIZED_ONLY),
}

LONG = {
    "a call stopped everywhere": History(("call f", "define g"), "g", ALL),
    "a call of a redefined function, stopped everywhere": History(("call f", "define f"), "f", ALL),
    "a removal, stopped everywhere": History(("call f", "remove f, define f"), "f", CALL),
    "closing, stopped everywhere": History(("call g", "close"), "g", ALL),
    "calls from Python and C, and a redefinition": History(("call g", "enter g", "define g"), "g"),
    "two calls against other modes": History(("call f, call g", "configure O3, configure O0"), "g"),
}

# Histories with too many orders to play all of them.
HUGE = {
    "two calls, stopped everywhere": History(("call f, call f", "define g"), "g", ALL),
    "calls from Python and C that stop in both functions": History(("call f", "enter f", "define g"), "fg"),
    "calls from Python and C, and a removal": History(("call f, call f", "enter f", "remove f, define f"), "fg", ALL),
    "calls from C against redefinition": History(("enter f, enter f", "enter g", "define g, define f"), "fg", ALL),
    "everything": History(("call f, call f", "enter g", "define g, define f", "remove f", "optimize f", "close"), "g"),
    "everything, stopped everywhere": History(
        (
            "call f, call f, call g",
            "enter g, enter f",
            "define g, define f, define g",
            "remove f, define f",
            "optimize f, optimize g",
            "close",
        ),
        "fg",
        ALL,
    ),
    "modes and everything, stopped everywhere": History(
        (
            "call f, call f, call g",
            "enter g, enter f",
            "configure O0, configure O3, configure tiered",
            "define g, deoptimize f, define f, deoptimize g",
            "configure O3, optimize f, configure tiered, configure O0",
        ),
        "fg",
        ALL,
    ),
    "-O3 only, everything": History(
        ("call f, call f", "enter g, enter f", "define g, define f", "remove f, define f", "close"),
        "fg",
        ALL,
        OPTIMIZED_ONLY,
    ),
}


class World:
    """One engine, the versions that its functions have had, and the steps of its actors."""

    def __init__(self, schedule: Schedule, engine: Engine, history: History) -> None:
        self.engine, self.log = engine, Log(engine)
        self._history = history
        self._program, self._lock = engine._program, engine._access.lock
        self._loader = engine._inspection._loader
        self._stop = callback(lambda _: schedule.point("inside"))
        self._numbers = count(1)
        # The numbers that each function has returned, in order; None while it was removed.
        self.states: dict[str, list[int | None]] = {"f": [], "g": []}
        self.closed = False
        for name in "gf":
            self.define(name)
        for name in "fg":
            engine.prepare(name)
        entered = {name for name in "fg" if any(f"enter {name}" in steps for steps in history.actors)}
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
        self._natives = {name: kind(engine.address(name)) for name in entered}

    # Steps

    def do(self, steps: str, schedule: Schedule) -> None:
        for number, step in enumerate(steps.split(", ")):
            if number:
                schedule.point(f"before `{step}`")
            verb, *arguments = step.split()
            try:
                getattr(self, verb)(*arguments)
            except RuntimeError:
                assert self.closed

    def define(self, name: str) -> None:
        number = next(self._numbers)
        self.engine.define(self._unit(name, number))
        self.states[name].append(number)

    def remove(self, name: str) -> None:
        if self.states[name][-1] is not None:
            self.engine.remove(name)
            self.states[name].append(None)

    def optimize(self, name: str) -> None:
        begin = self._now()
        with self._unless_removed(name, begin):
            self.engine.optimize(name)

    def deoptimize(self, name: str) -> None:
        with suppress(ValueError):
            # In a policy without a baseline.
            self.engine.deoptimize(name)

    def configure(self, mode: str) -> None:
        self.engine.configure(MODES[mode])

    def call(self, name: str) -> None:
        begin = self._now()
        with self._unless_removed(name, begin):
            self._check_result(name, begin, self.engine.call(name, 0))

    def enter(self, name: str) -> None:
        if not self.closed:
            begin = self._now()
            self._check_result(name, begin, self._natives[name](0))

    def close(self) -> None:
        self.closed = True
        self.engine.close()

    # What must hold

    def check(self) -> None:
        """After every step: no slot leads to code of a version that is not current."""
        assert self._lock.acquire(blocking=False), "an actor stopped while it held the lock"
        try:
            if not self.closed:
                for version in self._program.symbols.versions.values():
                    self._check(version)
        finally:
            self._lock.release()
        assert self._stop.errors == []

    def _check(self, version: Version) -> None:
        assert version.current
        code = version.code
        if code is None:
            return
        stub = self._program.publisher.stub(version.symbol, version.unit.signature)
        is_counted = code.tier is Tier.BASELINE and self.engine.policy.tiered
        assert stub.fields.slot == (stub.prologue if is_counted else code.address)
        assert version.baseline is not None or not self.engine.policy.baseline
        assert self.engine.find(code.address) == (version.unit, code.tier)
        dependencies = self._program.dependencies
        for member in dependencies.inlined(version):
            assert member.current, f"{version.unit.label} has an old version of {member.unit.label} inlined"
            assert version in dependencies.dependents(member)
        for root in dependencies.dependents(version):
            assert version in dependencies.inlined(root)

    def check_end(self) -> None:
        """After the last step: every hot unit has been recompiled, and all unused memory has been freed."""
        engine = self.engine
        # The engine does not notice that a call from C returns: what it held back is freed by a later operation.
        if self.closed:
            assert self._natives or engine.memory().arenas == 0
            return
        assert engine.memory().calls == 0
        if self._natives:
            self._program.reclaimer.collect()
        assert engine.memory().retired == 0
        codes = {
            code
            for version in self._program.symbols.versions.values()
            for code in (version.baseline, version.optimized)
            if code is not None
        }
        assert {code for _, code in self._program.publisher.code_map.owners()} == codes
        bodies = {loaded for loaded in self._loader.loaded if any(name.endswith(".impl") for name in loaded.addresses)}
        assert bodies == {code.loaded for code in codes}
        assert not [event for event in self.log.events if event.kind is EventKind.FAILED]
        if engine.policy.tiered:
            # A unit that a hot caller inlined while it waited is counted again, up to another limit.
            has_reported = self._program.publisher.has_reported
            baseline = [
                each for each in self._program.symbols.versions.values() if each.baseline and not each.optimized
            ]
            records = [each.symbol.stub.fields for each in baseline if each.current and each.symbol.stub is not None]
            forgotten = [each for each in records if each.runs >= each.limit]
            assert forgotten + list(filter(has_reported, baseline)) == [], "a hot unit was not recompiled"

    def _unit(self, name: str, number: int) -> Unit:
        stop = "(foreign stop x)" if name in self._history.inside else "0"
        value = "(g x)" if name == "f" else "0"
        text = f"(define ({name} x) (do {stop} (+ {number * (100 if name == 'f' else 1)} {value})))"
        return unit(text, {"stop": self._stop.address})

    @contextmanager
    def _unless_removed(self, name: str, begin: dict[str, int]) -> Iterator[None]:
        try:
            yield
        except KeyError:
            assert None in self.states[name][begin[name] :]

    def _now(self) -> dict[str, int]:
        return {name: len(states) - 1 for name, states in self.states.items()}

    def _check_result(self, name: str, begin: dict[str, int], result: int) -> None:
        """Check that a result comes from versions that were current at some time since `begin`.

        A removed function that C has the address of returns zero, also to calls that have begun and not arrived.
        """
        inner = {number for number in self.states["g"][begin["g"] :] if number is not None}
        outer = {100 * number for number in self.states["f"][begin["f"] :] if number is not None}
        expected = {f + g for f in outer for g in inner} if name == "f" else inner
        if None in self.states[name] and self._natives:
            expected.add(0)
        assert result in expected, (name, result, self.states)


def play(history: History, schedule: Schedule) -> None:
    """Play a history in the order of `schedule`."""
    files, threads = open_files(), set(threading.enumerate())
    with scheduled(schedule, history.policy, history.points) as engine:
        world = World(schedule, engine, history)
        for steps in history.actors:
            schedule.start(steps, partial(world.do, steps, schedule))
        schedule.play(world.check)
        assert all(actor.ended or actor.name == "recompiler" for actor in schedule.actors), "an actor still waits"
        world.check_end()
    for thread in set(threading.enumerate()) - threads:
        threading.Thread.join(thread, TIMEOUT)
        assert not thread.is_alive(), thread.name
    assert open_files() == files
    assert engine.memory().arenas == 0


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.jit.histories", description=__doc__)
    parser.add_argument("--random", type=int, default=1_000, help="how many orders of a history that has too many")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    for name, history in (HISTORIES | LONG).items():
        print(f"{every_order(partial(play, history)):7,} orders (all) of {name}", flush=True)
    for name, history in HUGE.items():
        print(f"{random_orders(partial(play, history), options.random, options.seed):7,} orders of {name}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
