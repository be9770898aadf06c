"""Top-level variables of a session: undone with their entries, unchanged by what fails, shared by threads."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from kaleido import KaleidoError, Session
from kaleido.diagnostics import Source
from kaleido.session import MODES, Change
from tests.test_threads import together


@pytest.fixture(params=MODES)
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(jit=request.param, stack_size=1 << 20) as session:
        yield session


def changes(session: Session, text: str) -> list[Change]:
    return [result.change for result in session.evaluate(Source("<test>", text)) if result.change is not None]


def test_a_variable_is_seen_by_later_texts(session: Session) -> None:
    assert session.run("x = 5") == 5
    assert session.run("y = x + 1; x = y * 2") == 12
    assert session.variables == {"x": 12.0, "y": 6.0}


def test_python_reads_and_writes_variables(session: Session) -> None:
    session.variables["x"] = 2
    assert session.run("x = x + 1.5") == 3.5
    assert session.variables["x"] == 3.5
    del session.variables["x"]
    with pytest.raises(KaleidoError, match="unknown variable `x`"):
        session.run("x")


def test_every_nan_is_the_same(session: Session) -> None:
    session.run("x = -(0 / 0)")
    assert math.copysign(1, session.variables["x"]) == 1
    assert changes(session, "x = 0 / 0") == []


def test_changes_of_variables_are_undone(session: Session) -> None:
    session.run("x = 5; zero = 0")
    made = changes(session, "x = 6; zero = -zero; for i = 1, i < 3 in x = x + i; y = x; def f() 1")
    undone = session.undo(*made)
    assert session.variables == {"x": 5.0, "zero": 0.0}
    assert math.copysign(1, session.variables["zero"]) == 1
    session.undo(undone)
    assert session.variables == {"x": 12.0, "zero": 0.0, "y": 12.0}
    assert math.copysign(1, session.variables["zero"]) == -1
    assert session.run("f() + y") == 13


def test_the_same_value_is_no_change(session: Session) -> None:
    session.run("x = 5")
    assert changes(session, "x = 5; x = x; (x = 6) : (x = 5)") == []


def test_reset_removes_variables(session: Session) -> None:
    session.run("x = 5")
    session.make_initial()
    session.run("x = 6; y = 7")
    undone = session.reset()
    assert session.variables == {"x": 5.0}
    session.undo(undone)
    assert session.variables == {"x": 6.0, "y": 7.0}


def test_an_expression_that_fails_changes_no_variable(session: Session) -> None:
    session.run("def deep(x) 1 + deep(x); x = 5")
    with pytest.raises(KaleidoError, match="recursion too deep"):
        session.run("x = (x = 7) + deep(1)")
    with pytest.raises(KaleidoError, match="recursion too deep"):
        session.run("y = deep(1)")
    assert session.variables == {"x": 5.0}


def test_a_text_with_errors_changes_no_variable(session: Session) -> None:
    session.run("x = 5")
    with pytest.raises(KaleidoError):
        session.run("x = 6 )")
    assert session.variables == {"x": 5.0}
    with pytest.raises(KaleidoError) as raised:
        session.run("y = nothing; x = y; y + 1")
    # What it would have created is known to the rest of the text.
    assert [each.title for each in raised.value.diagnostics] == ["unknown variable `nothing`"]
    assert session.variables == {"x": 5.0}


def test_checking_creates_nothing(session: Session) -> None:
    items = session.check(Source("<test>", "x = 5; x + 1; y = x"))
    assert len(items) == 3
    assert session.variables == {}
    session.run("z = 1")
    with pytest.raises(KaleidoError, match="unknown variable `z`"):
        session.check(Source("<test>", "z"))


def test_lowering_without_running(session: Session) -> None:
    units = list(session.units(Source("<test>", "x = 5; x + 1; for i = 1, i < x in x = x + 1")))
    assert [unit.signature.parameters for unit in units] == [("ptr",)] * 3


def test_many_variables_in_one_expression(session: Session) -> None:
    session.run("; ".join(f"v{index} = {index}" for index in range(20)))
    total = " + ".join(f"v{index}" for index in range(20))
    assert session.run(f"v7 = (v3 = {total}) + v0") == 190
    assert session.run(total) == 190 - 3 - 7 + 2 * 190


def test_more_variables_than_a_loop_may_use() -> None:
    with Session(jit="O0") as session:
        names = [f"v{index}" for index in range(9_000)]
        session.variables.update(dict.fromkeys(names, 1.0))
        with pytest.raises(KaleidoError, match="too many variables"):
            session.run(f"for i = 1, i < 2 in {' + '.join(names)}")


def test_threads_assign_different_variables(session: Session) -> None:
    session.run("; ".join(f"v{index} = 0" for index in range(4)))

    def work(index: int) -> None:
        for _ in range(40):
            session.run(f"if v{index} < 1000 then v{index} = v{index} + 1 else v{(index + 1) % 4} = 0")

    together(*(lambda index=index: work(index) for index in range(4)))
    assert session.variables == {f"v{index}": 40.0 for index in range(4)}
