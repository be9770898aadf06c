"""The REPL in a real terminal, as a user's own process."""

from __future__ import annotations

import re
import signal
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
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
    enter(terminal, ":tiers", "dependents", "f     ● -O3", "g     ● -O3")
    enter(terminal, "def f(x) x + 2")
    enter(terminal, "g(20)", "44.0\r\n")
    enter(terminal, ":tiers", "f     ○ -O0")
    assert leave(terminal, ":quit\r") == 0


def test_ctrl_d_leaves(terminal: Any) -> None:
    enter(terminal, "nothing", "error: unknown variable `nothing`")
    assert leave(terminal, "\x04") == 0


def test_tab_completes(terminal: Any) -> None:
    enter(terminal, "def triple(x) 3 * x")
    # The entry is drawn again when it is accepted, with its prompt.
    terminal.expect_exact("[2] kal>")
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


def test_ctrl_c_between_banner_and_prompt_leaves_no_trace(tmp_path: Path) -> None:
    with spawning() as spawn:
        terminal = spawn(["-m", "kaleido", "--no-init"], {"XDG_STATE_HOME": str(tmp_path)}, (24, 80))
        terminal.expect_exact("Ctrl-D leaves.")
        terminal.send("\x03")
        terminal.expect_exact(PROMPT)
        enter(terminal, "6*7", "42.0\r\n")
        assert leave(terminal, "\x04") == 0
    assert "^C" not in terminal.logfile_read.getvalue()


def test_output_appears_before_a_long_evaluation_ends(terminal: Any) -> None:
    """The program waits for a line from the keyboard, so that it goes on when we have seen what it wrote."""
    enter(terminal, "extern getchar()")
    terminal.send("putchard(64 + 1) : getchar() : putchard(65 + 1) : getchar() : printd(3) : getchar() : 5\r")
    for shown in ("A", "B", "3.000000\r\n"):
        terminal.expect_exact(shown)
        terminal.send("\r")
    terminal.expect_exact("5.0\r\n")
    assert leave(terminal, "\x04") == 0


WORK = "def work(n) var s in (for i = 1, i < n in s = s + sin(i)) : s"
"""Computes for about a second with 40,000,000 to 100,000,000."""

MESSAGE = r"running for \d+ s: Ctrl-C stops it\r"


def test_a_long_evaluation_says_what_stops_it(terminal: Any) -> None:
    enter(terminal, WORK)
    terminal.send(
        "work(250000000) : putchard(64 + 1) : work(50000000) : putchard(65 + 1) : putchard(10) : work(1000000000000)\r"
    )
    terminal.expect(MESSAGE)
    # It is gone before anything else is written, and does not come back in the middle of a line.
    terminal.expect(r"\r\x1b\[KA")
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
    enter(terminal, ":ir big", "big at ○ -O0, not compiled")
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


# What is typed while an entry runs, and signals


def test_what_is_typed_ahead_appears_only_at_the_next_prompt(terminal: Any) -> None:
    enter(terminal, WORK)
    terminal.send("work(40000000) : 5\r")
    terminal.expect_exact("\n")
    terminal.send("6*7\r")
    terminal.expect_exact("5.0\r\n")
    assert "6*7" not in terminal.before
    terminal.expect_exact("42.0\r\n")
    terminal.expect_exact(PROMPT)
    assert leave(terminal, "\x04") == 0


def test_ctrl_d_during_an_entry_leaves_afterwards(terminal: Any) -> None:
    enter(terminal, WORK)
    terminal.send("work(40000000) : 5\r")
    terminal.expect_exact("\n")
    assert leave(terminal, "\x04") == 0


def test_a_program_that_reads_standard_input_has_an_echo(terminal: Any) -> None:
    enter(terminal, "extern getchar()")
    terminal.send("getchar() : getchar()\r")
    terminal.expect_exact("\n")
    time.sleep(0.5)
    terminal.send("typed\r")
    terminal.expect_exact("typed\r\n")
    terminal.expect_exact(PROMPT)
    assert leave(terminal, "\x04") == 0


