"""The commands, without a prompt."""

from __future__ import annotations

import pytest

from kaleido import KaleidoError, Session
from kaleido.diagnostics import Source
from kaleido.repl.commands import COMMANDS, Leave, execute


def run(session: Session, text: str) -> str:
    return execute(session, Source("<entry 1>", text))


def error(session: Session, text: str) -> str:
    with pytest.raises(KaleidoError) as raised:
        run(session, text)
    return str(raised.value)


def columns(table: str) -> list[list[str]]:
    """The rows of a table without its headings, as words."""
    return [line.split() for line in table.splitlines()[2:]]


def test_help_shows_every_command(session: Session) -> None:
    lines = run(session, ":help").splitlines()
    for line, command in zip(lines, COMMANDS.values(), strict=False):
        assert line.startswith(command.usage)
        assert line.endswith(command.summary)


@pytest.mark.parametrize("text", [":help ir", ":help :ir", "  :help   ir  "])
def test_help_about_one_command(session: Session, text: str) -> None:
    assert run(session, text) == f":ir f [O0|O3]  {COMMANDS['ir'].summary}\n"


def test_quit(session: Session) -> None:
    with pytest.raises(Leave):
        run(session, ":quit")


@pytest.mark.parametrize(
    ("text", "line", "place", "hint"),
    [
        (":tires", "error: unknown command `:tires`", "1:1", "did you mean `:tiers`?"),
        (":q", "error: unknown command `:q`", "1:1", "did you mean `:quit`?"),
        (":frobnicate", "error: unknown command `:frobnicate`", "1:1", "`:help` shows the commands"),
        (":", "error: unknown command `:`", "1:1", "`:help` shows the commands"),
        (":help lits", "error: unknown command `:lits`", "1:7", "did you mean `:list`?"),
        (":list f", "error: too many arguments", "1:7", "it is `:list`"),
        (":ir", "error: `:ir` needs an argument", "1:1", "it is `:ir f [O0|O3]`"),
        (":ir squar", "error: unknown function `squar`", "1:5", "did you mean `square`?"),
    ],
)
def test_errors(session: Session, text: str, line: str, place: str, hint: str) -> None:
    session.run("def square(x) x * x")
    message = error(session, text)
    assert message.startswith(f"{line}\n  ┌ <entry 1>:{place}\n")
    assert message.endswith(f"\n  = hint: {hint}")


def test_an_unknown_tier(session: Session) -> None:
    assert "expected O0 or O3" in error(session, ":ir sin O2")


def test_list(session: Session) -> None:
    assert run(session, ":list") == "no functions yet\n"
    session.run("def f(x y) x; def binary ~ 5 (a b) a + b; extern erf(x); f(1, 2)")
    assert columns(run(session, ":list")) == [
        ["f(x", "y)", "O0"],
        ["binary~(a", "b)", "not", "compiled"],
        ["erf(x)", "not", "compiled"],
    ]


def test_tiers() -> None:
    with Session(jit="sync", threshold=10) as session:
        assert "nothing is compiled yet" in run(session, ":tiers")
        session.run("def f(x) x + 1; def g(x) f(x) * 2; def h(x) x; h(1)")
        session.run("for i = 1, i < 100 in g(i)")
        rows = {row[0]: row for row in columns(run(session, ":tiers"))}
        assert list(rows) == ["f", "g", "h"]
        assert rows["h"][1:4] == ["O0", "1", "calls"]
        assert rows["g"][1] == "O3"
        assert rows["f"][-1] == "g"
        assert float(rows["g"][4]) > 0
        assert int(rows["g"][5]) > 0


def test_tiers_follow_a_redefinition() -> None:
    with Session(jit="sync", threshold=10) as session:
        session.run("def f(x) x + 1; def g(x) f(x) * 2; for i = 1, i < 100 in g(i)")
        session.run("def f(x) x + 2")
        rows = {row[0]: row for row in columns(run(session, ":tiers"))}
        assert rows["g"][1] == "O0"
        assert rows["f"][-1] == "-"


def test_ir_of_a_function(session: Session) -> None:
    session.run("def f(x) x * 3 + 1")
    baseline, optimised = run(session, ":ir f"), run(session, ":ir f o3")
    assert baseline == run(session, ":ir f O0")
    assert "alloca double" in baseline
    assert "alloca" not in optimised


def test_ir_defaults_to_the_tier_it_runs_in() -> None:
    with Session(jit="O3") as session:
        session.run("def f(x) x + 1; f(1)")
        assert run(session, ":ir f") == run(session, ":ir f O3")


def test_ir_shows_the_loops_of_a_function(session: Session) -> None:
    session.run("def f(n) for i = 0, i < n in for j = 0, j < i in printd(j); def fo(x) x")
    shown = run(session, ":ir f O0")
    definitions = [line for line in shown.splitlines() if line.startswith("define ")]
    assert len(definitions) == 3
    assert sum(".for@" in line for line in definitions) == 2


def test_ir_of_an_operator_and_of_an_extern(session: Session) -> None:
    assert "binary|" in run(session, ":ir binary|")
    assert "@llvm.sqrt.f64" in run(session, ":ir sqrt")
