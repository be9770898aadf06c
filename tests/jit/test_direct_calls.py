"""Units called on the thread that calls: values, protection, redefinition, several threads, Ctrl-C."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kaleido.jit import (
    Engine,
    EventKind,
    Interrupted,
    Policy,
    Signature,
    SignatureChanged,
    StackOverflow,
    UndefinedUnit,
    Unit,
)
from kaleido.jit.native import faults
from kaleido.jit.running import direct_threads
from tests.jit.helpers import TIMEOUT, Log, Running, callback, statistics, sync
from tests.jit.tiny import unit, units

needs_protection = pytest.mark.skipif(bool(faults.missing_protection()), reason=faults.missing_protection())

SMALL = 4 << 20

# Not a loop in any tier.
DEEP = "(define (deep n) (if (= n 0) 0 (+ n (% (deep (- n 1)) 7))))"


@pytest.fixture(
    params=[Policy(), Policy(baseline=False), Policy(optimize=False), sync()], ids=["tiered", "O3", "O0", "sync"]
)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with Engine(request.param) as engine:
        yield engine


def held_call() -> tuple[threading.Event, threading.Event, Any]:
    """An event that a foreign function sets, one that it then waits for, and the function."""
    entered, leave = threading.Event(), threading.Event()

    def hold(_: int) -> None:
        entered.set()
        leave.wait(TIMEOUT)

    return entered, leave, callback(hold)


# Values


def test_it_is_the_unit(engine: Engine) -> None:
    engine.define(
        *units(
            "(define (gcd a b) (if (= b 0) a (gcd b (% a b)))) (define (one) 1)"
            "(define (half:double x:double) (* x 0.5))"
        )
    )
    assert engine.function("gcd")(21, 14) == engine.call("gcd", 21, 14) == 7
    assert engine.function("one")() == 1
    assert engine.function("half")(3) == 1.5


def test_a_function_without_a_result(engine: Engine) -> None:
    memory = ctypes.c_int64(5)
    engine.define(unit("(define (clear:void p:ptr) (store p 0))"))
    assert engine.function("clear")(ctypes.addressof(memory)) is None
    assert memory.value == 0


@pytest.mark.parametrize("count", [1, 6, 7, 12, 40])
@pytest.mark.parametrize("kind", ["i64", "double"])
def test_arguments_in_registers_and_on_the_stack(engine: Engine, kind: str, count: int) -> None:
    names = [f"a{index}" for index in range(count)]
    total = "0.0" if kind == "double" else "0"
    for index, name in enumerate(names):
        total = f"(+ {total} (* {name} {index + 1}{'.0' if kind == 'double' else ''}))"
    engine.define(unit(f"(define (f:{kind} {' '.join(f'{name}:{kind}' for name in names)}) {total})"))
    numbers = range(3, 3 + count)
    assert engine.function("f")(*numbers) == sum(number * (index + 1) for index, number in enumerate(numbers))


def test_hot_units_are_optimized() -> None:
    with Engine(sync(3)) as engine:
        engine.define(unit("(define (f x) (+ x 1))"))
        f = engine.function("f")
        assert [f(x) for x in range(9)] == list(range(1, 10))
        assert statistics(engine, "f").tier == "O3"


@pytest.mark.parametrize("kind", ["i8", "i16", "i32", "i64"])
def test_integers_out_of_range_are_refused(engine: Engine, kind: str) -> None:
    bits = int(kind[1:])
    engine.define(
        Unit("f", Signature(kind, (kind,)), f'define tailcc {kind} @"f.impl"({kind} %x) nounwind {{ ret {kind} %x }}')
    )
    f = engine.function("f")
    for fits in (-(1 << (bits - 1)), -1, 0, (1 << (bits - 1)) - 1):
        assert f(fits) == fits
    for number in (-(1 << (bits - 1)) - 1, 1 << (bits - 1), 1 << 70):
        with pytest.raises(OverflowError, match=f"argument 1 of f is {kind}: {number} does not fit"):
            f(number)


def test_wrong_arguments_are_refused(engine: Engine) -> None:
    engine.define(unit("(define (f:double x:double y:double) (+ x y))"))
    f = engine.function("f")
    for arguments in [(), (1.0,), (1.0, 2.0, 3.0)]:
        with pytest.raises(TypeError, match=r"f\(\)"):
            f(*arguments)
    with pytest.raises(TypeError, match="argument 2 of f is double, not str"):
        f(1.0, "2")


# Protection


@needs_protection
@pytest.mark.parametrize("policy", [Policy(), Policy(optimize=False), sync(3)], ids=["tiered", "O0", "sync"])
def test_recursion_is_as_deep_as_on_the_evaluation_thread(policy: Policy) -> None:
    with Engine(policy) as engine:
        engine.define(unit(DEEP))
        deep = engine.function("deep")
        for _ in range(2):
            assert deep(1_000_000) > 0
        assert Running(lambda: deep(1_000_000)).result() > 0


@needs_protection
def test_endless_recursion_overflows_on_every_thread() -> None:
    with Engine(Policy(stack_size=SMALL, optimize=False)) as engine:
        log = Log(engine)
        engine.define(unit(DEEP))
        deep = engine.function("deep")

        def overflow() -> int:
            with pytest.raises(StackOverflow) as caught:
                deep(-1)
            assert caught.value.unit is not None and caught.value.unit.symbol == "deep"
            return caught.value.calls

        found = [overflow(), overflow(), Running(overflow).result(), Running(overflow).result()]
        assert max(found) <= 1.1 * min(found)
        assert all(16 <= SMALL / calls <= 128 for calls in found)
        assert len([event for event in log.of("deep") if event.kind is EventKind.FAULTED]) == 4
        assert deep(2) == 3


@needs_protection
def test_each_engine_has_stacks_of_its_own_size() -> None:
    with Engine(Policy(stack_size=SMALL)) as small, Engine(Policy(stack_size=64 << 20)) as large:
        for engine in (small, large):
            engine.define(unit(DEEP))
        in_small, in_large = small.function("deep"), large.function("deep")
        for _ in range(2):
            assert in_large(500_000) > 0
            with pytest.raises(StackOverflow):
                in_small(500_000)


@needs_protection
def test_interrupt_from_another_thread() -> None:
    running = threading.Event()
    ready = callback(lambda _: running.set())
    with Engine(Policy()) as engine:
        engine.define(unit("(define (spin x) (do (foreign ready x) (do (while 1 x) x)))", {"ready": ready.address}))
        spin = engine.function("spin")
        call = Running(lambda: spin(1))
        assert running.wait(TIMEOUT)
        engine.interrupt()
        with pytest.raises(Interrupted, match="interrupted in"):
            call.result()
        engine.define(unit("(define (f x) x)"))
        assert Running(lambda: engine.function("f")(3)).result() == 3


@needs_protection
def test_interrupt_of_one_thread() -> None:
    running = threading.Semaphore(0)
    ready = callback(lambda _: running.release())
    # At -O3 the flag would be read once.
    with Engine(Policy(optimize=False)) as engine:
        flag = ctypes.c_int64(1)
        text = "(define (spin p:ptr) (do (foreign ready 0) (do (while (load p) 0) 7)))"
        engine.define(unit(text, {"ready": ready.address}))
        spin, idents = engine.function("spin"), [0, 0]

        def run(number: int) -> int:
            idents[number] = threading.get_ident()
            result: int = spin(ctypes.addressof(flag))
            return result

        calls = [Running(partial(run, number)) for number in range(2)]
        for _ in calls:
            assert running.acquire(timeout=TIMEOUT)
        engine.interrupt(idents[1])
        with pytest.raises(Interrupted):
            calls[1].result()
        flag.value = 0
        assert calls[0].result() == 7


@needs_protection
def test_interrupt_does_not_stop_calls_of_another_engine() -> None:
    running = threading.Event()
    ready = callback(lambda _: running.set())
    with Engine(Policy()) as engine, Engine(Policy()) as other:
        flag = ctypes.c_int64(1)
        text = "(define (spin p:ptr) (do (foreign ready 0) (do (while (load p) 0) 7)))"
        engine.define(unit(text, {"ready": ready.address}))
        spin = engine.function("spin")
        call = Running(lambda: spin(ctypes.addressof(flag)))
        assert running.wait(TIMEOUT)
        other.interrupt()
        flag.value = 0
        assert call.result() == 7


@needs_protection
def test_a_call_inside_a_call_runs_on_the_same_stack() -> None:
    with Engine(Policy(stack_size=SMALL)) as engine:
        results: list[Any] = []

        def inner(x: int) -> None:
            results.append(engine.function("deep")(x))
            with pytest.raises(StackOverflow):
                engine.function("deep")(-1)

        back = callback(inner)
        engine.define(*units(DEEP + "(define (outer x) (do (foreign back x) (+ x 1)))", {"back": back.address}))
        outer = engine.function("outer")
        assert outer(2) == 3
        assert engine.call("outer", 2) == 3
        assert results == [3, 3]


# Redefinition


def test_a_redefinition_is_seen_by_the_next_call(engine: Engine) -> None:
    engine.define(*units("(define (g x) x) (define (f x) (+ 1 (g x)))"))
    f = engine.function("f")
    assert f(3) == 4
    engine.define(unit("(define (g x) (* x 10))"))
    assert f(3) == 31
    engine.define(unit("(define (f x) (g (g x)))"))
    assert f(3) == 300


def test_another_signature_is_refused(engine: Engine) -> None:
    engine.define(unit("(define (f x) x)"))
    f = engine.function("f")
    assert f(1) == 1
    engine.define(unit("(define (f x y) (+ x y))"))
    with pytest.raises(SignatureChanged, match="f has another signature now"):
        f(1)
    assert engine.function("f")(1, 2) == 3


def test_a_removed_unit_is_refused_and_a_new_one_called(engine: Engine) -> None:
    engine.define(unit("(define (f x) x)"))
    f = engine.function("f")
    assert f(1) == 1
    engine.remove("f")
    with pytest.raises(KeyError):
        f(1)
    engine.define(unit("(define (f x) (* x 2))"))
    assert f(1) == 2


def test_a_unit_that_can_reach_an_undefined_one_is_refused(engine: Engine) -> None:
    engine.define(*units("(define (g x) x) (define (f x) (+ 1 (g x)))"))
    f = engine.function("f")
    assert f(1) == 2
    engine.define(removed=["g"])
    with pytest.raises(UndefinedUnit):
        f(1)
    engine.define(unit("(define (g x) (* x 5))"))
    assert f(1) == 6


def test_code_is_freed_after_the_call_that_is_in_it() -> None:
    entered, leave, hold = held_call()
    with Engine(Policy()) as engine:
        log = Log(engine)
        engine.define(unit("(define (f x) (do (foreign hold x) (+ x 1)))", {"hold": hold.address}))
        f = engine.function("f")
        call = Running(lambda: f(1))
        assert entered.wait(TIMEOUT)
        engine.define(unit("(define (f x) x)"))
        assert EventKind.FREED not in [event.kind for event in log.of("f")]
        leave.set()
        assert call.result() == 2
        assert EventKind.FREED in [event.kind for event in log.of("f")]
        assert f(1) == 1


def test_no_unit_is_removed_that_a_running_call_could_reach() -> None:
    entered, leave, hold = held_call()
    with Engine(Policy()) as engine:
        engine.define(
            *units("(define (g x) x) (define (f x) (do (foreign hold x) (+ 1 (g x))))", {"hold": hold.address})
        )
        f = engine.function("f")
        call = Running(lambda: f(1))
        assert entered.wait(TIMEOUT)
        with pytest.raises(UndefinedUnit):
            engine.define(removed=["g"])
        leave.set()
        assert call.result() == 2


# The end of the engine


def test_a_closed_engine_is_refused(engine: Engine) -> None:
    engine.define(unit("(define (f x) x)"))
    f = engine.function("f")
    assert f(1) == 1
    engine.close()
    with pytest.raises(RuntimeError, match="the engine is closed"):
        f(1)


def test_memory_is_freed_after_the_last_call_of_a_closed_engine() -> None:
    entered, leave, hold = held_call()
    engine = Engine(Policy())
    engine.define(unit("(define (f x) (do (foreign hold x) (+ x 1)))", {"hold": hold.address}))
    f = engine.function("f")
    call = Running(lambda: f(1))
    assert entered.wait(TIMEOUT)
    engine.close()
    assert not engine._lifetime.freed.is_set()
    leave.set()
    assert call.result() == 2
    assert engine._lifetime.freed.is_set()


def test_the_function_keeps_the_engine() -> None:
    def make() -> Any:
        engine = Engine(Policy())
        engine.define(unit("(define (f x) (+ x 1))"))
        return engine.function("f")

    assert make()(1) == 2


# Threads and processes


def test_calls_on_several_threads_run_at_the_same_time() -> None:
    barrier = threading.Barrier(3)
    meet = callback(lambda _: barrier.wait(TIMEOUT))
    with Engine(Policy()) as engine:
        engine.define(unit("(define (f x) (do (foreign meet x) (+ x 1)))", {"meet": meet.address}))
        f = engine.function("f")
        calls = [Running(lambda x=x: f(x)) for x in range(3)]  # type: ignore[misc]
        assert [call.result() for call in calls] == [1, 2, 3]


@needs_protection
def test_a_thread_s_stack_is_freed_with_it() -> None:
    with Engine(Policy()) as engine:
        engine.define(unit("(define (f x) x)"))
        f = engine.function("f")
        before = len(direct_threads._direct_threads)
        for _ in range(20):
            assert Running(lambda: f(1)).result() == 1
        assert len(direct_threads._direct_threads) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_fork() -> None:
    done = python(
        """
    with Engine(Policy()) as engine:
        engine.define(unit("(define (f x) (+ x 1))"))
        f = engine.function("f")
        print(f(1), flush=True)
        # Python 3.12 and later warn of a fork beside a thread.
        warnings.simplefilter("ignore", DeprecationWarning)
        if os.fork() == 0:
            try:
                f(1)
            except RuntimeError as error:
                print(error, flush=True)
            own = Engine(Policy())
            own.define(unit("(define (f x) (+ x 2))"))
            print(own.function("f")(1), flush=True)
            os._exit(0)
        os.wait()
        print(f(3), flush=True)
