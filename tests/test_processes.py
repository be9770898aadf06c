"""Sessions and multiprocessing: each process makes its own."""

from __future__ import annotations

import multiprocessing
import pickle

import pytest

from kaleido import Session
from tests.jit.helpers import TIMEOUT


def compute(number: int) -> float | None:
    with Session(threshold=3) as session:
        return session.run(f"def fib(n) if n < 2 then n else fib(n-1) + fib(n-2)\nfib({number})")


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_have_sessions_of_their_own(method: str) -> None:
    with Session() as session:
        assert session.run("1 + 1") == 2
        with multiprocessing.get_context(method).Pool(2) as pool:
            results = pool.map_async(compute, [5, 10, 15, 20])
            assert results.get(timeout=3 * TIMEOUT) == [5, 55, 610, 6765]
        assert session.run("1 + 1") == 2


def test_what_belongs_to_a_process_cannot_be_sent_to_another() -> None:
    with Session() as session:
        session.run("def f(x) x")
        for each in (session, session["f"], session.engine):
            with pytest.raises(TypeError, match="cannot be pickled"):
                pickle.dumps(each)
