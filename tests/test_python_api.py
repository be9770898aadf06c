"""Functions of a session as Python's own, Python functions as externs, events, and asyncio."""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial, wraps

import pytest

import kaleido
from kaleido import KaleidoError, SemanticError, Session
from kaleido.jit import Event, Interrupted, Tier
from kaleido.session import MODES
from tests.jit.helpers import TIMEOUT, Running

FOREVER = "for i = 0, 1 in 0"


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(jit="sync", threshold=3) as session:
        yield session


# Functions


def test_a_function_has_what_inspect_and_help_ask_for(session: Session) -> None:
    session.run(
        """
        # The area of a ring.
        #   Both are lengths.
        def ring(outer lambda) outer*outer - lambda*lambda
        """
    )
    ring = session["ring"]
    assert ring.__name__ == "ring"
    assert ring.__doc__ == "The area of a ring.\n  Both are lengths."
    assert str(inspect.signature(ring)) == "(outer: float, lambda: float, /) -> float"
    assert inspect.signature(ring).bind(1, 2).args == (1, 2)
    assert inspect.getdoc(ring) == inspect.cleandoc(ring.__doc__)
    assert (kaleido.Function.__doc__ or "").startswith("A function of a session")
    assert ring.tier is None and ring.address and ring.source.startswith("def ring(outer lambda)")

    @wraps(ring)
    def wrapped(*arguments: float) -> float:
        return ring(*arguments)

    assert (wrapped.__name__, wrapped.__doc__) == ("ring", ring.__doc__)


COMMENTS = {
    "no comment": ("def f(x) x", None),
    "a blank line between": ("# other\n\ndef f(x) x", None),
    "a definition between on the same line": ("# of g\ndef g(x) x def f(x) x", None),
    "behind the definition": ("def f(x) x # this", None),
    "only the nearest": ("# far\n\n# near\ndef f(x) x", "near"),
    "an operator's line above": ("def g(x) x # g\n# f\ndef f(x) x", "f"),
    "without a blank": ("#f\n#  g\ndef f(x) x", "f\n g"),
    "an empty line in it": ("# a\n#\n# b\ndef f(x) x", "a\n\nb"),
    "at the end of a line": ("1 # one\ndef f(x) x", None),
    "the name of an interpreter": ("#!/usr/bin/env kaleido\ndef f(x) x", None),
    "below that name": ("#!/usr/bin/env kaleido\n# f\ndef f(x) x", "f"),
}


@pytest.mark.parametrize("case", COMMENTS)
def test_the_documentation_is_the_comment_right_above(session: Session, case: str) -> None:
    text, expected = COMMENTS[case]
    session.run(text)
    assert session["f"].__doc__ == expected


def test_the_documentation_is_that_of_the_present_definition(session: Session) -> None:
    session.run("# one\ndef f(x) x")
    f = session["f"]
    session.run("# two\ndef f(x y) x")
    assert (f.__doc__, str(inspect.signature(f))) == ("two", "(x: float, y: float, /) -> float")


# Python functions as externs


@pytest.mark.parametrize("jit", MODES)
def test_a_program_calls_a_python_function(jit: str) -> None:
    calls: list[tuple[float, ...]] = []

    def area(width: float, height: float, unit: str = "m") -> float:
        "Of a rectangle."
        calls.append((width, height))
        return width * height

    with Session(jit=jit, threshold=3) as session:
        area_in_program = session.register("area", area)
        assert area_in_program.__doc__ == "Of a rectangle."
        assert area_in_program.parameters == ("width", "height") and area_in_program.is_extern
        session.run("def f(x) area(x, x) + 1")
        assert [session["f"](each) for each in range(6)] == [1.0, 2.0, 5.0, 10.0, 17.0, 26.0]
        assert session.run("var s in (for i = 1, i < 5 in s = s + area(i, 2)) : s") == 30.0
        assert area_in_program(3, 4) == 12.0
        assert len(calls) == 12


def test_what_parameters_a_python_function_has(session: Session) -> None:
    assert session.register("now", time.time, 0)() > 1e9
    assert session.register("larger", max, ("a", "b"))(1, 2) == 2.0
    assert session.register("length", math.hypot, 2).signature == "length(x1 x2)"

    def keyword(var: float, then: float) -> float:
        return var - then

    assert session.register("keyword", keyword).parameters == ("x1", "x2")
    for wrong, message in ((max, "are not known"), (math.hypot, "are not known"), (print, "any number")):
        with pytest.raises(TypeError, match=message):
            session.register("wrong", wrong)
    with pytest.raises(TypeError, match="by keyword"):
        session.register("wrong", lambda *, a: a)
    with pytest.raises(TypeError, match="cannot be called"):
        session.register("wrong", 3)  # type: ignore[arg-type]
    for name in ("def", "f(x) 1 def g", "", "a b", "+", "1"):
        with pytest.raises(ValueError, match="cannot be the name of a function"):
            session.register(name, abs)
    with pytest.raises(ValueError, match="name of a parameter"):
        session.register("f", abs, ["x)"])
    assert "wrong" not in session