"""
    )
    assert done.stderr == ""
    refused = "this engine belongs to the process that this one was forked from: make one here"
    assert done.stdout.splitlines() == ["2", refused, "3", "4"]


# Ctrl-C


def python(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script that may use the names below, in a process of its own."""
    head = """
import ctypes, os, signal, threading, warnings
from kaleido.jit import Engine, Interrupted, Policy, StackOverflow
from tests.jit.helpers import callback
from tests.jit.tiny import unit, units
"""
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(script)],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=TIMEOUT,
    )  # fmt: skip


SPIN = """
    def strike(_):
        # On a thread that waits for the call: the main thread is in native code by then.
        threading.Thread(target=lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    ready = callback(strike)
    engine = Engine(Policy())
    text = "(define (spin x) (do (foreign ready x) (do (while 1 x) x))) (define (f x) x)"
    engine.define(*units(text, {"ready": ready.address}))
    spin, f = engine.function("spin"), engine.function("f")
"""


@needs_protection
@pytest.mark.parametrize("before", ["", "f(1)", "f(1); engine.define(unit('(define (g x) x)'))", "engine.call('f', 1)"])
def test_ctrl_c_stops_native_code_of_the_main_thread(before: str) -> None:
    done = python(
        SPIN
        + f"""
    for _ in range(3):
        {before}
        try:
            spin(1)
        except Interrupted as stop:
            print(stop, f(2))
"""
    )
    assert done.stderr == ""
    assert [line[:19] for line in done.stdout.splitlines()] == ["interrupted in spin"] * 3
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["2"] * 3


