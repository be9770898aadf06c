"""Typing at the prompt: where Enter runs and where it continues, values, errors, Ctrl-C and Ctrl-D."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from kaleido import Session
from kaleido.diagnostics import Source
from kaleido.repl import Repl
from tests.repl.conftest import ALT_ENTER, CTRL_C, CTRL_D, ENTER, LEFT, UP, Outcome, TypeKeys


def test_values_are_shown_and_definitions_are_silent(type_keys: TypeKeys) -> None:
    outcome = type_keys("def f(x) x + 1", "f(3)", "1 2")
    assert (outcome.code, outcome.output, outcome.errors) == (0, "4.0\n1.0\n2.0\n", "")


def test_a_loop_is_silent(type_keys: TypeKeys) -> None:
    assert type_keys("for i = 0, i < 2 in printd(i)").output == "0.000000\n1.000000\n2.000000\n"


def test_quiet(type_keys: TypeKeys) -> None:
    assert type_keys("1", "printd(2)", quiet=True).output == "2.000000\n"


def test_output_and_values_are_in_order(type_keys: TypeKeys) -> None:
    assert type_keys("printd(7)", "putchard(65)", "5").output == "7.000000\n0.0\nA0.0\n5.0\n"


# Enter


def test_enter_continues_an_incomplete_entry(type_keys: TypeKeys) -> None:
    outcome = type_keys("def f(x)\rif x then\r\r2\relse 3", "f(1)")
    assert (outcome.output, outcome.errors) == ("2.0\n", "")


def test_enter_runs_an_entry_with_a_definite_error(type_keys: TypeKeys) -> None:
    outcome = type_keys("1 + )", "6")
    assert outcome.output == "6.0\n"
    assert outcome.errors.startswith("error: unexpected `)`\n  ┌ <entry 1>:1:5\n")


def test_enter_twice_on_an_empty_line_runs_what_is_incomplete(type_keys: TypeKeys) -> None:
    outcome = type_keys("1 +\r\r", "6")
    assert outcome.output == "6.0\n"
    assert outcome.errors.startswith("error: unexpected end of input\n")


def test_enter_knows_the_operators_of_the_session(type_keys: TypeKeys) -> None:
    outcome = type_keys("def unary ~ (x) 0 - x", "~\r5")
    assert (outcome.output, outcome.errors) == ("-5.0\n", "")


def test_enter_runs_from_the_middle_of_an_entry(type_keys: TypeKeys) -> None:
    assert type_keys("12" + LEFT).output == "12.0\n"


def test_alt_enter_makes_a_new_line(type_keys: TypeKeys) -> None:
    assert type_keys(f"1{ALT_ENTER}+ 2").output == "3.0\n"


def test_blank_lines_are_no_entries(type_keys: TypeKeys) -> None:
    assert "<entry 1>:1:1" in type_keys("", "  ", "x").errors


def test_a_comment_is_an_entry_that_does_nothing(type_keys: TypeKeys) -> None:
    outcome = type_keys("# nothing")
    assert (outcome.output, outcome.errors) == ("", "")


def test_a_pasted_text_is_one_entry(type_keys: TypeKeys) -> None:
    assert "<entry 1>:2:1" in type_keys("\x1b[200~1\nx\x1b[201~").errors


def test_a_line_that_starts_with_a_colon_is_a_command(type_keys: TypeKeys) -> None:
    outcome = type_keys("def unary : (x) x", ":lst (", "6")
    assert outcome.output == "6.0\n"
    assert outcome.errors.startswith("error: unknown command `:lst`\n  ┌ <entry 2>:1:1\n")


def test_entries_are_recalled_whole(type_keys: TypeKeys) -> None:
    assert type_keys("1 +\r2", UP + " * 3").output == "3.0\n7.0\n"


def test_what_is_not_utf_8_is_replaced(type_keys: TypeKeys) -> None:
    undecodable = b"\xff".decode("utf-8", "surrogateescape")
    assert type_keys(f"1 + {undecodable}").errors.startswith("error: unexpected character `\ufffd`\n")


# Errors


def test_an_error_does_not_end_the_session(type_keys: TypeKeys) -> None:
    outcome = type_keys("def f() 1", "g()", "f()")
    assert (outcome.code, outcome.output) == (0, "1.0\n")
    assert outcome.errors.startswith("error: unknown function `g`\n  ┌ <entry 2>:1:1\n")


def test_what_came_before_an_error_has_run(type_keys: TypeKeys) -> None:
    assert type_keys("1 x 2").output == "1.0\n"


@pytest.mark.parametrize(("method", "entry"), [("evaluate", "1"), ("functions", ":list")])
def test_a_defect_does_not_end_the_session(
    type_keys: TypeKeys, session: Session, monkeypatch: pytest.MonkeyPatch, method: str, entry: str
) -> None:
    def fail(*arguments: object) -> Any:
        raise ZeroDivisionError("by a test")

    monkeypatch.setattr(session, method, fail)
    outcome = type_keys(entry, ":help quit")
    assert outcome.code == 0
    assert outcome.output.startswith(":quit\n")
    assert "\nZeroDivisionError: by a test\nthis is a defect of Kaleido" in outcome.errors


# Leaving


def test_ctrl_d_leaves(type_keys: TypeKeys) -> None:
    outcome = type_keys("1", CTRL_D, "2")
    assert (outcome.code, outcome.output) == (0, "1.0\n")


def test_quit_leaves(type_keys: TypeKeys) -> None:
    outcome = type_keys("1", ":quit", "2")
    assert (outcome.code, outcome.output, outcome.errors) == (0, "1.0\n", "")


def test_ctrl_c_clears_the_line(type_keys: TypeKeys) -> None:
    outcome = type_keys("def f(x)\rnonsense" + CTRL_C, "2")
    assert (outcome.output, outcome.errors) == ("2.0\n", "")


@pytest.mark.parametrize(
    ("keys", "hints"),
    [
        (CTRL_C + "1", 0),
        (CTRL_C + CTRL_C + "1", 1),
        (CTRL_C + CTRL_C + CTRL_C + "1", 1),
        ("1" + CTRL_C + CTRL_C + "1", 0),
        (CTRL_C + "1" + ENTER + CTRL_C + "1", 0),
    ],
)
def test_ctrl_c_twice_on_an_empty_line_hints(type_keys: TypeKeys, keys: str, hints: int) -> None:
    assert type_keys(keys).errors == "Ctrl-D leaves\n" * hints


def test_an_interrupted_entry_keeps_the_session(
    type_keys: TypeKeys, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = session.evaluate

    def interrupt(source: Source) -> Any:
        if source.text == "1":
            raise KeyboardInterrupt
        return evaluate(source)

    monkeypatch.setattr(session, "evaluate", interrupt)
    outcome = type_keys("def f(x) x + 1", "1", "f(2)")
    assert outcome == Outcome(0, "3.0\n", "interrupted\n")


# The screen


class Screen(StringIO):
    """A terminal at which somebody types when the toolbar is there."""

    def __init__(self, keyboard: PipeInput, keys: str) -> None:
        super().__init__()
        self._keyboard, self._keys = keyboard, keys

    def write(self, text: str) -> int:
        if "0 at O0 · 0 at O3 · recompiler idle" in text:
            self._keyboard.send_text(self._keys)
            self._keys = ""
        return super().write(text)


def test_the_prompt_begins_a_line_and_the_toolbar_is_there(session: Session, state_home: Path) -> None:
    at_the_top = "\x1b[1;1R"
    with create_pipe_input() as keyboard:
        # A terminal is asked where the cursor is: the toolbar is drawn when it has answered.
        keyboard.send_text(at_the_top)
        screen = Screen(keyboard, "def f()" + ENTER + "1" + ENTER + CTRL_D)
        Repl(session, input=keyboard, output=Vt100_Output(screen, lambda: Size(rows=24, columns=60))).run()
    shown = screen.getvalue()
    assert shown.index(f"%\x1b[0m{' ' * 59}\r\x1b[K") < shown.index("kal>") < shown.index("...>")
