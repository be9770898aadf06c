"""Sessions in several processes: each makes its own; functions are sent as programs."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from kaleido import Function, KaleidoError, Session
from kaleido.session import arrivals
from tests.jit.helpers import TIMEOUT


def compute(number: int) -> float | None:
    with Session(threshold=3) as session:
        return session.run(f"def fib(n) if n < 2 then n else fib(n-1) + fib(n-2)\nfib({number})")


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_have_sessions_of_their_own(method: str) -> None:
    with Session() as session:
        session.run("def double(x) x + x")
        with multiprocessing.get_context(method).Pool(2) as pool:
            results = pool.map_async(compute, [5, 10, 15, 20])
            assert results.get(timeout=3 * TIMEOUT) == [5, 55, 610, 6765]
            # Functions are sent as programs.
            doubled = pool.map_async(session["double"], [1.0, 2.0, 3.0])
            assert doubled.get(timeout=3 * TIMEOUT) == [2.0, 4.0, 6.0]
        assert session.run("1 + 1") == 2


def test_an_executor_of_processes_calls_functions() -> None:
    context = multiprocessing.get_context("spawn")
    with Session() as session, ProcessPoolExecutor(1, context) as executor:
        session.run("def double(x) x + x  def deep(x) 1 + deep(x)")
        assert list(executor.map(session["double"], [1.0, 2.0, 3.0], timeout=3 * TIMEOUT)) == [2.0, 4.0, 6.0]
        with pytest.raises(KaleidoError, match="recursion too deep in deep"):
            executor.submit(session["deep"], 1.0).result(timeout=3 * TIMEOUT)


PROGRAM = """
def binary <> 15 (a b) a < b | a > b
def unary ~ (x) 0 - x
def binary @ 5 (a b) ~a <> b @ 0 - 1 : a
def loop(n) var s = 1 in (for i = 1, i < n in s = s * i + 1e-3) : s
def odd(n) if n < 1 then 0 else even(n - 1)
def even(n) if n < 1 then 1 else odd(n - 1)
# The one that is sent.
#   With a second line.
def f(x y) if even(x) then loop(x) - (y - (3 - x)) else ~sin(x) / (y <> 2)
"""


@pytest.fixture
def session() -> Iterator[Session]:
    with Session() as session:
        session.run(PROGRAM)
        yield session


def sent(function: Function) -> Function:
    received: Function = pickle.loads(pickle.dumps(function))
    return received


def test_a_function_is_sent_with_all_that_it_calls(session: Session) -> None:
    f = session["f"]
    received = sent(f)
    assert received is not f and received.parameters == ("x", "y") and received.__doc__ == f.__doc__
    for x in range(6):
        assert received(x, 3.5) == f(x, 3.5)
    # Not what it does not call, and all of it as often as it is sent again.
    assert "@" not in received.as_program()[1]
    assert received.as_program() == f.as_program()
    for operator in ("binary<>", "unary~", "binary|"):
        assert sent(session[operator])(*[2.0] * len(session[operator].parameters)) == session[operator](
            *[2.0] * len(session[operator].parameters)
        )


def test_a_program_is_compiled_once_in_a_process(session: Session) -> None:
    f = session["f"]
    first, again = sent(f), sent(f)
    assert first.address == again.address and first.address != f.address
    assert first.tier is not None
    session.run("def odd(n) 0")
    changed = sent(f)
    assert changed.address != first.address
    # Equal programs, wherever they come from.
    with Session(jit="O0") as other:
        other.run("# Also.\n" + PROGRAM.replace(" - ", "-"))
        assert sent(other["f"]).address == first.address


def test_only_the_latest_programs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_sessions", OrderedDict())
    monkeypatch.setattr(arrivals, "_KEPT", 2)
    with Session() as session:
        received = []
        for number in range(4):
            session.run(f"def f(x) x + {number}")
            received.append(sent(session["f"]))
        assert len(arrivals._sessions) == 2
        # The functions of the others go on.
        assert [function(1) for function in received] == [1.0, 2.0, 3.0, 4.0]


def test_built_in_operators_that_a_program_defines_are_sent() -> None:
    with Session() as session:
        session.run("def binary + 35 (a b) a * b - -1  def binary = 9 (a b) a  def f(x y) var z = 1 in z = x + y * 2")
        f = session["f"]
        assert sent(f)(3, 4) == f(3, 4)


def test_what_cannot_be_sent(session: Session) -> None:
    session.register("here", lambda x: x)
    session.run("def g(x) here(x)  extern nowhere(x)  def h(x) nowhere(x)")
    for name, reason in (("g", "it calls here, a Python function"), ("h", "it calls nowhere, which is not defined")):
        with pytest.raises(TypeError, match=f"{name} cannot be pickled: {reason}"):
            pickle.dumps(session[name])


def test_copies_are_the_same_function(session: Session) -> None:
    f = session["f"]
    assert copy.copy(f) is f and copy.deepcopy([f]) == [f]


def test_what_belongs_to_a_process_cannot_be_sent_to_another() -> None:
    with Session() as session:
        for each in (session, session.engine):
            with pytest.raises(TypeError, match="cannot be pickled"):
                pickle.dumps(each)
