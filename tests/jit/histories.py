"""Small histories of an engine, to be played in every order, and what must hold in each.

The program is ``f``, which calls ``g``; both stop in their bodies. Each version returns another number, so a result
says which versions it came from. A history is a few actors, each with steps in words, such as ``call f`` or
``define g``, that he takes one after the other.

``python -m tests.jit.histories`` plays them all, also those that take too long for every day, and random orders of
those that have too many; it prints how many that were.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
AT_ONCE = Policy(baseline=False)


class History(NamedTuple):
    """Who does what, one string for each actor, with the steps separated by commas.

    `inside` are the functions in which a call stops; `points` are those of the engine's where whoever comes stops.
    ``call`` is from Python: one actor at most has it, since there is one evaluation thread. ``enter`` is the same from
    C, on the actor's own thread.
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
    "a call against a removal": History(("call f", "remove f, define f"), "f"),
    "a call against the end": History(("call g", "close"), "g", CALL),
    "C's call against the end": History(("enter g", "define g, close"), "g"),
    "two callers": History(("call g", "enter g"), "g"),
    "a recompilation by hand against the recompiler": History(("call g", "optimize g", "define g")),
    "two recompilations by hand": History(("optimize f", "optimize f", "define g"), "", CALL),
    "two redefinitions of two functions": History(("call g", "define g", "define f")),
    "two closers": History(("call g", "close", "close"), "", ""),
    "-O3 at once": History(("call f", "define g", "enter f"), "g", CALL, AT_ONCE),
    "-O3 at once against the end": History(("call f", "define g, close"), "fg", CALL, AT_ONCE),
}

LONG = {
    "a call stopped everywhere": History(("call f", "define g"), "g", ALL),
    "a call of what is redefined, stopped everywhere": History(("call f", "define f"), "f", ALL),
    "a removal, stopped everywhere": History(("call f", "remove f, define f"), "f", CALL),
    "the end, stopped everywhere": History(("call g", "close"), "g", ALL),
    "two callers and a redefinition": History(("call g", "enter g", "define g"), "g"),
}

# Too long for every order.
HUGE = {
    "two calls, stopped everywhere": History(("call f, call f", "define g"), "g", ALL),
    "two callers in both functions": History(("call f", "enter f", "define g"), "fg"),
    "two callers and a removal": History(("call f, call f", "enter f", "remove f, define f"), "fg", ALL),
    "C's callers against redefinition": History(("enter f, enter f", "enter g", "define g, define f"), "fg", ALL),
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
    "-O3 at once, everything": History(
        ("call f, call f", "enter g, enter f", "define g, define f", "remove f, define f", "close"), "fg", ALL, AT_ONCE
    ),
}


class World:
    """One engine, the versions its functions had, and what may be done to it."""

    def __init__(self, schedule: Schedule, engine: Engine, history: History) -> None:
        self.engine, self.log = engine, Log(engine)
        self._history = history
        self._policy = history.policy
        self._stop = callback(lambda _: schedule.point("inside"))
        self._numbers = count(1)
        # What each function was defined as, in order; None where it was removed.
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
        """After every step: nobody is led to code that is no longer current."""
        engine = self.engine
        assert engine._access.lock.acquire(blocking=False), "somebody stopped within the lock"
        try:
            if not self.closed:
                for version in engine._program.symbols.versions.values():
                    self._check(version)
        finally:
            engine._access.lock.release()
        assert self._stop.errors == []

    def _check(self, version: Version) -> None:
        assert version.current
        code = version.code
        if code is None:
            return
        stub = self.engine._program.publisher.stub(version.symbol, version.unit.signature)
        assert stub.fields.slot == (code.address if code.tier is Tier.OPTIMIZED else stub.prologue)
        assert self.engine.find(code.address) == (version.unit, code.tier)
        dependencies = self.engine._program.dependencies
        for member in dependencies.inlined(version):
            assert member.current, f"{version.unit.label} has what was {member.unit.label} in it"
            assert version in dependencies.dependents(member)
        for root in dependencies.dependents(version):
            assert version in dependencies.inlined(root)

    def check_end(self) -> None:
        """When nobody does anything any more: nothing hot was forgotten, and nothing stays that nobody needs."""
        engine = self.engine
        # Nobody sees C leave: what it held back goes with whatever comes next.
        if self.closed:
            assert self._natives or engine.memory().arenas == 0
            return
        assert engine.memory().calls == 0
        if self._natives:
            engine._program.reclaimer.collect()
        assert engine.memory().retired == 0
        versions = engine._program.symbols.versions.values()
        codes = {code for version in versions for code in (version.baseline, version.optimized) if code is not None}
        assert {code for _, code in engine._program.publisher.code_map.owners()} == codes
        objects = {loaded for arena in engine._inspection._loader._arenas for loaded in arena.objects}
        bodies = {loaded for loaded in objects if any(name.endswith(".impl") for name in loaded.addresses)}
        assert bodies == {code.loaded for code in codes}
        assert not [event for event in self.log.events if event.kind is EventKind.FAILED]
        if self._policy.tiered:
            lukewarm = [each for each in engine.stats() if each.tier is Tier.BASELINE and each.runs]
            assert lukewarm == [], "it was hot, and nobody cared"

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
        """A result comes from versions that were current some time since `begin`.

        What is gone and has an address in C gives zero, also to calls that are on their way.
        """
        inner = {number for number in self.states["g"][begin["g"] :] if number is not None}
        outer = {100 * number for number in self.states["f"][begin["f"] :] if number is not None}
        expected = {f + g for f in outer for g in inner} if name == "f" else inner
        if None in self.states[name] and self._natives:
            expected.add(0)
        assert result in expected, (name, result, self.states)


def play(history: History, schedule: Schedule) -> None:
    """Play a history in the order that `schedule` has for it."""
    before = open_files()
    with scheduled(schedule, history.policy, history.points) as engine:
        world = World(schedule, engine, history)
        threads = [schedule.start(steps, partial(world.do, steps, schedule)) for steps in history.actors]
        schedule.play(world.check)
        assert all(actor.ended or actor.name == "recompiler" for actor in schedule.actors), "somebody still waits"
        world.check_end()
    worker, recompiler = engine._evaluation._worker, engine._recompiler
    threads += [worker.thread] if worker is not None else []
    threads += [recompiler._thread] if recompiler is not None else []
    for thread in threads:
        threading.Thread.join(thread, TIMEOUT)
        assert not thread.is_alive(), thread.name
    assert open_files() == before
    assert engine.memory().arenas == 0


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.jit.histories", description=__doc__)
    parser.add_argument("--random", type=int, default=1_000, help="orders of what is too long for every order")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    for name, history in (HISTORIES | LONG).items():
        print(f"{every_order(partial(play, history)):7,} orders, which are all, of {name}", flush=True)
    for name, history in HUGE.items():
        print(f"{random_orders(partial(play, history), options.random, options.seed):7,} orders of {name}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
