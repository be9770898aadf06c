"""The recompiler's thread: the order of requests, requests that are dropped, and waiting for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, cast
from unittest.mock import patch

import pytest

from kaleido.jit import Engine, EventKind, Policy, RunCounter, Tier
from kaleido.jit.native.runtime import WAITS
from kaleido.jit.program.recompiler import Patience, Recompiler, Requests
from tests.jit.helpers import TIMEOUT, Hold, Log, Running, settle
from tests.jit.tiny import unit, units


def swapped(log: Log) -> list[str]:
    return [event.unit for event in log.events if event.kind is EventKind.SWAPPED]


def test_the_hottest_comes_first() -> None:
    with Engine(Policy(call_threshold=3)) as engine:
        engine.define(*units("(define (a) 1) (define (b) 2) (define (c) 3) (define (d) 4)"))
        log = Log(engine)
        with Hold(engine, "a") as hold:
            for _ in range(3):
                engine.call("a")
            hold.wait()
            for symbol, times in (("b", 5), ("c", 9), ("d", 7)):
                for _ in range(times):
                    engine.call(symbol)
            hold.release()
            settle(engine)
        assert swapped(log) == ["a", "c", "d", "b"]


def test_heat_is_measured_in_thresholds() -> None:
    with Engine(Policy(call_threshold=2, iteration_threshold=100)) as engine:
        loop = "(define (loop n) (let i 0 (do (while (< i n) (set i (+ i 1))) i)))"
        engine.define(*units(f"(define (a) 1) (define (b) 2) {loop}"))
        log = Log(engine)
        with Hold(engine, "a") as hold:
            for _ in range(2):
                engine.call("a")
            hold.wait()
            for _ in range(4):
                engine.call("b")
            engine.call("loop", 150)
            hold.release()
            settle(engine)
        assert swapped(log) == ["a", "b", "loop.loop"]


CHAIN = "(define (a) 1) (define (leaf x) (+ x 1)) (define (middle x) (leaf x)) (define (top x) (+ (middle x) (leaf x)))"


def make_hot(engine: Engine, *symbols: str) -> None:
    """Make `a` hot, and while it is compiled, the others; return when all requests have been handled."""
    with Hold(engine, "a") as hold:
        for _ in range(engine.policy.call_threshold):
            engine.call("a")
        hold.wait()
        for symbol in symbols:
            for _ in range(engine.policy.call_threshold):
                engine.call(symbol, 1)
        hold.release()
        settle(engine)


def test_a_hot_caller_is_compiled_instead_of_what_it_inlines() -> None:
    with Engine(Policy(call_threshold=3)) as engine:
        engine.define(*units(CHAIN))
        log = Log(engine)
        make_hot(engine, "top")
        # leaf has run six times, middle three times. Both are in the code of top.
        assert swapped(log) == ["a", "top"]
        assert [log.kinds(name)[-2:] for name in ("leaf", "middle")] == [["hot", "covered"]] * 2
        assert engine.call("top", 1) == 4
        # Code that runs at the baseline after that is hot again, and then it is compiled.
        for _ in range(3):
            assert engine.call("leaf", 1) == 2
        settle(engine)
        assert [engine.describe(name).tier for name in ("leaf", "middle")] == [Tier.OPTIMIZED, Tier.BASELINE]
        assert log.kinds("leaf")[-4:] == ["covered", "hot", "compiled O3", "swapped"]


def test_a_warm_loop_is_compiled_instead_of_what_it_calls() -> None:
    with Engine(Policy(call_threshold=200, iteration_threshold=10_000)) as engine:
        engine.define(
            *units("(define (leaf i) (+ i 1)) (define (up n) (let i 0 (do (while (< i n) (set i (leaf i))) i)))")
        )
        log = Log(engine)
        assert engine.call("up", 250) == 250
        settle(engine)
        assert swapped(log) == ["up.loop"]
        assert [each.hot_callee.symbol for each in log.events if each.hot_callee is not None] == ["leaf"]
        assert log.kinds("leaf")[-2:] == ["hot", "covered"]


def test_a_caller_that_has_run_a_few_times_is_not_compiled_for_its_callee() -> None:
    with Engine(Policy(call_threshold=200)) as engine:
        engine.define(*units(f"(define (leaf x) (+ x 1)) (define (few x) {'(leaf ' * 8}x{')' * 8})"))
        log = Log(engine)
        for _ in range(25):
            assert engine.call("few", 1) == 9
        settle(engine)
        assert swapped(log) == ["leaf"]


def test_a_covered_caller_is_warm_by_its_later_runs_only() -> None:
    with Engine(Policy(call_threshold=40)) as engine:
        engine.define(*units(f"{CHAIN} (define (other x) (leaf x))"))
        log = Log(engine)
        make_hot(engine, "top", "top", "top")
        assert swapped(log) == ["a", "top"]
        # Nothing calls middle any more, which has run 120 times.
        for _ in range(40):
            assert engine.call("other", 1) == 2
        settle(engine)
        assert swapped(log) == ["a", "top", "other"]


def test_a_callee_is_compiled_where_its_caller_cannot_be() -> None:
    with Engine(Policy(call_threshold=3)) as engine:
        engine.define(*units("(define (a) 1) (define (leaf x) (+ x 1)) (define (top x) (leaf x))"))
        log = Log(engine)
        compile_optimized = engine._program.compiler.compile_optimized

        def failing(members: Any, constants: Any, runs: int) -> Any:
            if members[0].unit.symbol == "top":
                raise ValueError("too large")
            return compile_optimized(members, constants, runs=runs)

        engine._program.compiler.compile_optimized = failing  # type: ignore[method-assign, assignment]
        make_hot(engine, "top")
        assert [engine.describe(name).tier for name in ("leaf", "top")] == [Tier.OPTIMIZED, Tier.BASELINE]
        [failed] = [event for event in log.events if event.kind is EventKind.FAILED]
        assert (failed.unit, failed.message) == ("top", "too large")


def test_functions_that_call_each_other_are_compiled_once() -> None:
    with Engine(Policy(call_threshold=3)) as engine:
        even = "(define (even n) (if (< n 1) 1 (odd (- n 1))))"
        engine.define(*units(f"(define (a) 1) {even} (define (odd n) (if (< n 1) 0 (even (- n 1))))"))
        log = Log(engine)
        with Hold(engine, "a") as hold:
            for _ in range(3):
                engine.call("a")
            hold.wait()
            assert engine.call("even", 20) == 1
            hold.release()
            settle(engine)
        swapped = {event.unit for event in log.events if event.kind is EventKind.SWAPPED}
        assert len(swapped - {"a"}) == 1


def test_a_unit_whose_runs_are_not_counted_can_be_optimized_and_is_cold() -> None:
    with Engine(Policy(call_threshold=2)) as engine:
        engine.define(unit("(define (f x) x)", counter=RunCounter.NONE))
        engine.optimize("f", background=True)
        settle(engine)
        assert engine.describe("f").tier is Tier.OPTIMIZED
        # The thread goes on.
        engine.define(unit("(define (g x) x)"))
        assert [engine.call("g", 1) for _ in range(2)] == [1, 1]
        settle(engine)
        assert engine.describe("g").tier is Tier.OPTIMIZED


def test_requests_for_removed_and_redefined_units_are_dropped() -> None:
    with Engine(Policy(call_threshold=3)) as engine:
        engine.define(*units("(define (a) 1) (define (b) 2) (define (c) 3)"))
        log = Log(engine)
        with Hold(engine, "a") as hold:
            for symbol in "abc":
                for _ in range(3):
                    engine.call(symbol)
            hold.wait()
            engine.remove("b")
            engine.define(unit("(define (c) 4)"))
            hold.release()
            settle(engine)
        assert [event.unit for event in log.events if event.kind is EventKind.SWAPPED] == ["a"]
        assert [name for name in "abc" if "compiled O3" in log.kinds(name)] == ["a"]
        assert engine.call("c") == 4


class FakeRuntime:
    """The pipe of requests; it counts the requests that were sent and the replies."""

    def __init__(self) -> None:
        self.requests, self._requests_in = os.pipe()
        self.sent, self.looked = threading.Semaphore(0), threading.Semaphore(0)
        self.replies = self.waits = 0

    def request(self, number: int, *, waits: bool = False) -> None:
        os.write(self._requests_in, (number | waits * WAITS).to_bytes(8, "little", signed=True))
        self.sent.release()

    def wait_for_request(self, seconds: float) -> None:
        self.waits += 1
        self.looked.release()

    def reply(self) -> None:
        self.replies += 1

    def no_more_replies(self) -> None:
        pass

    def close(self) -> None:
        os.close(self.requests)
        os.close(self._requests_in)


@pytest.fixture
def runtime() -> Iterator[FakeRuntime]:
    runtime = FakeRuntime()
    yield runtime
    runtime.close()


def recompiler(
    runtime: FakeRuntime, recompile: Callable[[int], bool], patience: Callable[[int], Patience] = lambda _: Patience()
) -> Recompiler:
    return Recompiler(cast(Any, runtime), lambda _: None, float, recompile, patience)


def test_waiting_ends_when_its_message_arrives_together_with_a_request(runtime: FakeRuntime) -> None:
    done: list[int] = []
    compiling = threading.Event()

    def recompile(number: int) -> bool:
        if number == 1:
            compiling.set()
            # Request 1, request 2, and the message of wait_until_idle.
            assert all(runtime.sent.acquire(timeout=TIMEOUT) for _ in range(3))
        done.append(number)
        return False

    thread = recompiler(runtime, recompile)
    runtime.request(1)
    assert compiling.wait(TIMEOUT)
    runtime.request(2)
    waiting = Running(thread.wait_until_idle)
    try:
        waiting.result()
        assert done == [1, 2]
    finally:
        thread.close()


def test_closing_ends_waiting(runtime: FakeRuntime) -> None:
    compiling, go_on = threading.Event(), threading.Event()

    def recompile(number: int) -> bool:
        compiling.set()
        assert go_on.wait(TIMEOUT)
        return False

    thread = recompiler(runtime, recompile)
    runtime.request(1)
    assert compiling.wait(TIMEOUT)
    assert runtime.sent.acquire(timeout=TIMEOUT)
    waiting = Running(thread.wait_until_idle)
    assert runtime.sent.acquire(timeout=TIMEOUT)
    closing = Running(thread.close)
    assert runtime.sent.acquire(timeout=TIMEOUT)
    go_on.set()
    closing.result()
    waiting.result()


def test_every_thread_that_waits_for_a_unit_gets_a_reply(runtime: FakeRuntime) -> None:
    # Two threads that make a unit hot together both send a request, and in deterministic mode both wait.
    thread = recompiler(runtime, lambda _: False)
    runtime.request(1, waits=True)
    runtime.request(1)
    runtime.request(1, waits=True)
    Running(thread.wait_until_idle).result()
    thread.close()
    assert runtime.replies == 2


def test_a_unit_waits_for_as_long_as_its_patience_says(runtime: FakeRuntime) -> None:
    done: list[int] = []
    both = threading.Event()

    def recompile(number: int) -> bool:
        done.append(number)
        if len(done) == 2:
            both.set()
        return False

    # The first waits until the other has been compiled, and until the thread has looked at it again a few times.
    thread = recompiler(
        runtime, recompile, lambda number: Patience(0.0 if number == 2 or (done and runtime.waits > 3) else 3_600)
    )
    runtime.request(1)
    runtime.request(2)
    assert both.wait(TIMEOUT)
    thread.close()
    assert done == [2, 1]


def test_units_wait_until_all_of_them_have_done_enough_work(runtime: FakeRuntime) -> None:
    done: SimpleQueue[int] = SimpleQueue()
    work = {1: 0.3, 2: 0.4, 3: 0.31}

    def recompile(number: int) -> bool:
        done.put(number)
        return False

    def look(times: int = 3) -> None:
        assert all(runtime.looked.acquire(timeout=TIMEOUT) for _ in range(times))

    thread = recompiler(runtime, recompile, lambda number: Patience(3_600, work[number]))
    runtime.request(1)
    runtime.request(2)
    look()
    assert done.empty()
    # Now it is enough; without the one that has done most, it is not.
    runtime.request(3)
    assert done.get(timeout=TIMEOUT) == 2
    while runtime.looked.acquire(blocking=False):
        pass
    look()
    assert done.empty()
    work[3] = 0.7
    assert done.get(timeout=TIMEOUT) == 3
    thread.close()


def test_no_unit_waits_where_all_must_be_compiled(runtime: FakeRuntime) -> None:
    done: list[int] = []

    def recompile(number: int) -> bool:
        done.append(number)
        return False

    thread = recompiler(runtime, recompile, lambda _: Patience(3_600))
    runtime.request(1)
    runtime.request(2, waits=True)
    Running(thread.wait_until_idle).result()
    thread.close()
    assert sorted(done) == [1, 2]


def test_many_units_do_not_wait(runtime: FakeRuntime) -> None:
    done = threading.Semaphore(0)

    def recompile(number: int) -> bool:
        done.release()
        return False

    thread = recompiler(runtime, recompile, lambda _: Patience(3_600))
    for number in range(1, 101):
        runtime.request(number)
    assert all(done.acquire(timeout=TIMEOUT) for _ in range(65))
    thread.close()


def test_hot_units_are_compiled_when_they_have_done_enough_work() -> None:
    [a, b] = units("(define (a) 1) (define (b) 2)")
    done = threading.Semaphore(0)
    with (
        patch("kaleido.jit.program.tier_up._WORK", 10 * len(a.ir)),
        Engine(Policy(call_threshold=3, patience=3_600.0)) as engine,
    ):
        engine.define(a, b)
        log = Log(engine)
        engine.subscribe(lambda event: done.release() if event.kind in (EventKind.HOT, EventKind.SWAPPED) else None)
        for symbol, runs in (("a", 4), ("b", 5)):
            for _ in range(runs):
                engine.call(symbol)
            assert done.acquire(timeout=TIMEOUT)
        engine.call("b")
        assert done.acquire(timeout=TIMEOUT)
        assert swapped(log) == ["b"]
        assert engine.describe("a").tier is Tier.BASELINE
        # A request from Python does not wait.
        engine.optimize("a", background=True)
        settle(engine)
        assert swapped(log) == ["b", "a"]


def test_a_unit_that_was_covered_waits_for_its_later_work() -> None:
    done = threading.Semaphore(0)
    with Engine(Policy(call_threshold=3, patience=3_600.0)) as engine:
        a, leaf, *others = units(CHAIN)
        engine.define(a, leaf, *others)
        log = Log(engine)
        with patch("kaleido.jit.program.tier_up._WORK", 1):
            make_hot(engine, "top")
        engine.subscribe(lambda event: done.release() if event.kind in (EventKind.HOT, EventKind.SWAPPED) else None)
        # It has run six times before, inside of which is the work of a compilation.
        with patch("kaleido.jit.program.tier_up._WORK", 5 * len(leaf.ir)):
            for _ in range(3):
                engine.call("leaf", 1)
            assert done.acquire(timeout=TIMEOUT)
            engine.define(unit("(define (b) 2)"))
            for _ in range(40):
                engine.call("b")
            assert all(done.acquire(timeout=TIMEOUT) for _ in range(2))
            assert swapped(log) == ["a", "top", "b"]
            for _ in range(2):
                engine.call("leaf", 1)
            assert done.acquire(timeout=TIMEOUT)
        assert swapped(log) == ["a", "top", "b", "leaf"]


def test_a_unit_is_tried_again_until_it_is_done(runtime: FakeRuntime) -> None:
    tries: list[int] = []

    def recompile(number: int) -> bool:
        tries.append(number)
        return len(tries) < 3

    thread = recompiler(runtime, recompile)
    runtime.request(7, waits=True)
    Running(thread.wait_until_idle).result()
    thread.close()
    assert (tries, runtime.replies) == ([7, 7, 7], 1)


def test_hotness_is_read_in_proportion_to_the_requests() -> None:
    def reads(count: int) -> int:
        read: list[int] = []
        requests = Requests(lambda number: read.append(number))
        for number in range(count):
            requests.add(number)
        while requests:
            requests.remove(requests.hottest())
        return len(read)

    assert reads(16_000) < 2.1 * reads(8_000) < 2.1 * 32 * 8_000


def test_requests_that_become_hotter_come_earlier() -> None:
    heat = dict.fromkeys(range(1000), 1.0)
    requests = Requests(lambda number: heat[number])
    for number in heat:
        requests.add(number, waits=True)
    requests.add(7, waits=True)
    requests.add(7)
    assert (requests.hottest(), requests.remove(0)) == (0, 1)
    heat[7] = 2.0
    order = []
    while requests:
        number = requests.hottest()
        order.append((number, requests.remove(number)))
    assert (7, 2) in order[:64]
    # The others in the order of their arrival.
    assert [number for number, _ in order if number != 7] == [number for number in range(1, 1000) if number != 7]


def test_a_request_that_is_tried_again_makes_way_for_a_hotter_one() -> None:
    heat = {1: 1.0}
    requests = Requests(lambda number: heat[number])
    requests.add(1)
    assert requests.hottest() == 1
    heat[2] = 3.0
    requests.add(2)
    assert requests.hottest() == 2
