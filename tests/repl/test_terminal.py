"""The REPL in a real terminal, as a user's own process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.terminals import leave, spawning

PROMPT = "kal>"


Start = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a REPL with options and with variables of the environment, and waits for its prompt."""
    places = {"XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    with spawning() as spawn:

        def start(*options: str, **variables: str) -> Any:
            run = ["-m", "kaleido", "--jit=sync", "--threshold=10", *options]
            child = spawn(run, places | variables, (40, 200))
            child.expect_exact(PROMPT)
            return child

        yield start


@pytest.fixture
def terminal(start: Start) -> Any:
    return start()


def enter(terminal: Any, entry: str, *expected: str) -> None:
    """Type an entry, and wait for what it prints and for the next prompt, where it can be typed at again."""
    terminal.send(entry + "\r")
    for text in expected:
        terminal.expect_exact(text)
    terminal.expect_exact(PROMPT)


def test_redefining_a_hot_function_under_its_caller(terminal: Any) -> None:
    enter(terminal, "def f(x)\rx + 1")
    enter(terminal, "def g(x) f(x) * 2")
    enter(terminal, "for i = 0, i < 100 in g(i)")
    enter(terminal, "g(20)", "42.0\r\n")
    enter(terminal, ":tiers", "dependents", "f     -O3", "g     -O3")
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


def test_ctrl_c_at_the_prompt(terminal: Any) -> None:
    terminal.send("nonsense")
    terminal.expect_exact("nonsense")
    terminal.send("\x03")
    terminal.expect_exact(PROMPT)
    enter(terminal, "6*7", "42.0\r\n")
    terminal.send("\x03")
    terminal.expect_exact(PROMPT)
    terminal.send("\x03")
    terminal.expect_exact("Ctrl-D leaves")
    terminal.expect_exact(PROMPT)
    assert "error" not in terminal.logfile_read.getvalue()
    assert leave(terminal, "\x04") == 0


def test_output_appears_before_a_long_evaluation_ends(terminal: Any) -> None:
    """The program waits for a line from the keyboard, so that it goes on when we have seen what it wrote."""
    enter(terminal, "extern getchar()")
    terminal.send("putchard(64 + 1) : getchar() : putchard(65 + 1) : getchar() : printd(3) : getchar() : 5\r")
    for shown in ("A", "B", "3.000000\r\n"):
        terminal.expect_exact(shown)
        terminal.send("\r")
    terminal.expect_exact("5.0\r\n")
    assert leave(terminal, "\x04") == 0


MESSAGE = r"running for \d+ s: Ctrl-C stops it\r"


def test_a_long_evaluation_says_what_stops_it(terminal: Any) -> None:
    enter(terminal, "extern getchar()")
    terminal.send("getchar() : putchard(64 + 1) : getchar() : putchard(65 + 1) : putchard(10) : getchar()\r")
    terminal.expect(MESSAGE)
    terminal.send("\r")
    # It is gone before anything else is written, and does not come back in the middle of a line.
    terminal.expect(r"\r\x1b\[KA")
    terminal.send("\r")
    terminal.expect_exact("B\r\n")
    assert "running" not in terminal.before
    terminal.expect(MESSAGE)
    terminal.sendintr()
    terminal.expect(r"\r\x1b\[Kinterrupted")
    terminal.expect_exact(PROMPT)
    enter(terminal, "6*7", "42.0\r\n")
    assert leave(terminal, "\x04") == 0


def test_a_loop_that_prints_can_be_stopped_in_the_middle_of_a_line(terminal: Any) -> None:
    terminal.send("for i = 0, 1 in putchard(64 + 1)\r")
    terminal.expect_exact("AAAAAAAAAA")
    terminal.sendintr()
    terminal.expect_exact("interrupted")
    terminal.expect_exact(PROMPT)
    assert "running" not in terminal.logfile_read.getvalue()
    enter(terminal, "6*7", "42.0\r\n")
    assert leave(terminal, "\x04") == 0


def widest_rule(terminal: Any) -> int:
    """How wide `:tiers` is now."""
    terminal.send(":tiers\r")
    terminal.expect(r"\r\n(-+)\r\n")
    width = len(terminal.match[1])
    terminal.expect_exact(PROMPT)
    return width


def test_the_terminal_may_change_its_size(terminal: Any) -> None:
    enter(terminal, "def a_function_with_a_long_name(x) for i = 1, i < x in i")
    enter(terminal, "a_function_with_a_long_name(100)")
    wide = widest_rule(terminal)
    terminal.send("12345")
    terminal.expect_exact("12345")
    terminal.setwinsize(40, 60)
    # The prompt is drawn again, with what was typed.
    terminal.expect_exact("12345")
    enter(terminal, "0", "123450.0\r\n")
    assert widest_rule(terminal) <= 60 < wide
    terminal.setwinsize(40, 200)
    assert widest_rule(terminal) == wide
    assert leave(terminal, "\x04") == 0


def test_a_terminal_that_can_only_write_on(start: Start) -> None:
    terminal = start(TERM="dumb", NO_COLOR="")
    terminal.send("def f(x)\r")
    terminal.expect_exact("...>")
    terminal.send("x + 1\r")
    terminal.expect_exact(PROMPT)
    enter(terminal, "f(1)", "2.0\r\n")
    enter(terminal, "nothing", "error: unknown variable `nothing`\r\n")
    enter(terminal, ":tiers", "f")
    terminal.send("1 +\r")
    terminal.expect_exact("...>")
    terminal.sendintr()
    terminal.expect_exact(PROMPT)
    enter(terminal, "6*7", "\r\n42.0\r\n")
    terminal.send("for i = 0, 1 in 0\r")
    terminal.expect_exact("running for 1 s: Ctrl-C stops it\r\n")
    terminal.sendintr()
    terminal.expect_exact("interrupted in the loop")
    terminal.expect_exact(PROMPT)
    assert leave(terminal, "\x04") == 0
    assert "\x1b" not in terminal.logfile_read.getvalue()


def test_without_history_and_without_the_init_file(start: Start, tmp_path: Path) -> None:
    init_file = tmp_path / "config" / "kaleido" / "init.kal"
    init_file.parent.mkdir(mode=0o700, parents=True)
    init_file.write_text("def f(x) x + 1")
    init_file.chmod(0o600)
    terminal = start("--no-history", "--no-init")
    enter(terminal, "f(1)", "error: unknown function `f`")
    assert leave(terminal, "\x04") == 0
    assert not (tmp_path / "kaleido").exists()
    terminal = start()
    enter(terminal, "f(1)", "2.0\r\n")
    assert leave(terminal, "\x04") == 0
    assert "+f(1)\n" in (tmp_path / "kaleido" / "history").read_text()


def test_two_at_a_time_keep_both_their_histories(start: Start) -> None:
    first, second = start(), start()
    enter(first, "11", "11.0\r\n")
    enter(second, "22", "22.0\r\n")
    enter(first, "33", "33.0\r\n")
    # Each goes through its own entries only.
    enter(second, "\x1b[A", "22.0\r\n")
    assert (leave(first, "\x04"), leave(second, "\x04")) == (0, 0)
    third = start()
    enter(third, "1\x1b[A", "11.0\r\n")
    enter(third, "3\x1b[A", "33.0\r\n")
    enter(third, "2\x1b[A", "22.0\r\n")


@pytest.mark.parametrize(("color", "is_colored"), [("auto", True), ("never", False)])
def test_colors_on_the_terminal(start: Start, color: str, is_colored: bool) -> None:
    terminal = start(f"--color={color}", NO_COLOR="")
    enter(terminal, "1 + nothing", "nothing", "error")
    shown = terminal.logfile_read.getvalue()
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-7]m", shown)) == is_colored
    assert bool(re.search(r"\x1b\[0;35m1", shown)) == is_colored
    assert leave(terminal, "\x04") == 0


