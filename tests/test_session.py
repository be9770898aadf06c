"""The Python API: running texts, functions as objects, redefinition, and the state after a failure."""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import kaleido
from kaleido import IncompleteInput, KaleidoError, ParseError, Session
from kaleido.jit import Event, EventKind, Tier
from kaleido.session import MODES

every_mode = pytest.mark.parametrize("jit", MODES)


@pytest.fixture
def open_session() -> Iterator[Callable[..., Session]]:
    sessions: list[Session] = []

    def open_one(jit: str = "sync", threshold: int | None = 3) -> Session:
        sessions.append(Session(jit=jit, threshold=threshold))
        return sessions[-1]

    yield open_one
    for session in sessions:
        session.close()


def recorded(session: Session) -> list[Event]:
    events: list[Event] = []
    session.subscribe(events.append)
    return events


def kinds(events: list[Event], unit: str) -> list[tuple[EventKind, Tier | None]]:
    return [(event.kind, event.tier) for event in events if event.unit == unit]


def test_exports_are_what_they_say() -> None:
    for name in kaleido.__all__:
        assert getattr(kaleido, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = kaleido.nonsense


@every_mode
def test_run_returns_the_last_value(open_session: Callable[..., Session], jit: str) -> None:
    session = open_session(jit)
    assert session.run("def f(x) x*x + 1") is None
    assert session.run("f(3)") == 10.0
    assert session.run("1 2 def g(x) x") == 2.0
    assert math.isnan(session.run("0/0") or 0.0)


def test_a_function_is_an_object(open_session: Callable[..., Session]) -> None:
    session = open_session()
    session.run("def f(x y) x - y; f(1, 2)")
    f = session["f"]
    assert f(5, 3) == 2.0
    assert f.parameters == ("x", "y")
    assert f.source == "def f(x y) x - y"
    assert f.tier is Tier.BASELINE
    assert repr(f) == "<kaleido function f(x y)>"
    with pytest.raises(TypeError, match="f takes 2 arguments, not 1"):
        f(1)
    with pytest.raises(KeyError):
        session["missing"]
    assert session["binary|"](0, 2) == 1.0
    assert [function.name for function in session.functions()] == ["f"]


def test_the_address_stays_through_tiers_and_redefinition(open_session: Callable[..., Session]) -> None:
    session = open_session()
    session.run("def g(x) x + 1; def f(x) g(x) * 2")
    address = session["f"].address
    native = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(address)
    assert [native(float(x)) for x in range(6)] == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
    assert session["f"].tier is Tier.OPTIMIZED
    session.run("def g(x) x - 1")
    assert native(3.0) == 4.0
    session.run("def f(x) g(x) + 100")
    assert native(3.0) == 102.0
    assert session["f"].address == address


REDEFINITIONS = {
    "callee": ("def g(x) x+1; def f(x) g(x)*2", "def g(x) x-1", "f", 8.0, 4.0),
    "loop": (
        "def g(x) x+1; def f(n) var s in (for i = 1, i < n in s = s + g(i)) : s",
        "def g(x) x-1", "f", 9.0, 3.0,
    ),
    "operator": ("def binary @ 5 (a b) a+b; def f(x) x @ 1", "def binary @ 5 (a b) a-b", "f", 4.0, 2.0),
    "built-in operator": ("def f(x) x + 1", "def binary+ 20 (a b) a*b - -1", "f", 4.0, 4.0),
    "three levels down": (
        "def a(x) x+1; def b(x) a(x)+0; def c(x) b(x)+0; def f(x) c(x)*2",
        "def a(x) x-1", "f", 8.0, 4.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REDEFINITIONS)
@every_mode
def test_redefinition_reaches_hot_callers(open_session: Callable[..., Session], jit: str, case: str) -> None:
    before, change, name, old, new = REDEFINITIONS[case]
    session = open_session(jit)
    session.run(before)
    f = session[name]
    assert [f(3) for _ in range(10)] == [old] * 10
    session.engine.wait_until_idle()
    tier = f.tier
    events = recorded(session)
    session.run(change)
    if jit in ("tiered", "sync") and case != "built-in operator":
        assert tier is Tier.OPTIMIZED
        assert (EventKind.DEOPTIMIZED, Tier.OPTIMIZED) in kinds(events, name)
    assert [f(3) for _ in range(10)] == [new] * 10
    session.engine.wait_until_idle()
    assert f.tier is tier


def test_redefinition_while_the_recompilation_is_in_flight(open_session: Callable[..., Session]) -> None:
    session = open_session("tiered")
    session.run("def g(x) x+1; def f(x) g(x)*2")
    compiled, go_on = threading.Event(), threading.Event()
    events = recorded(session)

    def hold(event: Event) -> None:
        if event.unit == "f" and event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED:
            compiled.set()
            assert go_on.wait(60)

    f = session["f"]
    f(3)
    session.subscribe(hold)
    assert [f(3) for _ in range(10)] == [8.0] * 10
    assert compiled.wait(60)
    session.run("def g(x) x-1")
    assert f(3) == 4.0
    go_on.set()
    session.engine.wait_until_idle()
    assert f(3) == 4.0
    assert f.tier is Tier.OPTIMIZED
    assert (EventKind.DISCARDED, Tier.OPTIMIZED) in kinds(events, "f")


def test_a_function_that_becomes_hot_in_its_first_call_ends_it_optimized(open_session: Callable[..., Session]) -> None:
    session = open_session("sync", None)
    session.run("def fib(n) if n < 3 then 1 else fib(n-1) + fib(n-2)")
    events = recorded(session)
    assert session.run("fib(22)") == 17711.0
    history = kinds(events, "fib")
    assert history.index((EventKind.HOT, Tier.BASELINE)) < history.index((EventKind.SWAPPED, Tier.OPTIMIZED))
    # 35,421 calls, and only the first thousand were counted: the rest ran in code that counts nothing.
    (stats,) = (unit for unit in session.stats() if unit.name == "fib")
    assert (stats.tier, stats.runs) == (Tier.OPTIMIZED, 1000)


def test_a_loop_is_replaced_while_it_runs(open_session: Callable[..., Session]) -> None:
    session = open_session("sync", None)
    events = recorded(session)
    assert session.run("var s = 0 in (for i = 1, i < 100000 in s = s + i) : s") == 5000050000.0
    (loop,) = {event.unit for event in events if ".for@" in event.unit}
    history = [event for event in events if event.unit == loop]
    steps = (EventKind.FREED, EventKind.LOADED, EventKind.STARTED)
    order = [event.kind for event in history if event.kind not in steps]
    assert order == [EventKind.DEFINED, EventKind.COMPILED, EventKind.HOT, EventKind.COMPILED, EventKind.SWAPPED]
    assert max(event.runs for event in history) == 10_000


@pytest.mark.parametrize(
    ("before", "failing"),
    [
        ("def f(x) x + 1", "def f(x) y"),
        ("def f(x) x + 1", "def f(x) missing(x)"),
        ("def f(x) x + 1", "def f(x"),
        ("def f(x) x + 1; def g(x) f(x)", "def f(x y) x"),
        ("def f(x) x + 1", "extern f(x y)"),
    ],
)
@every_mode
def test_a_failed_definition_changes_nothing(
    open_session: Callable[..., Session], jit: str, before: str, failing: str
) -> None:
    session = open_session(jit)
    session.run(before)
    values = [session["f"](2) for _ in range(5)]
    stats = session.stats()
    with pytest.raises(KaleidoError):
        session.run(failing)
    assert [unit.versions for unit in session.stats()] == [unit.versions for unit in stats]
    assert [session["f"](2) for _ in range(5)] == values
    assert session["f"].source == "def f(x) x + 1"


def test_a_failed_operator_leaves_the_table_as_it_was(open_session: Callable[..., Session]) -> None:
    session = open_session()
    with pytest.raises(KaleidoError, match="unknown variable `c`"):
        session.run("def binary @ 5 (a b) a + c")
    with pytest.raises(ParseError, match="unknown operator `@`"):
        session.run("1 @ 2")


def test_syntax_errors_run_nothing(open_session: Callable[..., Session]) -> None:
    session = open_session()
    with pytest.raises(ParseError):
        session.run("def f(x) x; f(1); f(")
    assert "f" not in session
    with pytest.raises(IncompleteInput):
        session.run("def f(x)")


def test_the_arity_may_change_without_callers(open_session: Callable[..., Session]) -> None:
    session = open_session()
    session.run("def f(x) x; f(1)")
    assert session.run("def f(x y) x + y; f(1, 2)") == 3.0
    session.run("def g(x) f(x, x)")
    with pytest.raises(KaleidoError, match=r"`f` cannot take 1 parameter now: it is called with 2(.|\n)*by `g`"):
        session.run("def f(x) x")
    assert session.run("def g(x) x; def f(x) x*10; f(4)") == 40.0


def test_the_arity_is_held_by_callers_of_an_undefined_function(open_session: Callable[..., Session]) -> None:
    session = open_session()
    with pytest.raises(KaleidoError, match="unknown variable `y`"):
        session.run("def f(x) g(x)\n1\ndef g(x) y")
    with pytest.raises(KaleidoError, match="`g` cannot take 2 parameters now: it is called with 1"):
        session.run("def g(x y) y")
    assert session.run("def g(x) x + 1; f(1)") == 2.0


def test_a_built_in_operator_may_change_under_incomplete_functions(
    open_session: Callable[..., Session],
) -> None:
    session = open_session()
    with pytest.raises(KaleidoError, match="`g` is called before it is defined"):
        session.run("def f(x) g(x) + 1; f(1); def g(x) x")
    session.run("def binary + 20 (a b) a - b")
    assert session.run("def g(x) x; f(5)") == 4.0


@every_mode
def test_a_function_that_can_reach_an_undefined_one(open_session: Callable[..., Session], jit: str) -> None:
    session = open_session(jit)
    session.run("extern later(x); def f(x) if x then later(x) else 1")
    assert list(session.declared) == ["later"]
    with pytest.raises(KaleidoError, match="`later` is declared, and not defined"):
        session["f"](0)
    session.run("def later(x) x + 1")
    assert (session["f"](2), session.declared) == (3.0, {})


def test_calling_before_the_definition_is_an_error(open_session: Callable[..., Session]) -> None:
    session = open_session()
    with pytest.raises(KaleidoError, match="`g` is called before it is defined"):
        session.run("def f(x) g(x)\nf(1)\ndef g(x) x")
    assert session.run("def g(x) x * 3; f(2)") == 6.0


def test_libraries_are_searched(tmp_path: Path, open_session: Callable[..., Session]) -> None:
    source, library = tmp_path / "twice.c", tmp_path / "libtwice.so"
    source.write_text("double kaleido_test_twice(double x) { return 2 * x; }\n")
    import shutil
    import subprocess

    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    with pytest.raises(KaleidoError, match="`kaleido_test_twice` is declared, and not defined"):
        open_session().run("extern kaleido_test_twice(x); kaleido_test_twice(21)")
    with Session(libraries=[str(library)]) as session:
        assert session.run("extern kaleido_test_twice(x); kaleido_test_twice(21)") == 42.0


def test_nesting_is_limited_by_nothing_but_memory(open_session: Callable[..., Session]) -> None:
    session = open_session("O0")
    depth = 2000
    assert session.run("for i = 1, 0 in " * depth + "1") == 0.0
    assert session.run("if 1 then " * depth + "7" + " else 0" * depth) == 7.0
    assert session.run("".join(f"var v{i} = {i} in " for i in range(depth)) + "v1999 + v0") == 1999.0


def test_too_many_parameters_are_refused(open_session: Callable[..., Session]) -> None:
    session = open_session("O0")
    names = [f"v{i}" for i in range(9000)]
    with pytest.raises(KaleidoError, match="too many parameters"):
        session.run(f"def f({' '.join(names)}) v1")
    with pytest.raises(KaleidoError, match="too many parameters"):
        session.run(f"extern hypot3({' '.join(names)})")
    with pytest.raises(KaleidoError, match="too many variables"):
        session.run(f"var {', '.join(names)} in for i = 1, 0 in {' + '.join(names)}")
    few = names[:2000]
    assert session.run(f"def f({' '.join(few)}) v1999; f({', '.join(map(str, range(2000)))})") == 1999.0


def test_an_address_for_another_number_of_parameters_returns_zero(open_session: Callable[..., Session]) -> None:
    session = open_session()
    session.run("def f(x) x + 1")
    native = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(session["f"].address)
    assert native(1) == 2.0
    session.run("def f(x y) x * y; f(2, 3)")
    assert native(1) == 0.0
    assert session["f"](2, 3) == 6.0


def test_sessions_are_independent(open_session: Callable[..., Session]) -> None:
    one, other = open_session(), open_session()
    one.run("def f(x) 1")
    other.run("def f(x) 2; def binary @ 5 (a b) a")
    assert (one.run("f(0)"), other.run("f(0)")) == (1.0, 2.0)
    with pytest.raises(ParseError):
        one.run("1 @ 2")
