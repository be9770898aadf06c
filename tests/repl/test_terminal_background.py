"""The terminal is asked for its background: replies set the theme, and never appear as typed text."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress

from kaleido.repl.line_editor.terminal_background import QUERY, ReplyFilter
from tests.terminals import leave, spawning

WHITE, BLACK = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "\x1b]11;rgb:0000/0000/0000\x07"
END = "\x1b[?62;22c"


class Keys:
    """What prompt_toolkit gets of the pieces that arrive, and the backgrounds that were learned."""

    def __init__(self) -> None:
        self.data, self.learned = "", list[str]()
        self.replies = ReplyFilter(Vt100Parser(self._press), self.learned.append)

    def _press(self, key: KeyPress) -> None:
        self.data += key.data

    def arrive(self, *pieces: str | None) -> str:
        """None is a pause."""
        for piece in pieces:
            if piece is None:
                self.replies.flush()
            else:
                self.replies.feed(piece)
        return self.data


@pytest.mark.parametrize("cut", range(len(WHITE + END)))
@pytest.mark.parametrize(("before", "after"), [("", ""), ("1+", "2\r"), ("\x1b[A", "\x1b[B"), ("a\x1b", "\x1b")])
def test_replies_are_no_keys_in_whatever_pieces_they_arrive(cut: int, before: str, after: str) -> None:
    keys = Keys()
    reply = WHITE + END
    assert keys.arrive(before, reply[:cut], reply[cut:], after, None) == before + after
    assert keys.learned == ["light"]
    assert keys.replies.is_ended


def test_a_reply_may_arrive_byte_by_byte() -> None:
    keys = Keys()
    assert keys.arrive(*(BLACK + END)) == ""
    assert keys.learned == ["dark"]


@pytest.mark.parametrize("cut", range(len("\x1b]11;"), len(WHITE)))
def test_the_rest_of_a_reply_may_come_after_a_pause(cut: int) -> None:
    keys = Keys()
    assert keys.arrive("7", WHITE[:cut], None, WHITE[cut:] + END, "8") == "78"
    assert keys.learned == ["light"]


def test_keys_that_look_like_the_rest_of_a_reply_are_kept() -> None:
    keys = Keys()
    assert keys.arrive(WHITE[:14], None, "f", None, "a", None, WHITE[14:], "x") == "fax"
    assert keys.learned == ["light"]


def test_a_reply_without_an_end_loses_no_later_keys() -> None:
    keys = Keys()
    assert keys.arrive(WHITE[:14], None, "xyz", None, "\r", "\x1b[A", "\x1b", None) == "xyz\r\x1b[A\x1b"
    assert keys.learned == []


@pytest.mark.parametrize("typed", ["\x1b", "\x1b]", "\x1b[", "\x1b]1", "\x1b\r", "\x1b[1;1R", "\x1b[200~a\x1b[201~"])
def test_keys_that_begin_like_a_reply_are_keys(typed: str) -> None:
    expected: list[KeyPress] = []
    parser = Vt100Parser(expected.append)
    parser.feed_and_flush(typed)
    keys = Keys()
    keys.arrive(typed, None)
    assert keys.data == "".join(key.data for key in expected)


@pytest.mark.parametrize(
    ("color", "background"),
    [
        ("rgb:0000/0000/0000", ["dark"]),
        ("rgb:fd/f6/e3", ["light"]),
        ("rgba:1e1e/1e1e/2e2e/ffff", ["dark"]),
        ("rgb:f/f/f", ["light"]),
        ("rgb:0000/ffff/0000", ["light"]),
        ("rgb:0000/0000/ffff", ["dark"]),
        ("rgb:ffff/ffff", []),
        ("", []),
    ],
)
def test_colors_are_dark_or_light(color: str, background: list[str]) -> None:
    keys = Keys()
    assert keys.arrive(f"\x1b]11;{color}\x07") == ""
    assert keys.learned == background


# In a terminal

Start = Callable[..., Any]
# What a number looks like in the theme for an unknown, a dark and a light background.
EITHER, DARK, LIGHT = "35m", "92m", "31m"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a REPL that shows colors, and waits until it asks."""
    places = {"XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "COLORFGBG": ""}
    with spawning() as spawn:

        def start(**variables: str) -> Any:
            child = spawn(["-m", "kaleido"], places | {"NO_COLOR": ""} | variables, (24, 80))
            child.expect_exact(QUERY if variables.get("NO_COLOR", "") == "" else "kal>")
            return child

        yield start


def check(terminal: Any, color: str) -> None:
    """Type an expression: it has the colors of the theme, and no reply has appeared."""
    terminal.send("7*6\r")
    terminal.expect_exact("42.0\r\n")
    assert f"{color}7" in terminal.before
    assert leave(terminal, "\x04") == 0
    written = terminal.logfile_read.getvalue()
    assert not any(text in written for text in ("rgb", "ffff", "62;22", "error"))


@pytest.mark.parametrize(("reply", "color"), [(WHITE + END, LIGHT), (BLACK + END, DARK), (END, EITHER)])
def test_the_reply_sets_the_theme(start: Start, reply: str, color: str) -> None:
    terminal = start()
    terminal.send(reply)
    check(terminal, color)


def test_no_reply(start: Start) -> None:
    terminal = start()
    terminal.expect_exact("kal>")
    check(terminal, EITHER)


def test_without_a_reply_a_variable_tells(start: Start) -> None:
    terminal = start(COLORFGBG="15;0")
    terminal.send(END)
    check(terminal, DARK)


def test_a_late_reply_while_the_user_types(start: Start) -> None:
    terminal = start()
    terminal.expect_exact("kal>")
    terminal.send("3")
    terminal.expect_exact("3")
    terminal.send(WHITE[:10])
    terminal.send(WHITE[10:] + END)
    terminal.send("*14\r")
    terminal.expect_exact("42.0\r\n")
    check(terminal, LIGHT)


def test_type_ahead_is_kept(start: Start) -> None:
    terminal = start()
    terminal.send(f"3*{WHITE}14\r{END}")
    terminal.expect_exact("42.0\r\n")
    check(terminal, LIGHT)


def test_a_reply_that_arrives_after_the_last_key(start: Start) -> None:
    """It is read before the process ends: a shell would take it for typed text."""
    terminal = start()
    terminal.send(f"\x04{WHITE}{END}")
    assert leave(terminal, "") == 0
    assert "rgb" not in terminal.logfile_read.getvalue()


def test_a_terminal_that_is_closed_before_it_replies(start: Start) -> None:
    terminal = start()
    terminal.close(force=False)
    terminal.wait()
    assert not terminal.isalive()


def test_without_colors_nothing_is_asked(start: Start) -> None:
    terminal = start(NO_COLOR="1")
    assert leave(terminal, "\x04") == 0
    assert QUERY not in terminal.logfile_read.getvalue()


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_in_tmux(tmp_path: Path) -> None:
    socket = str(tmp_path / "socket")
    command = f"XDG_STATE_HOME={tmp_path} NO_COLOR= {sys.executable} -m kaleido --no-init"
    tmux = ["tmux", "-S", socket, "-f", "/dev/null", "new-session", command]
    with spawning() as spawn:
        terminal = spawn(["-c", f"import os; os.execvp('tmux', {tmux})"], {"TERM": "xterm-256color"}, (24, 80))
        try:
            terminal.expect_exact("kal>")
            terminal.send("7*6\r")
            terminal.expect_exact("42.0")
            shown = subprocess.run(["tmux", "-S", socket, "capture-pane", "-p"], capture_output=True, text=True).stdout
            assert [line for line in shown.splitlines()[1:3] if line] == ["[1] kal> 7*6", "42.0"]
            terminal.send("\x04")
            terminal.expect_exact("[exited]")
        finally:
            subprocess.run(["tmux", "-S", socket, "kill-server"], capture_output=True)
