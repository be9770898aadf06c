"""Where things are shown: what goes where, in which order, and who has the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pygments.token import Comment, Name

from kaleido import Session
from kaleido.jit import EventKind, Tier
from kaleido.repl import Repl
from kaleido.repl.commands.unit_code import parts
from kaleido.repl.display.code_lexers import AssemblyLexer
from kaleido.repl.display.console import _LESS, Console, Size
from kaleido.repl.display.themes import THEMES
from kaleido.repl.settings import Settings
from kaleido.session import Result
from kaleido.terminal import streams
from kaleido.terminal.text import painted

Captured = pytest.CaptureFixture[str]


def console(*, rows: int = 10, columns: int = 80, interactive: bool = True, colored: bool = False) -> Console:
    return Console(Settings(), interactive=interactive, colored=colored, size=lambda: Size(columns, rows))


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has a shell command for a pager."""
    monkeypatch.delenv("LESS", raising=False)

    def pager(command: str) -> None:
        path = tmp_path / "pager.sh"
        path.write_text(f"#!/bin/sh\n{command}\n")
        path.chmod(0o700)
        monkeypatch.setenv("PAGER", str(path))

    return pager


# Size


def test_a_size_is_asked_each_time_and_never_tiny() -> None:
    sizes = iter([Size(100, 50), Size(100, 50), Size(0, 0), Size(0, 0)])
    shown = Console(Settings(), interactive=False, size=lambda: next(sizes))
    assert (shown.columns, shown.rows, shown.columns, shown.rows) == (100, 50, 20, 5)


def test_a_size_that_is_given_by_nobody_is_the_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "77")
    monkeypatch.setenv("LINES", "33")
    shown = Console(Settings(), interactive=False)
    assert (shown.columns, shown.rows) == (77, 33)