def test_what_a_python_function_may_return(session: Session) -> None:
    values: list[object] = [True, 3, None, "four", math.nan]
    session.register("next", lambda: values.pop(0), 0)
    assert [session.run("next()") for _ in range(3)] == [1.0, 3.0, 0.0]
    with pytest.raises(TypeError, match="next returned 'four', which is not a number"):
        session.run("next()")
    assert math.isnan(session.run("next()") or 0)


class Broken(Exception):
    """What Python functions here raise."""


# These are also what the session makes of errors of its own.
RAISED = (Broken, TypeError, KeyError, MemoryError, RecursionError, KeyboardInterrupt, SystemExit, SemanticError)


@pytest.mark.parametrize("kind", RAISED)
def test_an_exception_reaches_the_caller_as_it_is(session: Session, kind: type[BaseException]) -> None:
    error = kind("that")
    called: list[float] = []

    def broken(x: float) -> float:
        called.append(x)
        if x < 0:
            raise error
        return x

    session.register("broken", broken)
    session.run("def f(x) broken(x) + broken(0 - 1)  total = 1")
    runs: list[Callable[[], object]] = [
        lambda: session["f"](5),
        lambda: session.run("total = f(5)"),
        lambda: session["broken"](-1),
    ]
    for run in runs:
        for _ in range(5):
            called.clear()
            with pytest.raises(kind) as caught:
                run()
            assert caught.value is error
            assert called in ([5.0, -1.0], [-1.0])
    # An expression that fails changes no variable.
    assert session.variables["total"] == 1.0
    assert session.run("broken(7)") == 7.0


def test_an_error_of_a_program_inside_a_python_function_is_not_that_of_the_outer_one(session: Session) -> None:
    session.register("inner", lambda: session.run("missing(1)"), 0)
    with pytest.raises(SemanticError) as caught:
        session.run("inner()\nalso_missing(2)", "outer.kal")
    [diagnostic] = caught.value.diagnostics
    assert diagnostic.title == "unknown function `missing`"
    session.run("def deep(x) 1 + deep(x)")
    session.register("overflow", lambda: session["deep"](1), 0)
    with pytest.raises(KaleidoError, match="recursion too deep in deep"):
        session.run("overflow()", "outer.kal")


def test_an_extern_repeats_a_registered_function(session: Session) -> None:
    session.register("half", lambda x: x / 2)
    assert session.run("extern half(x)  half(3)") == 1.5
    with pytest.raises(SemanticError, match="`half` is defined with 1 parameter, not 2"):
        session.run("extern half(x y)")
    # Also where C has a function of that name.
    session.register("abs", lambda x: -abs(x), 1)
    assert session.run("extern abs(x)  abs(3)") == -3.0


def test_registered_functions_are_redefined_as_others(session: Session) -> None:
    session.register("g", lambda x: x + 1)
    session.run("def f(x) g(x) * 2")
    f = session["f"]
    assert [f(3) for _ in range(5)] == [8.0] * 5
    tier = f.tier
    session.register("g", lambda x: x + 2)
    assert (tier, f.tier) == (Tier.OPTIMIZED, Tier.BASELINE)
    assert [f(3) for _ in range(5)] == [10.0] * 5
    session.run("def g(x) x")
    assert f(3) == 6.0
    session.register("g", lambda x: x - 1)
    assert f(3) == 4.0
    with pytest.raises(SemanticError, match="cannot take 2 parameters now"):
        session.register("g", lambda x, y: x)
    session.reset()
    assert "g" not in session


def test_an_undone_definition_gives_a_registered_function_back(session: Session) -> None:
    session.register("g", lambda x: x + 1)
    from kaleido.diagnostics import Source

    [result] = session.evaluate(Source("<input>", "def g(x) x"))
    assert session["g"](1) == 1.0 and result.change is not None
    session.undo(result.change)
    assert session["g"](1) == 2.0


def test_the_host_may_register_where_programs_may_declare_nothing() -> None:
    with Session(externs=False) as session:
        session.register("half", lambda x: x / 2)
        assert session.run("extern half(x)  half(3)") == 1.5
        with pytest.raises(SemanticError, match="switched off"):
            session.run("extern getpid()")


