"""Undo: earlier definitions are restored, in the tiers that they had."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from kaleido import KaleidoError, Session
from kaleido.diagnostics import Source
from kaleido.jit import Tier
from kaleido.session import MODES, Change


@pytest.fixture(params=MODES)
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(jit=request.param, threshold=None if request.param in ("O0", "O3") else 10) as session:
        yield session


def changes(session: Session, text: str) -> list[Change]:
    return [result.change for result in session.evaluate(Source("<test>", text)) if result.change is not None]


def error(session: Session, text: str) -> str:
    with pytest.raises(KaleidoError) as raised:
        session.run(text)
    return raised.value.diagnostic.title


def test_a_new_function_is_removed(session: Session) -> None:
    made = changes(session, "def f(x) x + 1; f(1)")
    session.undo(*made)
    assert error(session, "f(1)") == "unknown function `f`"
    assert session.functions() == []


def test_an_earlier_definition_is_restored(session: Session) -> None:
    session.run("def f(x) x + 1; def g(x) f(x) * 2; f(1); g(1)")
    made = changes(session, "def f(x) x + 2")
    assert session.run("g(1)") == 6
    undone = session.undo(*made)
    assert session["f"].source == "def f(x) x + 1"
    assert session.run("g(1)") == 4
    session.undo(undone)
    assert session.run("g(1)") == 6


def test_several_changes_are_undone_together(session: Session) -> None:
    session.run("def f(x) x + 1; f(1)")
    made = changes(session, "def f(x) x + 2; def g(x y) f(x) * y; def f(x) x + 3; g(1, 2)")
    undone = session.undo(*made)
    assert session.run("f(1)") == 2
    assert error(session, "g(1, 2)") == "unknown function `g`"
    session.undo(undone)
    assert session.run("g(1, 2)") == 8


def test_another_number_of_parameters_is_undone(session: Session) -> None:
    session.run("def f(x) x + 1; f(1)")
    made = changes(session, "def f(x y) x * y; def g(x) f(x, x); g(3)")
    session.undo(*made)
    assert session.run("f(1)") == 2


def test_an_operator_and_its_precedence_are_undone(session: Session) -> None:
    made = changes(session, "def binary ^ 50 (a b) pow(a, b); 2 * 3 ^ 2")
    session.undo(*made)
    assert error(session, "2 ^ 3") == "unknown operator `^`"
    made = changes(session, "def binary + 50 (a b) a - b")
    assert session.run("2 * 3 + 1") == 4
    session.undo(*made)
    assert session.run("2 * 3 + 1") == 7


def test_a_builtin_operator_is_restored_in_functions_that_use_it(session: Session) -> None:
    session.run("def f(x) x + 1; f(1)")
    made = changes(session, "def binary + 20 (a b) a - b")
    assert session.run("f(1)") == 0
    session.undo(*made)
    assert session.run("f(1)") == 2


def test_externs_are_undone(session: Session) -> None:
    made = changes(session, "extern erf(x); erf(0)")
    session.undo(*made)
    assert error(session, "erf(0)") == "unknown function `erf`"
    made = changes(session, "def sin(x) 5; extern sin(x)")
    assert len(made) == 1
    session.undo(*made)
    assert session.run("sin(0)") == 0


def test_a_missing_function_is_missing_again(session: Session) -> None:
    with pytest.raises(KaleidoError):
        session.run("def f(x) g(x); nothing; def g(x) x")
    made = changes(session, "def g(x) x + 1; f(1)")
    session.undo(*made)
    assert error(session, "f(1)") == "`g` is called before it is defined"
    assert session.run("def g(x) x + 2; f(1)") == 3
    session.undo(*changes(session, "def f(x) 1"))
    assert "cannot take 2 parameters now" in error(session, "def g(x y) x")


@pytest.mark.parametrize("jit", ["tiered", "sync"])
def test_optimized_code_is_optimized_again(jit: str) -> None:
    with Session(jit=jit, threshold=10) as session:
        session.run("def f(x) x + 1; def g(x) f(x) * 2; def loop(n) for i = 1, i < n in g(i); loop(100); loop(100)")
        session.engine.wait_until_idle()
        for name in ("f", "g", "loop"):
            session.engine.optimize("kal." + name)
        made = changes(session, "def f(x) x + 2")
        assert {session[name].tier for name in ("f", "g", "loop")} == {Tier.BASELINE}
        session.undo(*made)
        session.engine.wait_until_idle()
        assert {session[name].tier for name in ("f", "g", "loop")} == {Tier.OPTIMIZED}
        assert session.run("g(1)") == 4


def test_reset_leaves_the_prelude(session: Session) -> None:
    session.run("def f(x) x; def sin(x) 7; def binary & 6 (a b) 5; def binary + 1 (a b) 0; sin(1); f(1)")
    undone = session.reset()
    assert session.functions() == []
    assert session.run("(sin(0) + 1) & 1") == 1
    session.undo(undone)
    assert session.run("sin(0)") == 7
    assert session.run("1 & 1") == 5
    assert [each.name for each in session.functions()] == ["binary&", "sin", "f", "binary+"]


def test_reset_without_definitions(session: Session) -> None:
    session.undo(session.reset())
    assert session.run("sqrt(4)") == 2


# Variables


def test_variables_are_in_scope_in_expressions(session: Session) -> None:
    session.variables["_"] = 4.0
    assert session.run("_ * 2 + _") == 12
    assert session.run("var s = 0 in (for i = 1, i < _ in s = s + _) : s") == 16
    assert session.run("(_ = _ + 1) : _") == 5
    assert session.run("_") == 4
    session.variables["_"] = math.nan
    assert math.isnan(session.run("_") or 0)


def test_variables_are_in_scope_nowhere_else(session: Session) -> None:
    session.variables["_"] = 4.0
    assert error(session, "def f(x) x + _") == "unknown variable `_`"
    assert session.run("def f(_) _ + 1; f(2)") == 3
    assert error(session, "__ + 1") == "unknown variable `__`"


def test_variables_are_in_scope_after_an_error(session: Session) -> None:
    session.variables["_"] = 4.0
    with pytest.raises(KaleidoError) as raised:
        session.run("nothing;\n_ + 1")
    assert len(raised.value.diagnostics) == 1


def test_the_times_of_an_expression(session: Session) -> None:
    [_, first, second] = session.evaluate(Source("<test>", "def f(x) x; f(1); f(2)"))
    assert first.compile_seconds > 0
    assert first.run_seconds > 0
    assert second.change is None


def test_the_initial_state_can_be_more_than_the_prelude() -> None:
    with Session(jit="O0") as session:
        session.run("def f(x) x + 1; def binary ~ 50 (a b) a - b")
        session.make_initial()
        session.run("def f(x) 0; def g(x) x; def binary ~ 5 (a b) 0")
        change = session.reset()
        assert session.run("f(3) ~ 2 + 1") == 3
        assert [each.name for each in session.functions()] == ["f", "binary~"]
        session.undo(change)
        assert session.run("f(3) ~ g(2)") == 0