@needs_protection
def test_a_handler_of_the_application_runs_after_the_call() -> None:
    done = python(
        """
    flag = ctypes.c_int64(1)
    def strike(_):
        def later():
            os.kill(os.getpid(), signal.SIGINT)
            flag.value = 0
        threading.Thread(target=later).start()
    ready = callback(strike)
    engine = Engine(Policy())
    text = "(define (spin p:ptr) (do (foreign ready 0) (do (while (load p) 0) 7)))"
    engine.define(unit(text, {"ready": ready.address}))
    signal.signal(signal.SIGINT, lambda number, frame: print("handled"))
    print(engine.function("spin")(ctypes.addressof(flag)))
"""
    )
    assert (done.stdout, done.stderr) == ("handled\n7\n", "")


@needs_protection
def test_an_overflow_with_a_handler_that_was_installed_later() -> None:
    done = python(
        f"""
    import faulthandler, time
    engine = Engine(Policy())
    engine.define(unit({DEEP!r}))
    deep = engine.function("deep")
    deep(3)
    faulthandler.enable()
    engine.define(unit("(define (g x) x)"))
    try:
        deep(-1)
    except StackOverflow:
        print("overflow")
"""
    )
    assert (done.stdout, done.returncode) == ("overflow\n", 0), done.stderr
