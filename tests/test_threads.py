"""Several threads in one session: calling, defining, redefining, failing, closing, all at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from kaleido import KaleidoError, Session
from tests.jit.helpers import TIMEOUT, Remains, Running

MODES = ("tiered", "sync", "O0", "O3")

FIBONACCI = "def fib(n) if n < 2 then n else fib(n-1) + fib(n-2)"


def together(*works: Callable[[], object]) -> list[object]:
    """Do them all, each on a thread of its own, from the same moment on."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        start.wait(TIMEOUT)
        return work()

    running = [Running(lambda work=work: run(work)) for work in works]  # type: ignore[misc]
    return [each.result(6 * TIMEOUT) for each in running]


@pytest.mark.parametrize("jit", MODES)
def test_each_thread_has_its_own_results(jit: str) -> None:
    with Session(jit=jit, threshold=20) as session:
        session.run(FIBONACCI)

        def work(number: int) -> list[float | None]:
            return [session.run(f"fib({number})") for _ in range(10)]

        assert together(*(lambda number=number: work(number) for number in (5, 10, 15))) == [
            [5] * 10,
            [55] * 10,
            [610] * 10,
        ]


@pytest.mark.parametrize("jit", MODES)
def test_threads_define_and_redefine_what_they_share(jit: str) -> None:
    with Session(jit=jit, threshold=5) as session:
        session.run("def shared(x) x def user(x) shared(x) + 1")
        shared = session["user"]

        def redefine() -> None:
            for number in range(30):
                session.run(f"def shared(x) x + {number}")

        def define() -> None:
            for number in range(30):
                session.run(f"def own{number}(x) shared(x) * 0 + {number}")
                assert session.run(f"own{number}(1)") == number

        def call() -> set[float]:
            return {shared(0) for _ in range(100)}

        def fail() -> None:
            for _ in range(30):
                with pytest.raises(KaleidoError, match="unknown function"):
                    session.run("missing(1)")
                with pytest.raises(KaleidoError):
                    session.run("def shared(x")

        seen = together(redefine, define, call, fail)[2]
        assert isinstance(seen, set)
        assert seen <= set(range(1, 31))
        assert shared(0) == 30


def test_functions_may_be_listed_while_others_are_defined() -> None:
    with Session(jit="O0") as session:
        done = threading.Event()

        def define() -> None:
            for number in range(100):
                session.run(f"def f{number}(x) x")
            done.set()

        def list_them() -> None:
            while not done.is_set():
                assert all(function.signature for function in session.functions())
                session.stats()

        together(define, list_them)
        assert len(session.functions()) == 100


@pytest.mark.parametrize("jit", MODES)
def test_a_session_may_be_closed_while_threads_work_in_it(jit: str) -> None:
    session = Session(jit=jit, threshold=5)
    session.run(FIBONACCI)
    working = threading.Semaphore(0)

    def work() -> None:
        with pytest.raises(RuntimeError, match=r"closed|ended"):  # noqa: PT012 - some time later, in any of them
            while True:
                assert session.run("fib(10)") == 55
                session.run("def g(x) fib(x)")
                working.release()

    def close() -> None:
        assert all(working.acquire(timeout=TIMEOUT) for _ in range(5))
        session.close()
        session.close()

    together(work, work, close)
    assert Remains(session.engine).wait_until_freed()


def test_a_second_session_knows_nothing_of_the_first() -> None:
    with Session() as first:
        first.run("def binary @ 50 (a b) a * b def f(x) x @ 2")
        assert first.run("f(4)") == 8
        with Session() as second:
            assert "f" not in second
            with pytest.raises(KaleidoError):
                second.run("1 @ 2")
            second.run("def f(x) x + 1")
            first.close()
            assert second.run("f(4)") == 5
