"""The end of an engine, whichever way it comes: no thread, no pipe and no code stays."""

from __future__ import annotations

import ctypes
import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress

import pytest

from kaleido.jit import Engine, Event, EventKind, Policy, Tier
from tests.jit.helpers import TIMEOUT, Hold, Running, apart, callback, sync
from tests.jit.schedule import open_files
from tests.jit.tiny import unit, units

SOURCE = "(define (f x) (do (foreign stop x) (+ x 1))) (define (g x) x)"


@pytest.fixture
def nothing_stays() -> Iterator[None]:
    files, before = open_files(), set(threading.enumerate())
    yield
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        thread.join(TIMEOUT)
        assert not thread.is_alive(), thread.name
    assert open_files() == files


class Visit:
    """A call that has come into native code, and stays there until it may leave."""

    def __init__(self) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()
        self.stop = callback(self._stop)

    def _stop(self, _: int) -> None:
        self.entered.set()
        assert self.leave.wait(TIMEOUT)


POLICIES = [Policy(), sync(1), Policy(baseline=False), Policy(optimize=False)]


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("policy", POLICIES)
def test_closing_gives_everything_back(policy: Policy) -> None:
    engine = Engine(policy)
    engine.define(*units("(define (f x) (+ (g x) 1)) (define (g x) x)"))
    assert [engine.call("f", 1) for _ in range(3)] == [2, 2, 2]
    engine.address("f")
    for _ in range(2):
        engine.close()
    assert engine.memory().arenas == 0


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("policy", POLICIES)
def test_closing_under_a_call_gives_everything_back_when_it_ends(policy: Policy) -> None:
    visit = Visit()
    engine = Engine(policy)
    engine.define(*units(SOURCE, {"stop": visit.stop.address}))
    running = Running(lambda: engine.call("f", 1))
    assert visit.entered.wait(TIMEOUT)
    engine.close()
    assert engine.memory().arenas == 1
    visit.leave.set()
    assert running.result() == 2
    assert engine.memory().arenas == 0


@pytest.mark.usefixtures("nothing_stays")
def test_closing_under_a_call_from_c_gives_everything_back_at_the_next_close() -> None:
    visit = Visit()
    engine = Engine(Policy())
    engine.define(*units(SOURCE, {"stop": visit.stop.address}))
    native = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(engine.address("f"))
    running = Running(lambda: native(1))
    assert visit.entered.wait(TIMEOUT)
    engine.close()
    visit.leave.set()
    assert running.result() == 2
    assert engine.memory().arenas == 1
    engine.close()
    assert engine.memory().arenas == 0


@pytest.mark.usefixtures("nothing_stays")
def test_many_threads_may_close_at_once() -> None:
    engine = Engine(Policy(call_threshold=1))
    engine.define(unit("(define (f x) x)"))
    with Hold(engine, "f") as hold:
        engine.call("f", 1)
        hold.wait()
        closing = [Running(engine.close) for _ in range(4)]
        hold.release()
        for each in closing:
            each.result()
    assert engine.memory().arenas == 0


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("policy", POLICIES)
def test_an_engine_that_nobody_refers_to_is_closed(policy: Policy) -> None:
    engine = Engine(policy)
    engine.define(unit("(define (f x) x)"))
    assert [engine.call("f", 1) for _ in range(3)] == [1, 1, 1]
    lifetime, gone = engine._lifetime, weakref.ref(engine)
    del engine
    gc.collect()
    assert gone() is None
    assert lifetime.freed.wait(TIMEOUT)


@pytest.mark.usefixtures("nothing_stays")
def test_the_recompiler_may_be_the_last_who_refers_to_an_engine() -> None:
    compiling, go_on = threading.Event(), threading.Event()

    def hold(event: Event) -> None:
        if event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED:
            compiling.set()
            assert go_on.wait(TIMEOUT)

    engine = Engine(Policy(call_threshold=1))
    engine.define(unit("(define (f x) x)"))
    engine.subscribe(hold)
    engine.call("f", 1)
    assert compiling.wait(TIMEOUT)
    lifetime = engine._lifetime
    del engine
    go_on.set()
    assert lifetime.freed.wait(TIMEOUT)


@pytest.mark.usefixtures("nothing_stays")
def test_an_engine_lives_as_long_as_a_call_in_it() -> None:
    visit = Visit()
    engine = Engine(Policy(call_threshold=1))
    engine.define(*units(SOURCE, {"stop": visit.stop.address}))
    call = engine.call
    running = Running(lambda call=call: call("f", 1))  # type: ignore[misc]
    assert visit.entered.wait(TIMEOUT)
    access, lifetime = engine._access, engine._lifetime
    del engine, call
    gc.collect()
    assert not access.closed
    visit.leave.set()
    assert running.result() == 2
    del running
    assert lifetime.freed.wait(TIMEOUT)


def leave_engines_open_while_they_compile() -> None:
    keep = []
    for policy in (Policy(call_threshold=1), sync(1), Policy(baseline=False)):
        engine = Engine(policy)
        engine.define(*units("(define (f x) (if (< x 2) x (+ (f (- x 1)) (f (- x 2))))) (define (g x) x)"))
        with suppress(RuntimeError):
            engine.call("f", 20)
        keep.append(engine)


def test_the_interpreter_exits_with_engines_open() -> None:
    apart(leave_engines_open_while_they_compile)
