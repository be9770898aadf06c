"""Stack overflow and interruption of native code, for any language. For Kaleido, see tests/test_faults.py."""

from __future__ import annotations

import ctypes
import mmap
import signal
import threading
import time
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
from kaleido.jit.process.machine import machine
from kaleido.jit.running import stacks
from kaleido.jit.running.errors import _follows_call
from kaleido.jit.running.evaluation import Evaluation, Task
from tests.jit.helpers import TIMEOUT, Hold, Log, Running, callback, statistics, sync
from tests.jit.tiny import unit

needs_protection = pytest.mark.skipif(bool(faults.missing_protection()), reason=faults.missing_protection())

SMALL = Policy(stack_size=4 << 20)


@needs_protection
@pytest.mark.parametrize("policy", [SMALL, Policy(stack_size=4 << 20, baseline=False), sync(3, stack_size=4 << 20)])
def test_endless_recursion_overflows(policy: Policy) -> None:
    with Engine(policy) as engine:
        log, messages = Log(engine), []
        engine.define(unit("(define (f x) (if (= x 0) 0 (+ x (% (f (+ x 1)) 7))))"), unit("(define (g x) (+ x 1))"))
        for _ in range(3):
            with pytest.raises(StackOverflow) as caught:
                engine.call("f", 1)
            assert caught.value.unit is not None and caught.value.unit.symbol == "f"
            assert 10_000 < caught.value.calls < 1_000_000
            assert engine.call("g", 1) == 2
            messages.append(str(caught.value))
        assert [event.message for event in log.of("f") if event.kind is EventKind.FAULTED] == messages


@needs_protection
def test_a_frame_larger_than_the_stack_overflows() -> None:
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
def test_memory_of_a_redefined_unit_is_freed_after_an_overflow() -> None:
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
def test_a_unit_that_waits_for_its_optimized_code_is_what_is_interrupted() -> None:
    one = Signature("i64", ("i64",))
    # A register without an argument has an address in the code of a unit that does not run.
    ir = f"""
declare {one.prototype("f")}
define tailcc i64 @g.impl(i64 %address) nounwind {{
  call void asm sideeffect "movq $0, %xmm7; movq $0, %r9", "r,~{{xmm7}},~{{r9}}"(i64 %address)
  %r = call tailcc i64 @f(i64 1)
  %s = add i64 %r, 1
  ret i64 %s
}}
"""
    with Engine(sync(1)) as engine:
        f = unit("(define (f x) x)")
        engine.define(unit("(define (other x) (+ x 1))"), f, Unit("g", one, ir, {"f": one}, optimize=False))
        assert engine.call("other", 1) == 2
        address = engine.describe("other").address
        assert address is not None
        with Hold(engine, "f") as hold:
            call = Running(lambda: engine.call("g", address + 1))
            hold.wait()
            interruption = Running(engine.interrupt)
            while not any(thread.pending for thread in stacks._native_threads):
                time.sleep(0.001)
            hold.release()
            interruption.result()
            with pytest.raises(Interrupted, match="interrupted in f"):
                call.result()


@needs_protection
def test_a_call_that_waits_for_another_one_does_not_begin_after_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    running, gate = threading.Event(), threading.Event()

    def hold(_: int) -> None:
        running.set()
        assert gate.wait(TIMEOUT)

    waiting = callback(hold)
    with Engine(Policy()) as engine:
        engine.define(unit("(define (first x) (foreign waiting x))", {"waiting": waiting.address}))
        engine.define(unit("(define (second x) x)"))
        # Compile it now: the alarm is not deferred, and must not interrupt a publication.
        engine.prepare("second")
        first = Running(lambda: engine.call("first", 1))
        assert running.wait(TIMEOUT)

        def alarm(number: int, frame: object) -> None:
            raise TimeoutError

        submit = Evaluation.submit

        def submit_and_set_the_alarm(evaluation: Evaluation, *arguments: Any) -> Task:
            # Not earlier: on a busy machine the alarm would interrupt the compilation of `second`.
            task = submit(evaluation, *arguments)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            return task

        before = signal.signal(signal.SIGALRM, alarm)
        try:
            monkeypatch.setattr(Evaluation, "submit", submit_and_set_the_alarm)
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
def test_a_handled_overflow_is_not_raised_again() -> None:
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
@pytest.mark.parametrize("interrupted", ["caller", "callee"])
def test_a_call_into_another_engine_is_interrupted_with_its_caller(interrupted: str) -> None:
    running = threading.Event()
    ready = callback(lambda _: running.set())
    errors: list[BaseException] = []
    with Engine() as caller, Engine() as callee:

        def call_spin(n: int) -> int:
            try:
                return int(callee.call("spin", n))
            except Interrupted as error:
                errors.append(error)
                return 0

        into_callee = callback(call_spin)
        callee.define(unit("(define (spin x) (let i 0 (do (foreign ready x) (do (while (< i 1) (set i (* i 1))) i))))",
                           {"ready": ready.address}))  # fmt: skip
        caller.define(unit("(define (top x) (foreign into_callee x))", {"into_callee": into_callee.address}))
        call = Running(lambda: caller.call("top", 1))
        assert running.wait(TIMEOUT)
        (caller if interrupted == "caller" else callee).interrupt()
        with pytest.raises(Interrupted) as caught:
            call.result()
        assert not caught.value.detached
        assert len(errors) == 1
        assert callee.memory().calls == 0


@needs_protection
def test_code_of_another_engine_is_interrupted_too() -> None:
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


@pytest.mark.skipif(machine() != "x86_64", reason="calls have no known form on this processor")
@pytest.mark.parametrize("call", [b"\xe8\x00\x00\x00\x00", b"\xff\xd0", b"\xff\x14\x25\x00\x00\x00\x00"])
def test_a_return_address_may_be_at_the_beginning_of_a_page(call: bytes) -> None:
    with mmap.mmap(-1, 2 * mmap.PAGESIZE) as memory:
        begin = ctypes.addressof(words := ctypes.c_char.from_buffer(memory))
        code = range(begin + mmap.PAGESIZE - 16, begin + mmap.PAGESIZE + 16)
        found = Unit("f", Signature("void", ()), "define tailcc void @f.impl() {\n  ret void\n}\n"), 1
        for behind in range(8):
            end = mmap.PAGESIZE + behind
            memory[end - len(call) : end] = call
            assert _follows_call(begin + end, lambda address: found if address in code else None)
            memory[end - len(call) : end] = bytes(len(call))
            assert not _follows_call(begin + end, lambda address: found if address in code else None)
        del words
