"""Leaving native code before its end, for any language: see tests/test_faults.py for the language."""

from __future__ import annotations

import ctypes
import signal
import threading
from typing import Any

import pytest

from kaleido.jit import (
    PROBED,
    Engine,
    EventKind,
    Interrupted,
    Policy,
    Signature,
    StackOverflow,
    Unit,
)
from kaleido.jit.native import faults
from kaleido.jit.native.code_ranges import CodeRanges
from kaleido.jit.process import interrupts
from kaleido.jit.process.interrupts import discard_pending, interruptibly, raise_pending, uninterrupted
from kaleido.jit.running.evaluation import Task
from tests.jit.helpers import TIMEOUT, Log, Running, callback, statistics, sync
from tests.jit.tiny import unit

needs_protection = pytest.mark.skipif(bool(faults.missing_protection()), reason=faults.missing_protection())

SMALL = Policy(stack_size=4 << 20)


@needs_protection
@pytest.mark.parametrize("policy", [SMALL, Policy(stack_size=4 << 20, baseline=False), sync(3, stack_size=4 << 20)])
def test_overflow(policy: Policy) -> None:
    with Engine(policy) as engine:
        log = Log(engine)
        engine.define(unit("(define (f x) (if (= x 0) 0 (+ x (% (f (+ x 1)) 7))))"), unit("(define (g x) (+ x 1))"))
        for _ in range(3):
            with pytest.raises(StackOverflow) as caught:
                engine.call("f", 1)
            assert caught.value.unit is not None and caught.value.unit.symbol == "f"
            assert 10_000 < caught.value.calls < 1_000_000
            assert engine.call("g", 1) == 2
        assert [event.message for event in log.of("f") if event.kind is EventKind.FAULTED] == [str(caught.value)] * 3


@needs_protection
def test_a_frame_that_is_larger_than_the_stack() -> None:
    ir = f"""
define tailcc i64 @"wide.impl"(i64 %x) nounwind {PROBED} {{
  %room = alloca [8388608 x i8]
  %far = getelementptr i8, ptr %room, i64 %x
  store volatile i8 0, ptr %far
  ret i64 %x
}}
"""
    with Engine(SMALL) as engine:
        engine.define(Unit("wide", Signature("i64", ("i64",)), ir))
        with pytest.raises(StackOverflow) as caught:
            engine.call("wide", 0)
        assert caught.value.unit is not None and caught.value.calls < 2


@needs_protection
def test_memory_of_a_redefined_unit_is_given_back_after_it_was_left() -> None:
    with Engine(sync(3, stack_size=4 << 20)) as engine:
        log = Log(engine)
        engine.define(unit("(define (f x) (if (= x 0) 0 (+ x (% (f (+ x 1)) 7))))"))
        with pytest.raises(StackOverflow):
            engine.call("f", 1)
        assert statistics(engine, "f").tier == "O3"
        engine.define(unit("(define (f x) x)"))
        assert engine.call("f", 1) == 1
        assert sorted(event.tier or "" for event in log.of("f") if event.kind is EventKind.FREED) == ["O0", "O3"]


@needs_protection
def test_interrupt_from_another_thread() -> None:
    running = threading.Event()
    ready = callback(lambda _: running.set())
    with Engine(Policy()) as engine:
        loop = "(define (spin x) (let i 0 (do (foreign ready x) (do (while (< i 1) (set i (* i 1))) i))))"
        engine.define(unit(loop, {"ready": ready.address}))
        call = Running(lambda: engine.call("spin", 1))
        assert running.wait(TIMEOUT)
        engine.interrupt()
        with pytest.raises(Interrupted, match="interrupted in spin"):
            call.result()
        engine.interrupt()


@needs_protection
def test_a_call_that_waits_for_another_thread_s_is_not_begun_when_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    running, gate = threading.Event(), threading.Event()

    def hold(_: int) -> None:
        running.set()
        assert gate.wait(TIMEOUT)

    waiting = callback(hold)
    with Engine(Policy()) as engine:
        engine.define(unit("(define (first x) (foreign waiting x))", {"waiting": waiting.address}))
        engine.define(unit("(define (second x) x)"))
        # Compiled now: the alarm is not deferred, and must not strike in the middle of a publication.
        engine.prepare("second")
        first = Running(lambda: engine.call("first", 1))
        assert running.wait(TIMEOUT)

        def alarm(number: int, frame: object) -> None:
            raise TimeoutError

        submit = engine._evaluation.submit

        def submit_and_set_the_alarm(*arguments: Any) -> Task:
            # Not before: on a busy machine it would strike while `second` is compiled.
            task = submit(*arguments)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            return task

        before = signal.signal(signal.SIGALRM, alarm)
        try:
            monkeypatch.setattr(engine._evaluation, "submit", submit_and_set_the_alarm)
            with pytest.raises(TimeoutError):
                engine.call("second", 1)
        finally:
            monkeypatch.undo()
            signal.signal(signal.SIGALRM, before)
        gate.set()
        assert first.result() == 0
        assert engine.call("second", 2) == 2
        assert engine.memory().calls == 0