def is_as_before(terminal: Any) -> bool:
    """Whether the terminal echoes and reads lines, as it did before Kaleido was started."""
    flags = termios.tcgetattr(terminal.child_fd)[3]
    return bool(flags & termios.ECHO) and bool(flags & termios.ICANON)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("entry", ["", "for i = 0, 1 in 0\r"])
def test_a_signal_that_ends_it_leaves_the_terminal_as_it_was(terminal: Any, number: int, entry: str) -> None:
    terminal.send(entry)
    time.sleep(0.5)
    terminal.kill(number)
    terminal.expect(pexpect.EOF)
    assert is_as_before(terminal)
    terminal.close()
    assert terminal.signalstatus == number


def test_leaving_restores_the_mode_of_the_terminal(terminal: Any) -> None:
    assert not is_as_before(terminal)
    terminal.send(":quit\r")
    terminal.expect(pexpect.EOF)
    assert is_as_before(terminal)


# A shell with job control: at each stop it says whether the terminal echoes, and lets Kaleido go on.
_SHELL = """
import os, signal, sys, termios
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if not child:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-m", "kaleido", "--no-history", "--no-init"])
while os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1]):
    os.tcsetpgrp(0, os.getpgrp())
    print("stopped, echo", bool(termios.tcgetattr(0)[3] & termios.ECHO), flush=True)
    os.tcsetpgrp(0, child)
    os.killpg(child, signal.SIGCONT)
"""


def test_ctrl_z_leaves_the_terminal_as_it_was() -> None:
    with spawning() as spawn:
        terminal = spawn(["-c", _SHELL], {}, (40, 80))
        terminal.expect_exact(PROMPT)
        terminal.send("for i = 0, 1 in 0\r")
        terminal.expect(MESSAGE)
        terminal.send("\x1a")
        terminal.expect_exact("\r\x1b[Kstopped, echo True\r\n")
        terminal.expect(MESSAGE)
        terminal.sendintr()
        terminal.expect_exact(PROMPT)
        terminal.send("6*7\x1a")
        terminal.expect_exact("stopped, echo True\r\n")
        terminal.expect_exact(PROMPT)
        enter(terminal, "", "42.0\r\n")
        assert leave(terminal, "\x04") == 0


def test_standard_output_may_go_elsewhere(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"import os, sys; os.dup2(os.open({str(log)!r}, os.O_CREAT | os.O_WRONLY), 1)\n"
    code += "os.execv(sys.executable, [sys.executable, '-m', 'kaleido', '--no-history', '--no-init'])"
    with spawning() as spawn:
        terminal = spawn(["-c", code], {}, (40, 80))
        terminal.expect_exact("`:help` shows the commands")
        terminal.expect_exact(PROMPT)
        enter(terminal, "def f(x)\r  x + 1", "...>")
        enter(terminal, "f(1)")
        enter(terminal, "nothing", "error: unknown variable")
        assert leave(terminal, "\x04") == 0
    assert log.read_text() == "2.0\n"


@pytest.mark.parametrize("rows", [4, 6, 8])
def test_completion_in_a_small_window(start: Start, rows: int) -> None:
    terminal = start()
    terminal.setwinsize(rows, 80)
    terminal.send("si\t")
    terminal.expect_exact("sin")
    terminal.send("(0) + 5\r")
    terminal.expect_exact("5.0\r\n")
    terminal.expect_exact(PROMPT)
    assert "too small" not in terminal.logfile_read.getvalue()
    assert leave(terminal, "\x04") == 0


def test_ctrl_x_ctrl_e_edits_the_entry(start: Start, tmp_path: Path) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\necho "$(cat "$1") * 7" > "$1"\n')
    editor.chmod(0o700)
    terminal = start(EDITOR=str(editor), VISUAL="")
    terminal.send("6\x18\x05")
    terminal.expect_exact("7")
    enter(terminal, "", "42.0\r\n")
    assert leave(terminal, "\x04") == 0