def test_other_externs_are_lowered_as_before(session: Session) -> None:
    session.register("mine", lambda x: x)
    session.run("extern getpid()  extern labs(x)")
    with Session(jit="sync") as other:
        other.run("extern getpid()  extern labs(x)")
        for name in ("getpid", "labs", "sin", "putchard"):
            assert session[name].unit.ir == other[name].unit.ir


def test_python_functions_on_several_threads(session: Session) -> None:
    barrier = threading.Barrier(4, timeout=TIMEOUT)

    def meet(x: float) -> float:
        barrier.wait()
        if x > 2:
            raise Broken(x)
        return threading.get_ident()

    session.register("meet", meet)
    session.run("def f(x) meet(x)")
    f = session["f"]
    calls = [Running(partial(lambda x: (f(x), threading.get_ident()), x)) for x in range(4)]
    for call in calls[:3]:
        native, own = call.result()
        assert native == own
    with pytest.raises(Broken):
        calls[3].result()


# Events


def test_a_callback_gets_the_events_of_one_kind(session: Session) -> None:
    swapped: list[str] = []
    stop = session.on("swapped", lambda event: swapped.append(event.unit))
    session.run("def f(x) x * 2; def g(x) x + 1")
    for _ in range(5):
        session["f"](1)
    assert swapped == ["f"]
    stop()
    for _ in range(5):
        session["g"](1)
    assert swapped == ["f"] and session["g"].tier is Tier.OPTIMIZED
    with pytest.raises(ValueError, match="an event is one of defined, compiled"):
        session.on("swap", print)


def test_what_a_callback_of_events_raises_is_printed(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(event: Event) -> None:
        raise Broken(event.unit)

    session.on("defined", fail)
    session.run("def f(x) x")
    assert session.run("f(2)") == 2.0
    assert "Broken: f" in capsys.readouterr().err


# asyncio


def test_the_event_loop_runs_beside_native_code() -> None:
    async def main(session: Session) -> tuple[list[float], float | None, bool]:
        ready = threading.Event()
        session.register("ready", lambda: ready.set(), 0)
        session.register("wait", lambda: ready.wait(TIMEOUT), 0)
        session.run("def f(x) wait() * x")
        # Both wait on their threads until a third call, made later, lets them go on.
        waiting = [asyncio.ensure_future(asyncio.to_thread(session["f"], x)) for x in (1.0, 2.0)]
        await asyncio.sleep(0)
        still = not any(each.done() for each in waiting)
        await asyncio.to_thread(session["ready"])
        return await asyncio.gather(*waiting), await session.run_async("1 + 1"), still

    with Session() as session:
        assert asyncio.run(main(session)) == ([1.0, 2.0], 2.0, True)


def test_cancelling_a_task_stops_the_program() -> None:
    async def main(session: Session) -> str:
        began = asyncio.Event()
        loop = asyncio.get_running_loop()
        session.register("began", lambda: loop.call_soon_threadsafe(began.set) and None, 0)
        task = asyncio.create_task(session.run_async(f"began() : ({FOREVER})"))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # Nothing runs any more, so this need not wait for it.
        return f"{await session.run_async('2 * 3')}"

    with Session() as session:
        assert asyncio.run(main(session)) == "6.0"


def test_a_call_on_a_thread_is_cancelled_by_an_interruption() -> None:
    async def main(session: Session) -> list[type]:
        began = asyncio.Event()
        loop = asyncio.get_running_loop()
        session.register("began", lambda: loop.call_soon_threadsafe(began.set) and None, 0)
        session.run(f"def spin() began() : ({FOREVER})")
        ended: list[type] = []

        def spin() -> None:
            try:
                session["spin"]()
            except Interrupted as stop:
                ended.append(type(stop))

        task = asyncio.create_task(asyncio.to_thread(spin))
        await began.wait()
        session.interrupt()
        await task
        return ended

    with Session() as session:
        assert asyncio.run(main(session)) == [Interrupted]


def test_an_interruption_does_not_end_the_event_loop() -> None:
    async def main(session: Session) -> str:
        began = asyncio.Event()
        loop = asyncio.get_running_loop()
        session.register("began", lambda: loop.call_soon_threadsafe(began.set) and None, 0)
        task = asyncio.create_task(session.run_async(f"began() : ({FOREVER})"))
        await began.wait()
        await asyncio.to_thread(session.interrupt)
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(KaleidoError, match="unknown function"):
            await session.run_async("missing(1)")
        return "goes on"

    with Session() as session:
        assert asyncio.run(main(session)) == "goes on"