@pytest.mark.parametrize(("terminal", "dumb"), [("xterm", False), ("", True), ("dumb", True), ("unknown", True)])
def test_dumb(terminal: str, dumb: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", terminal)
    assert console().dumb == dumb
    assert console(interactive=False).dumb


# Order


def test_errors_come_after_what_was_written(capfd: Captured) -> None:
    shown = console()
    # Errors go where output goes, to see the order.
    kept = os.dup(2)
    os.dup2(1, 2)
    try:
        shown.write("1\n")
        streams.write("2\n")
        shown.write_error("3")
        shown.write("4\n")
        shown.flush()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    output, errors = capfd.readouterr()
    assert (output, errors) == ("1\n2\n4\n", "3\n")


def test_what_is_shown_for_the_moment_is_hidden_before_anything_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    monkeypatch.setattr(streams, "write", lambda text: happened.append(text))
    monkeypatch.setattr(streams, "flush", lambda: happened.append("flush"))
    shown = console()
    shown.hide = lambda: happened.append("hide")
    shown.write("1")
    shown.write_error("2")
    shown.ask("kal> ")
    with shown.lent():
        happened.append("lent")
    assert happened == ["1", "hide", "flush", "kal> ", "hide", "flush", "hide", "flush", "lent"]


# Long output


def test_the_pager_says_how_to_leave_it(pager: Callable[[str], None], capfd: Captured) -> None:
    pager('echo "$LESS"')
    console(rows=10).show("line\n" * 9)
    assert r"q\: back to the prompt" in capfd.readouterr().out


def test_what_fits_is_written_and_what_is_long_is_paged(capfd: Captured, pager: Callable[[str], None]) -> None:
    pager('echo "with $LESS"; cat')
    shown = console(rows=10)
    shown.write("before\n")
    shown.show("line\n" * 8)
    shown.show("line\n" * 9)
    shown.write("after\n")
    shown.flush()
    assert capfd.readouterr().out == "before\n" + "line\n" * 8 + f"with {_LESS}\n" + "line\n" * 9 + "after\n"


def test_own_options_of_the_pager(
    capfd: Captured, pager: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pager('echo "with $LESS"')
    monkeypatch.setenv("LESS", "-S")
    console().show("line\n" * 99)
    assert capfd.readouterr().out == "with -S\n"


def test_nothing_is_paged_where_nobody_could_turn_the_page(
    capfd: Captured, pager: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pager("echo paged")
    long, off = "line\n" * 99, console()
    console(interactive=False).show(long)
    off.settings["pager"] = "off"
    off.show(long)
    monkeypatch.setenv("TERM", "dumb")
    console().show(long)
    off.flush()
    assert capfd.readouterr().out == long * 3


def test_without_a_pager_it_is_written(capfd: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "/no/such/pager -x")
    shown = console()
    shown.show("line\n" * 99)
    shown.flush()
    assert capfd.readouterr().out == "line\n" * 99


def test_a_pager_may_end_before_the_text(capfd: Captured, pager: Callable[[str], None]) -> None:
    pager("echo enough")
    shown = console()
    shown.show("line\n" * 100_000)
    shown.write("after\n")
    shown.flush()
    assert capfd.readouterr().out == "enough\nafter\n"


# The terminal is lent


def test_what_was_written_before_is_there_when_it_is_lent(capfd: Captured) -> None:
    shown = console()
    shown.write("before\n")
    with shown.lent():
        assert shown.is_lent
        subprocess.run(["echo", "another"], check=True)
    assert not shown.is_lent
    shown.write("after\n")
    shown.flush()
    assert capfd.readouterr().out == "before\nanother\nafter\n"


def test_it_comes_back_whatever_happens() -> None:
    shown = console()
    with pytest.raises(KeyError), shown.lent():
        raise KeyError
    assert not shown.is_lent


def test_while_it_is_lent_ctrl_c_is_for_who_has_it() -> None:
    went_on = False
    with console().lent():
        signal.raise_signal(signal.SIGINT)
        went_on = True
    assert went_on


# Colors


def test_colors() -> None:
    plain, colored = console(), console(colored=True)
    assert plain.emphasized("a") == "a"
    assert colored.emphasized("a") == "\x1b[1ma\x1b[0m"
    text = "def f(x) x\n\n"
    assert plain.highlighted(text, "kaleido") == text
    assert colored.highlighted(text, "kaleido").startswith("\x1b[1;35mdef\x1b[0m ")


@pytest.mark.parametrize("theme", THEMES)
def test_code_has_no_error_tokens(theme: str) -> None:
    program = """def unary ! (x) if x then 0 else 1
        def binary | 5 (a b) if a then 1 else b
        def sum(n) var t in (for i = 1, i < n in t = t + sin(i) * i | !t) : t"""
    shown, error = console(colored=True), painted("x", "4;31").partition("x")[0]
    shown.settings["theme"] = theme
    bright = error.replace("31", "91")
    with Session() as session:
        session.run(program)
        for name in ("sum", "binary|", "unary!", "sin"):
            unit = session[name].unit
            for part in [each for tier in Tier for each in parts(session.engine, unit, tier)]:
                for form, language in (("ir", "llvm"), ("asm", "gas")):
                    text = shown.highlighted(part.listing(form), language)
                    assert error not in text
                    assert bright not in text


def test_a_quoted_name_in_assembly_is_one_token() -> None:
    tokens = list(
        AssemblyLexer().get_tokens('"kal.sum.for@1:22#1.impl":\n    jmp        "kal.sum.for@1:22#1"@PLT  # stub')
    )
    names = [(kind, text) for kind, text in tokens if "kal" in text]
    assert names == [(Name.Label, '"kal.sum.for@1:22#1.impl":'), (Name.Constant, '"kal.sum.for@1:22#1"@PLT')]
    assert (Comment.Single, "# stub\n") in tokens


@pytest.mark.parametrize("language", ["kaleido", "kaleido-console", "llvm", "gas"])
@pytest.mark.parametrize("text", ["", "\n\n", "  x\n", "kal> 1\n", "kal> ", "日本 @\x7f\n"])
def test_colors_change_nothing_else(language: str, text: str) -> None:
    shown = console(colored=True).highlighted(text, language)
    assert "".join(part.partition("m")[2] if index else part for index, part in enumerate(shown.split("\x1b["))) == text


# Entries


def test_a_value_is_written_out_before_the_unit_of_its_expression_is_freed() -> None:
    happened: list[str] = []

    class Seen(Console):
        def write_value(self, result: Result) -> None:
            super().write_value(result)
            happened.append(str(result.shown))

    with Session(jit="O0") as session, streams.discarded():
        session.on(EventKind.FREED, lambda _: happened.append("freed"))
        lines = [b"1 + 2\n", b"5 6\n"]
        Repl(session, lines=lines, run_init=False, console=Seen(Settings(), interactive=False)).run()
    assert happened == ["3.0", "freed", "5.0", "freed", "6.0", "freed"]


class Keys(dict[str, bytes]):
    """An object cache."""

    def put(self, key: str, entry: bytes) -> None:
        self[key] = entry


@pytest.mark.parametrize("typed", [False, True])
def test_an_expression_that_is_typed_is_not_kept_in_the_object_cache(
    typed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    keys = Keys()
    with Session(cache=keys) as session, streams.discarded():
        session.run("def f(x) x  f(1)")
        before = len(keys)
        lines = [b"1 + 2\n", b"f(3)\n"]
        Repl(session, lines=lines, run_init=False, console=console(interactive=typed)).run()
    assert len(keys) == before + (0 if typed else 2)
