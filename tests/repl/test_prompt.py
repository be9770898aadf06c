"""Typing at the prompt: where Enter runs and where it continues, values, errors, Ctrl-C and Ctrl-D."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from kaleido import Session
from kaleido.diagnostics import Source
from kaleido.jit import Event, EventKind
from kaleido.repl import Repl
from tests.repl.conftest import ALT_ENTER, CTRL_C, CTRL_D, ENTER, LEFT, UP, Outcome, TypeKeys, pasted


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


# Pasting


def test_a_pasted_program_is_one_entry(type_keys: TypeKeys) -> None:
    outcome = type_keys(pasted("def f(x)\n\n  x + 1\n\nf(1)\nf(2)\n"), UP)
    assert (outcome.output, outcome.errors) == ("2.0\n3.0\n" * 2, "")


def test_programs_and_commands_may_be_pasted_together(type_keys: TypeKeys) -> None:
    outcome = type_keys(pasted("def f(x) x + 1\n:ast 5\nf(1)\n:set values off\nf(2)\n:undo\n"), "f(1)")
    assert outcome.output == "Number 5.0\n2.0\nremoved f\n"
    assert outcome.errors.startswith("error: unknown function `f`\n  ┌ <entry 2>:1:1\n")


def test_a_command_that_fails_does_not_stop_what_was_pasted_with_it(type_keys: TypeKeys) -> None:
    outcome = type_keys(pasted("1\n:nothing\n2 $\n:ast 5\n3"))
    assert outcome.output == "1.0\nNumber 5.0\n3.0\n"
    assert [line for line in outcome.errors.splitlines() if "┌" in line] == [
        "  ┌ <entry 1>:2:1",
        "  ┌ <entry 1>:3:3",
    ]


TRANSCRIPT = (
    "kal> def f(x)\n...>   x + 1\nkal> f(1)\n7.0\nkal> nothing\nkal> :set values off\nkal> f(2)\nkal> printd(3)\n"
)


def test_a_pasted_transcript_runs_entry_by_entry(type_keys: TypeKeys) -> None:
    outcome = type_keys(pasted(TRANSCRIPT))
    assert outcome.output == "2.0\n3.000000\n"
    assert outcome.errors.startswith("error: unknown variable `nothing`\n  ┌ <entry 3>:1:1\n")
    assert outcome.errors.count("error: ") == 1


def test_a_transcript_with_numbers_runs_the_same(type_keys: TypeKeys) -> None:
    number = iter(range(8, 20))
    numbered = re.sub("(?m)^kal>", lambda _: f"[{next(number)}] kal>", TRANSCRIPT).replace("...>", "    ...>")
    assert "[11] kal> :set" in numbered
    assert type_keys(pasted(numbered)) == type_keys(pasted(TRANSCRIPT))


def test_messages_name_the_number_in_the_prompt(session: Session, state_home: Path) -> None:
    with create_pipe_input() as keyboard:
        keyboard.send_text("1" + ENTER + "" + ENTER + "nothing" + ENTER + CTRL_D)
        screen = StringIO()
        output = Vt100_Output(screen, lambda: Size(rows=24, columns=60))
        Repl(session, input=keyboard, output=output).run()
    shown = screen.getvalue()
    assert shown.index("[1] kal> ") < shown.index("[2] kal> ") < shown.index("[3] kal> ")
    assert "[4] kal>" not in shown


def test_a_transcript_of_one_entry_loses_its_prompt(type_keys: TypeKeys) -> None:
    outcome = type_keys(pasted("kal> 1 +\n...> 2\n3.0\n"), UP + " * 5")
    assert (outcome.output, outcome.errors) == ("3.0\n11.0\n", "")


@pytest.mark.parametrize(("keys", "value"), [(UP, "30.0"), (UP + UP, "20.0"), (UP + UP + UP, "10.0")])
def test_each_entry_of_a_transcript_is_in_the_history(type_keys: TypeKeys, keys: str, value: str) -> None:
    outcome = type_keys(pasted("kal> 10\nkal> 20\nkal> 30"), keys)
    assert outcome.output == f"10.0\n20.0\n30.0\n{value}\n"


def test_an_unfinished_entry_of_a_transcript_is_an_error(type_keys: TypeKeys) -> None:
    outcome = type_keys(pasted("kal> 1 +\nkal> 2"))
    assert outcome.output == "2.0\n"
    assert outcome.errors.startswith("error: unexpected end of input\n")


def test_an_interruption_drops_the_rest_of_a_transcript(type_keys: TypeKeys, session: Session) -> None:
    def interrupt(event: Event) -> None:
        if event.kind is EventKind.SWAPPED:
            # The loop has become hot, and runs until somebody stops it; the engine's lock is held.
            Thread(target=session.interrupt).start()

    session.subscribe(interrupt)
    outcome = type_keys(pasted("kal> 1\nkal> for i = 0, 1 in 0\nkal> 2\nkal> 3"), "4")
    assert outcome.output == "1.0\n4.0\n"
    # In the loop, or on the way from one iteration to the next.
    assert re.fullmatch(r"interrupted (in the loop )?at <entry 2>:1\n", outcome.errors)


# The last value


def test_the_last_value(type_keys: TypeKeys) -> None:
    outcome = type_keys("3", "_ * 2", "for i = 0, i < 2 in i", "_ + 1", "nothing", "_", "def f(x) x", "_ _ + 1 _")
    assert outcome.output == "3.0\n6.0\n7.0\n7.0\n7.0\n8.0\n8.0\n"


def test_before_any_value_and_after_reset_there_is_no_last_value(type_keys: TypeKeys) -> None:
    outcome = type_keys("_", "5 _", ":reset", "_")
    assert outcome.output.startswith("5.0\n5.0\nremoved 2 expressions: `:undo` restores them\n")
    places = [line for line in outcome.errors.splitlines() if "┌" in line]
    assert places == ["  ┌ <entry 1>:1:1", "  ┌ <entry 4>:1:1"]


def test_the_last_value_is_kept_where_none_are_shown(type_keys: TypeKeys) -> None:
    assert type_keys("5", "_ : printd(_)", quiet=True).output == "5.000000\n"


# The init file


def init_file(state_home: Path, text: str) -> Path:
    path = state_home / "config" / "kaleido" / "init.kal"
    path.parent.mkdir(parents=True)
    path.parent.chmod(0o700)
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_init_file_has_definitions_and_options(type_keys: TypeKeys, state_home: Path) -> None:
    init_file(state_home, "def f(x) x + 1\n:set values off\nnothing\n:set vi on\n")
    outcome = type_keys("printd(f(1))", "2")
    assert outcome.output == "2.000000\n"
    assert outcome.errors.startswith("error: unknown variable `nothing`\n  ┌ ")
    assert "init.kal:3:1\n" in outcome.errors


def test_the_init_file_belongs_to_the_initial_state(type_keys: TypeKeys, state_home: Path) -> None:
    init_file(state_home, "def mine(x) x * 2\ndef binary ~ 50 (a b) a - b\n:set values off\nmine(1)\n")
    path = state_home / "saved.kal"
    keys = [
        ":undo",
        "mine(3) ~ 1",
        ":reset",
        "def mine(x) x",
        f":save {path}",
        ":reset",
        "printd(mine(3) ~ 1)",
        ":list",
    ]
    outcome = type_keys(*keys)
    assert outcome.errors.startswith("error: nothing to undo\n")
    assert outcome.output.startswith(
        f"removed 1 expression: `:undo` restores it\nsaved 1 definition to `{path}`\n"
        "removed 1 function: `:undo` restores it\n5.000000\n"
    )
    assert "def mine(x) x * 2" in outcome.output
    assert path.read_text() == "def mine(x) x;\n"


def test_save_says_what_needs_the_init_file(type_keys: TypeKeys, state_home: Path) -> None:
    init_file(state_home, "def mine(x) x * 2")
    path = state_home / "saved.kal"
    saved = type_keys("def f(x) x", f":save {path}", "def f(x) mine(x)", f":save {path}")
    assert saved.output.count("saved ") == 2
    assert saved.errors == (
        f"warning: `{path}` needs your init.kal, which `kaleido {path}` does not run: unknown function `mine`\n"
    )


def test_the_init_file_can_replace_functions_of_the_prelude(type_keys: TypeKeys, state_home: Path) -> None:
    init_file(state_home, "def sqrt(x) x")
    assert type_keys("sqrt(4)", "def sqrt(x) 0", ":reset", "sqrt(4)", ":undo", "sqrt(4)").output.split("\n")[::2][
        :3
    ] == [
        "4.0",
        "4.0",
        "0.0",
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (":set vi off\n:set nosuch 3\ndef sq(x) x\ndef bad(\n", "only this has run: 1 command"),
        ("def sq(x) x; 1; nothing; 2", "only this has run: 1 definition, 1 expression"),
        ("def bad(", "nothing has run"),
    ],
)
def test_an_init_file_with_errors_says_what_has_run(
    type_keys: TypeKeys, state_home: Path, text: str, kept: str
) -> None:
    path = init_file(state_home, text)
    outcome = type_keys("2")
    assert outcome.errors.endswith(f"{path}: {kept}\n")
    assert outcome.output.endswith("2.0\n")


def test_the_init_file_can_be_left_out(type_keys: TypeKeys, state_home: Path) -> None:
    init_file(state_home, "printd(1)")
    assert type_keys("2", run_init=False).output == "2.0\n"


@pytest.mark.parametrize("mode", [0o620, 0o602])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_an_init_file_that_others_can_write_to_is_not_run(
    type_keys: TypeKeys, state_home: Path, mode: int, what: str
) -> None:
    path = init_file(state_home, "printd(1)")
    unsafe = path if what == "file" else path.parent
    unsafe.chmod(mode | (0o100 if unsafe is path.parent else 0))
    outcome = type_keys("2")
    assert outcome.output == "2.0\n"
    assert outcome.errors == f"warning: init.kal is not run: others can write to {unsafe}\n"


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
        if "recompiler idle" in text:
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
