"""The REPL in a real terminal, as a user's own process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

PROMPT = "kal>"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Any]:
    # pexpect answers no questions about the cursor's position, and looks for plain text.
    own = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "NO_COLOR": "1", "XDG_STATE_HOME": str(tmp_path)}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "kaleido", "--jit=sync", "--threshold=10"],
        env=os.environ | own,
        dimensions=(40, 200),
        encoding="utf-8",
        timeout=20,
    )
    child.expect_exact(PROMPT)
    yield child
    child.close(force=True)


def enter(terminal: Any, entry: str, *expected: str) -> None:
    """Type an entry, and wait for what it prints and for the next prompt, where it can be typed at again."""
    terminal.send(entry + "\r")
    for text in expected:
        terminal.expect_exact(text)
    terminal.expect_exact(PROMPT)


def leave(terminal: Any, keys: str) -> int | None:
    terminal.send(keys)
    terminal.expect(pexpect.EOF)
    terminal.close()
    status: int | None = terminal.exitstatus
    return status


def test_redefining_a_hot_function_under_its_caller(terminal: Any) -> None:
    enter(terminal, "def f(x)\rx + 1")
    enter(terminal, "def g(x) f(x) * 2")
    enter(terminal, "for i = 0, i < 100 in g(i)")
    enter(terminal, "g(20)", "42.0\r\n")
    enter(terminal, ":tiers", "bound by", "f     -O3", "g     -O3")
    enter(terminal, "def f(x) x + 2")
    enter(terminal, "g(20)", "44.0\r\n")
    enter(terminal, ":tiers", "f     -O0")
    assert leave(terminal, ":quit\r") == 0


def test_ctrl_d_leaves(terminal: Any) -> None:
    enter(terminal, "nothing", "error: unknown variable `nothing`")
    assert leave(terminal, "\x04") == 0


def test_tab_completes(terminal: Any) -> None:
    enter(terminal, "def triple(x) 3 * x")
    terminal.send("trip\t")
    terminal.expect_exact("triple")
    enter(terminal, "(7)", "21.0\r\n")


def test_ctrl_c_during_a_run(terminal: Any) -> None:
    terminal.send("for i = 0, 1 in printd(i)\r")
    # Once the program prints, the terminal is the program's and Ctrl-C is a signal.
    terminal.expect_exact("3.000000\r\n")
    terminal.sendintr()
    terminal.expect_exact("interrupted")
    terminal.expect_exact(PROMPT)
    enter(terminal, "def f(x) 1 + f(x)")
    enter(terminal, "f(1)", "error: recursion too deep in f")
    enter(terminal, "6*7", "42.0\r\n")
    assert leave(terminal, "\x04") == 0