def test_color_always_knows_better_than_no_color(start: Start) -> None:
    terminal = start("--color=always")
    enter(terminal, "1 + nothing", "error")
    assert "\x1b[0;35m1" in terminal.logfile_read.getvalue()


def test_a_pager_that_leaves_early(start: Start) -> None:
    terminal = start(PAGER="head -n 1")
    terms = "+".join(f"sin(x*{number})" for number in range(1, 600))
    enter(terminal, f"def big(x) {terms}")
    # More than a pipe takes.
    enter(terminal, ":ir big", "define tailcc double")
    enter(terminal, "6*7", "42.0\r\n")


def test_output_that_is_interrupted_while_nobody_reads_it(terminal: Any) -> None:
    terminal.send("for i = 0, 1 in printd(i)\r")
    terminal.expect_exact("100.000000\r\n")
    # It writes until the terminal takes no more; both come then, or while it still does.
    terminal.sendintr()
    terminal.sendintr()
    terminal.expect_exact("interrupted")
    terminal.expect_exact(PROMPT)
    enter(terminal, "6*7", "42.0\r\n")


def test_a_value_has_a_line_of_its_own(terminal: Any) -> None:
    enter(terminal, "putchard(72)", "H\r\n0.0\r\n")


def test_watch_follows_the_size_of_the_terminal(terminal: Any) -> None:
    enter(terminal, "def a_function_with_a_long_name_indeed(x) for i = 1, i < x in i")
    terminal.send(":watch a_function_with_a_long_name_indeed(100)\r")
    for columns in (110, 60, 90):
        terminal.setwinsize(20, columns)
        # The rule of the table is as wide as the terminal or as the table, whichever is less.
        terminal.expect(rf"\n-{{40,{columns}}}\r\n(?:[^\n]+\n)+?\(Ctrl-C stops\)")
    terminal.sendintr()
    terminal.expect_exact("stopped after")
    terminal.expect_exact(PROMPT)
    assert leave(terminal, "\x04") == 0