@needs_protection
def test_a_handled_overflow_does_not_come_back() -> None:
    handled: list[str] = []
    with Engine(Policy(stack_size=4 << 20, optimize=False)) as engine:
        native = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
        from_c = callback(lambda x: native(engine.address("deep"))(x))

        def handle(_: int) -> int:
            try:
                engine.call("middle", 1)
            except StackOverflow as error:
                handled.append(str(error))
            return 7

        from_python = callback(handle)
        engine.define(unit("(define (deep x) (if (= x 0) 0 (+ x (% (deep (+ x 1)) 7))))"))
        engine.define(unit("(define (middle x) (foreign c x))", {"c": from_c.address}))
        engine.define(unit("(define (top x) (foreign python x))", {"python": from_python.address}))
        assert engine.call("top", 1) == 7
        assert len(handled) == 1 and "deep" in handled[0]


@needs_protection
def test_code_of_another_engine_is_stopped_too() -> None:
    running = threading.Event()
    ready = callback(lambda _: running.set())
    with Engine() as one, Engine() as other:
        other.define(unit("(define (spin x) (let i 0 (do (foreign ready x) (do (while (< i 1) (set i (* i 1))) i))))",
                          {"ready": ready.address}))  # fmt: skip
        one.define(unit("(define (top x) (foreign spin x))", {"spin": other.address("spin")}))
        call = Running(lambda: one.call("top", 1))
        assert running.wait(TIMEOUT)
        one.interrupt()
        with pytest.raises(Interrupted) as caught:
            call.result()
        assert not caught.value.detached


# Where Ctrl-C strikes


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_waits_for_the_end_of_the_outermost_block() -> None:
    done = []

    def work() -> None:
        with uninterrupted():
            with uninterrupted():
                press()
                done.append("inner")
            done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_strikes_at_once_in_a_window() -> None:
    done = []
    with uninterrupted():
        with pytest.raises(KeyboardInterrupt):
            interruptibly(press)
        press()
        with pytest.raises(KeyboardInterrupt):
            interruptibly(lambda: done.append("not reached"))
        press()
        discard_pending()
    assert done == []


def test_ctrl_c_strikes_where_nothing_has_changed_yet() -> None:
    with uninterrupted():
        raise_pending()
        press()
        with pytest.raises(KeyboardInterrupt):
            raise_pending()
        raise_pending()


def test_a_second_ctrl_c_at_the_end_of_a_window_does_not_open_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    look = interrupts._get_handler
    pressed: list[int] = []

    def strike(number: int) -> object:
        if not pressed:
            pressed.append(number)
            press()
        return look(number)

    def window() -> None:
        monkeypatch.setattr(interrupts, "_get_handler", strike)

    with uninterrupted():
        with pytest.raises(KeyboardInterrupt):
            interruptibly(window)
        press()
        discard_pending()


def test_another_signal_s_exception_leaves_ctrl_c_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    install = interrupts._set_handler

    def late(number: int, handler: Any) -> Any:
        before = install(number, handler)
        monkeypatch.setattr(interrupts, "_set_handler", install)
        raise TimeoutError if before else AssertionError

    monkeypatch.setattr(interrupts, "_set_handler", late)
    with pytest.raises(TimeoutError), uninterrupted():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            press()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_do_not_touch_the_handler() -> None:
    def enter() -> object:
        with uninterrupted():
            return signal.getsignal(signal.SIGINT)

    assert Running(enter).result() is signal.getsignal(signal.SIGINT)


# The table of code


def test_ranges_are_kept_through_growth_and_reuse() -> None:
    ranges = CodeRanges()
    for number in range(1, 1001):
        ranges.add(number * 100, number * 100 + 50)
    for number in range(1, 1001, 2):
        ranges.remove(number * 100)
    for number in range(2001, 2501):
        ranges.add(number * 100, number * 100 + 50)
    count, *words = ranges._tables[-1]
    pairs = {(begin, end) for begin, end in zip(words[::2], words[1::2], strict=True) if begin}
    expected = [*range(2, 1001, 2), *range(2001, 2501)]
    assert pairs == {(number * 100, number * 100 + 50) for number in expected}
    assert len(words) == 2 * count
