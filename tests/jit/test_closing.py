"""Closing an engine, by a call, by the garbage collector or at exit: threads end, pipes and memory are freed."""

from __future__ import annotations

import ctypes
import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress

import pytest

from kaleido.jit import Engine, Event, EventKind, Policy, Tier
from tests.jit.helpers import TIMEOUT, Hold, Remains, Running, callback, in_new_process, sync
from tests.jit.schedule import open_files
from tests.jit.tiny import unit, units

SOURCE = "(define (f x) (do (foreign stop x) (+ x 1))) (define (g x) x)"


@pytest.fixture
def nothing_is_left() -> Iterator[None]:
    files, before = open_files(), set(threading.enumerate())
    yield
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        thread.join(TIMEOUT)
        assert not thread.is_alive(), thread.name
    assert open_files() == files


class Visit:
    """A call that has entered native code, and stays there until `leave` is set."""

    def __init__(self) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()
        self.stop = callback(self._stop)

    def _stop(self, _: int) -> None:
        self.entered.set()
        assert self.leave.wait(TIMEOUT)


POLICIES = [Policy(), sync(1), Policy(baseline=False), Policy(optimize=False)]


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("policy", POLICIES)
def test_closing_frees_all_memory(policy: Policy) -> None:
    engine = Engine(policy)
    engine.define(*units("(define (f x) (+ (g x) 1)) (define (g x) x)"))
    assert [engine.call("f", 1) for _ in range(3)] == [2, 2, 2]
    engine.address("f")
    for _ in range(2):
        engine.close()
    assert engine.memory().arenas == 0


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("policy", POLICIES)
def test_closing_during_a_call_frees_all_memory_when_it_returns(policy: Policy) -> None:
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


@pytest.mark.usefixtures("nothing_is_left")
def test_closing_during_a_call_from_c_frees_all_memory_at_the_next_close() -> None:
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


@pytest.mark.usefixtures("nothing_is_left")
def test_several_threads_may_close_at_once() -> None:
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


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("policy", POLICIES)
def test_an_engine_without_references_is_closed(policy: Policy) -> None:
    engine = Engine(policy)
    engine.define(unit("(define (f x) x)"))
    assert [engine.call("f", 1) for _ in range(3)] == [1, 1, 1]
    remains, gone = Remains(engine), weakref.ref(engine)
    del engine
    gc.collect()
    assert gone() is None
    assert remains.wait_until_freed()


@pytest.mark.usefixtures("nothing_is_left")
def test_the_recompiler_may_have_the_last_reference_to_an_engine() -> None:
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
    remains = Remains(engine)
    del engine
    go_on.set()
    assert remains.wait_until_freed()


@pytest.mark.usefixtures("nothing_is_left")
def test_an_engine_is_not_closed_during_a_call() -> None:
    visit = Visit()
    engine = Engine(Policy(call_threshold=1))
    engine.define(*units(SOURCE, {"stop": visit.stop.address}))
    call = engine.call
    running = Running(lambda call=call: call("f", 1))  # type: ignore[misc]
    assert visit.entered.wait(TIMEOUT)
    remains = Remains(engine)
    del engine, call
    gc.collect()
    assert not remains.closed
    visit.leave.set()
    assert running.result() == 2
    del running
    assert remains.wait_until_freed()


def leave_engines_open_while_they_compile() -> None:
    keep = []
    for policy in (Policy(call_threshold=1), sync(1), Policy(baseline=False)):
        engine = Engine(policy)
        engine.define(*units("(define (f x) (if (< x 2) x (+ (f (- x 1)) (f (- x 2))))) (define (g x) x)"))
        with suppress(RuntimeError):
            engine.call("f", 20)
        keep.append(engine)


def test_the_interpreter_exits_with_open_engines() -> None:
    in_new_process(leave_engines_open_while_they_compile)


def test_closing_twice_is_closing_once() -> None:
    engine = Engine()
    engine.define(unit("(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))"))
    assert engine.call("fib", 10) == 55
    engine.close()
    engine.close()


def test_an_engine_that_never_ran_can_be_closed() -> None:
    for policy in (Policy(), sync(), Policy(baseline=False), Policy(optimize=False)):
        Engine(policy).close()


def test_leaving_the_with_block_closes() -> None:
    before = set(threading.enumerate())
    engine = Engine(sync(1))
    with pytest.raises(KeyError), engine:
        engine.call("nothing")
    assert Remains(engine).closed
    assert set(threading.enumerate()) <= before


def test_closing_waits_only_for_the_compilation_in_progress() -> None:
    engine = Engine(Policy(call_threshold=3))
    engine.define(*units("(define (f x) x) (define (g x) x)"))
    with Hold(engine, "f", "g") as hold:
        for _ in range(3):
            engine.call("f", 1)
        hold.wait()
        for _ in range(3):
            engine.call("g", 1)
        closing = Running(engine.close)
        assert not closing.ended
        hold.release()
        closing.result()


def test_the_engine_may_be_closed_from_the_code_it_runs() -> None:
    engine = Engine(Policy(optimize=False))
    end = callback(lambda _: engine.close())
    engine.define(unit("(define (f x) (do (foreign end x) (+ 1 x)))", {"end": end.address}))
    assert Running(lambda: engine.call("f", 1)).result() == 2
    assert end.errors == []


def test_a_closed_engine_can_only_be_closed() -> None:
    engine = Engine(sync(3))
    engine.define(unit("(define (f x) x)"))
    assert engine.call("f", 1) == 1
    engine.close()
    engine.close()
    for use in (engine.stats, lambda: engine.call("f", 1), lambda: engine.define(unit("(define (f x) 1)"))):
        with pytest.raises(RuntimeError, match="closed"):
            use()
