"""A forked child: the parent's engines say that they belong to the parent, and new ones work."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial

import pytest

from kaleido.jit import Engine, Policy
from tests.jit.helpers import TIMEOUT, Hold, Running, callback, in_new_process, settle, statistics, sync
from tests.jit.tiny import unit, units

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")

FIBONACCI = "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))"


def forked(function: Callable[[], object]) -> None:
    """Run `function` in a forked child. An exception, a crash or a hang there fails the test."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            function()
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(code)
    waiting = Running(lambda: os.waitpid(child, 0)[1])
    waiting.join(TIMEOUT / 2)
    if not waiting.ended:
        os.kill(child, signal.SIGKILL)
    assert waiting.result() == 0


def use_a_new_engine() -> None:
    for policy in (Policy(call_threshold=3), sync(3), Policy(baseline=False)):
        with Engine(policy) as engine:
            engine.define(unit(FIBONACCI))
            assert engine.call("fib", 15) == 610
            settle(engine)
            assert engine.describe("fib").tier == "O3"


def refuse(engine: Engine) -> None:
    for attempt in (
        lambda: engine.call("fib", 5),
        lambda: engine.define(unit("(define (g x) x)")),
        lambda: engine.remove("fib"),
        lambda: engine.optimize("fib"),
        lambda: engine.address("fib"),
        engine.stats,
        engine.wait_until_idle,
        engine.interrupt,
    ):
        with pytest.raises(RuntimeError, match="belongs to the process"):
            attempt()
    engine.close()


def refuse_and_use_a_new_one(engine: Engine) -> None:
    refuse(engine)
    use_a_new_engine()


def fork_with_an_idle_engine() -> None:
    with Engine(Policy(call_threshold=3)) as engine:
        engine.define(unit(FIBONACCI))
        assert engine.call("fib", 10) == 55
        settle(engine)

        forked(partial(refuse_and_use_a_new_one, engine))
        engine.define(unit("(define (g x) (+ x 1))"))
        assert [engine.call("g", 1) for _ in range(5)] == [2] * 5
        settle(engine)
        assert engine.describe("g").tier == "O3"


def fork_while_the_recompiler_is_held() -> None:
    with Engine(Policy(call_threshold=3)) as engine:
        engine.define(unit(FIBONACCI))
        with Hold(engine, "fib") as hold:
            assert engine.call("fib", 10) == 55
            hold.wait()
            forked(partial(refuse_and_use_a_new_one, engine))
            hold.release()
            settle(engine)
        assert engine.describe("fib").tier == "O3"


def fork_while_other_threads_compile() -> None:
    """Fork again and again while LLVM and every lock are in use."""
    with Engine(Policy(call_threshold=1)) as engine:
        done = threading.Event()

        def work(name: str) -> None:
            number = 0
            while not done.is_set():
                number += 1
                engine.define(unit(f"(define ({name} x) (+ x {number}))"))
                assert engine.call(name, 1) == 1 + number

        workers = [Running(lambda name=name: work(name)) for name in "ab"]  # type: ignore[misc]
        for _ in range(8):
            forked(partial(refuse_and_use_a_new_one, engine))
        done.set()
        for worker in workers:
            worker.result()


def fork_on_many_threads_at_once() -> None:
    with Engine(Policy(call_threshold=1)) as engine:
        engine.define(unit(FIBONACCI))
        assert engine.call("fib", 10) == 55

        def fork() -> None:
            for _ in range(3):
                forked(partial(refuse, engine))
                Engine(Policy()).close()

        for each in [Running(fork) for _ in range(4)]:
            each.result()
        assert engine.call("fib", 10) == 55


def fork_while_a_thread_is_in_native_code() -> None:
    entered, leave = threading.Event(), threading.Event()

    def stop(_: int) -> None:
        entered.set()
        assert leave.wait(TIMEOUT)

    stay = callback(stop)
    with Engine(Policy()) as engine:
        engine.define(unit("(define (f x) (do (foreign stop x) (+ x 1)))", {"stop": stay.address}))
        running = Running(lambda: engine.call("f", 1))
        assert entered.wait(TIMEOUT)
        forked(partial(refuse_and_use_a_new_one, engine))
        leave.set()
        assert running.result() == 2


def fork_inside_native_code() -> None:
    """The child continues in the parent's code: a unit that becomes hot there is not reported to the parent."""
    children: list[int] = []
    native = callback(lambda _: children.append(os.fork()))
    with Engine(sync(100)) as engine:
        text = "(define (f n) (do (foreign fork n) (count n))) (define (count n) (if n (+ 1 (g (- n 1))) 0))"
        more = "(define (g n) (if n (+ 1 (count (- n 1))) 0))"
        engine.define(*units(text + more, {"fork": native.address}))
        engine.prepare("f")
        # In the child, the call ends the process with whether the result is right.
        finish = callback(lambda value: os._exit(0 if value == 1000 else 1) if children == [0] else value)
        engine.define(unit("(define (main n) (foreign finish (f n)))", {"finish": finish.address}))
        assert engine.call("main", 1000) == 1000
        [child] = children
        waiting = Running(lambda: os.waitpid(child, 0)[1])
        waiting.join(TIMEOUT / 2)
        if not waiting.ended:
            os.kill(child, signal.SIGKILL)
        assert waiting.result() == 0
        assert statistics(engine, "count").tier == "O3"


def fork_from_another_thread_while_the_main_thread_is_in_a_call() -> None:
    """Ctrl-C takes effect in the child, although the parent's main thread was in a block that defers it."""
    entered, leave = threading.Event(), threading.Event()

    def stop(_: int) -> None:
        entered.set()
        assert leave.wait(TIMEOUT)

    def child() -> None:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    def fork() -> None:
        assert entered.wait(TIMEOUT)
        try:
            forked(child)
        finally:
            leave.set()

    stay = callback(stop)
    with Engine(Policy()) as engine:
        engine.define(unit("(define (f x) (do (foreign stop x) (+ x 1)))", {"stop": stay.address}))
        forking = Running(fork)
        assert engine.call("f", 1) == 2
        forking.result()


def collect_the_parents_engine_as_garbage() -> None:
    engine = Engine(Policy())
    engine.define(unit(FIBONACCI))
    assert engine.call("fib", 10) == 55

    def child() -> None:
        nonlocal engine
        del engine
        use_a_new_engine()

    forked(child)
    assert engine.call("fib", 10) == 55


@pytest.mark.parametrize(
    "scenario",
    [
        fork_with_an_idle_engine,
        fork_while_the_recompiler_is_held,
        fork_while_other_threads_compile,
        fork_on_many_threads_at_once,
        fork_while_a_thread_is_in_native_code,
        fork_inside_native_code,
        fork_from_another_thread_while_the_main_thread_is_in_a_call,
        collect_the_parents_engine_as_garbage,
    ],
)
def test_a_forked_child(scenario: object) -> None:
    assert callable(scenario)
    in_new_process(scenario)
