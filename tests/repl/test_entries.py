"""Where entries end, and entries from what is no terminal."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kaleido import Session
from kaleido.diagnostics import Span
from kaleido.language.nodes import Operator
from kaleido.language.operators import BUILTINS
from kaleido.repl.entries import LineReader, is_command, is_incomplete

INCOMPLETE = ["def f(x)", "1 +", "(1", "if 1 then", "var x = 1 in", "extern f(", "def f(x) # no body"]
COMPLETE = ["1", "def f(x) x", "", "# nothing", "1 )", "1 ~ 2", "$ (", ":list (", "\x00"]


@pytest.mark.parametrize("text", INCOMPLETE)
def test_incomplete(text: str) -> None:
    assert is_incomplete(text, BUILTINS)


@pytest.mark.parametrize("text", COMPLETE)
def test_not_incomplete(text: str) -> None:
    assert not is_incomplete(text, BUILTINS)


def test_incomplete_by_the_operators_there_are() -> None:
    operators = BUILTINS.with_operator(Operator("~", 20, Span(0, 1)))
    assert is_incomplete("1 ~", operators)
    assert not is_incomplete("1 ~", BUILTINS)


def test_commands_start_with_a_colon() -> None:
    assert is_command(":")
    assert is_command("  :list")
    assert not is_command("1 : 2")
    assert not is_command("")


def entries(session: Session, data: bytes) -> list[str]:
    reader, found = LineReader(session, data.splitlines(keepends=True)), []
    try:
        while True:
            found.append(reader.read())
    except EOFError:
        return found


def test_lines_become_entries(session: Session) -> None:
    found = entries(session, b"1\n\ndef f(x)\n\n\n  x\n:list (\n2")
    assert found == ["1\n", "def f(x)\n\n\n  x\n", ":list (\n", "2"]


def test_the_end_ends_an_entry(session: Session) -> None:
    assert entries(session, b"1\n2 +\n") == ["1\n", "2 +\n"]


def test_any_bytes_are_lines(session: Session) -> None:
    assert entries(session, b"\xff\x00\r\n1\r\n") == ["\ufffd\x00\r\n", "1\r\n"]


def test_a_pipe_is_read_without_prompts() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "kaleido", "-i", "-c", "def f(x) x + 1"],
        input="f(1)\nprintd(\n2)\n:lits\nf(\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "2.0\n2.000000\n0.0\n"
    errors = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert errors == ["error: unknown command `:lits`", "error: unexpected end of input"]
    assert run.returncode == 0
