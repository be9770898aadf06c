"""While somebody types: keys that recall, search and complete, notices, the toolbar, colors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import pytest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.styles import Style

from kaleido import Session
from kaleido.codegen.mangling import symbol
from kaleido.repl.display.console import Console, Size
from kaleido.repl.display.themes import THEMES, UI, color, theme_name
from kaleido.repl.entries import PROMPT
from kaleido.repl.line_editor.prompt import Prompt
from kaleido.repl.line_editor.prompt_styles import EntryLexer, styles
from kaleido.repl.settings import Settings
from kaleido.repl.state import State
from tests.repl.conftest import (
    CTRL_A,
    CTRL_C,
    CTRL_D,
    CTRL_R,
    DOWN,
    END,
    ENTER,
    ESCAPE,
    HOME,
    NEW_PROMPT,
    RIGHT,
    TAB,
    UP,
    Screen,
    SitAt,
    TypeKeys,
    pasted,
)

# Keys


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (UP, "200.0"),
        (UP + UP, "11.0"),
        ("10" + UP, "11.0"),
        ("10" + UP + UP, "12.0"),
        ("10" + UP + UP + DOWN, "11.0"),
        ("10" + UP + DOWN, "10.0"),
        ("7" + UP, "7.0"),
        (CTRL_R + "2" + ENTER, "200.0"),
        (CTRL_R + "+" + CTRL_R + ENTER + END + " * 10", "30.0"),
    ],
)
def test_entries_are_recalled_by_what_is_typed(type_keys: TypeKeys, keys: str, expected: str) -> None:
    outcome = type_keys("10 + 2", "10 + 1", "200", keys)
    assert outcome.output == f"12.0\n11.0\n200.0\n{expected}\n"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (UP + " * 3", "7.0"),
        (UP + UP + HOME + "5 + ", "8.0"),
        (UP + UP + DOWN + END + "0", "21.0"),
        (UP + UP + UP, "100.0"),
        (UP + UP + UP + DOWN + DOWN + END + "5", "26.0"),
    ],
)
def test_up_and_down_go_through_the_lines_of_an_entry(type_keys: TypeKeys, keys: str, expected: str) -> None:
    assert type_keys("100", "1 +\r2", keys).output == f"100.0\n3.0\n{expected}\n"


def test_a_recalled_entry_can_go_on(type_keys: TypeKeys) -> None:
    assert type_keys("1 +\r2", UP + " +\r3", UP).output == "3.0\n6.0\n6.0\n"


def test_a_suggestion_is_taken_with_the_right_arrow(sit_at: SitAt, capfd: pytest.CaptureFixture[str]) -> None:
    # The suggestion may be drawn after what is typed.
    sit_at((NEW_PROMPT, "12345\r"), (NEW_PROMPT, "12"), ("345", RIGHT + ENTER), (NEW_PROMPT, CTRL_D))
    assert capfd.readouterr().out == "12345.0\n12345.0\n"


def test_suggestions_can_be_switched_off(sit_at: SitAt, capfd: pytest.CaptureFixture[str]) -> None:
    screen = sit_at(
        (NEW_PROMPT, "12345\r"),
        (NEW_PROMPT, ":set suggestions off\r"),
        (NEW_PROMPT, "12"),
        ("12", "3"),
        ("3", RIGHT + ENTER),
        (NEW_PROMPT, CTRL_D),
    )
    assert capfd.readouterr().out == "12345.0\n123.0\n"
    assert "45" not in screen.plain.rpartition("suggestions off")[2]


def test_tabs_of_a_pasted_text_are_shown_as_blanks(sit_at: SitAt, capfd: pytest.CaptureFixture[str]) -> None:
    screen = sit_at(("kal>", pasted("1 +\n\t2")), ("2", ENTER), (NEW_PROMPT, CTRL_D))
    assert "^I" not in screen.plain
    assert capfd.readouterr().out == "3.0\n"


def test_the_keys_of_vi_on_request(type_keys: TypeKeys) -> None:
    outcome = type_keys("2", ":set vi on", "3", f"4{ESCAPE}kA + 5", f"12{ESCAPE}0x", ":set vi off", f"2{CTRL_A}1")
    assert (outcome.output, outcome.errors) == ("2.0\n3.0\n8.0\n2.0\n12.0\n", "")


def test_an_entry_of_several_lines_in_vi(type_keys: TypeKeys) -> None:
    outcome = type_keys(":set vi on", f"1 +\r2{ESCAPE}ggcw5{ESCAPE}jA + 10", f"{ESCAPE}kkI100 + ")
    assert (outcome.output, outcome.errors) == ("17.0\n117.0\n", "")


@pytest.mark.parametrize(
    ("typed", "completed", "rest", "printed"),
    [
        ("trip", "triplicate", "(7)", "21.0\n"),
        (":time 1 + trip", "triplicate", "(", "error: unexpected end of input"),
        (":opti", ":optimize", " triplicate", "triplicate ● -O3: "),
        (":set theme l", "light", "", ""),
        (":load dem", "demo one.kal", "", "demo one.kal: 1 definition\n"),
    ],
)
def test_tab_completes(
    sit_at: SitAt,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    completed: str,
    rest: str,
    printed: str,
) -> None:
    (tmp_path / "demo one.kal").write_text("def f(x) x")
    monkeypatch.chdir(tmp_path)
    sit_at(
        (NEW_PROMPT, "def triplicate(x) 3*x\r"),
        (NEW_PROMPT, typed),
        (typed, TAB),
        (completed.removeprefix(typed.rpartition(" ")[2]), rest),
        # A blank is not drawn where the screen has one already.
        (rest.lstrip(), ENTER),
        (NEW_PROMPT, CTRL_D),
    )
    output, errors = capfd.readouterr()
    assert (output + errors.partition("\n")[2]).startswith(printed)
    assert bool(output + errors.partition("\n")[2]) == bool(printed)


# Notices


def optimize(session: Session, *names: str) -> None:
    for name in names:
        session.engine.optimize(symbol(name))


def test_a_swap_is_told_above_what_is_typed(sit_at: SitAt, session: Session, capfd: pytest.CaptureFixture[str]) -> None:
    notice = "f: ● -O3 on request, in "
    screen = sit_at(
        (NEW_PROMPT, "def f(x) x + 1\r"),
        (NEW_PROMPT, "f(4)"),
        ("kal> f(4)", lambda: optimize(session, "f")),
        (notice, ""),
        ("kal> f(4)", ENTER),
        (NEW_PROMPT, CTRL_D),
    )
    assert re.search(rf"{notice}[\d.]+ ms\r\n", screen.plain)
    assert screen.plain.count(notice) == 1
    assert capfd.readouterr().out == "5.0\n"


def test_an_entry_of_several_lines_stays_below_a_notice(
    sit_at: SitAt, session: Session, capfd: pytest.CaptureFixture[str]
) -> None:
    session.run("def f(x) x + 1")
    screen = sit_at(
        (NEW_PROMPT, "1 +\r20 +"),
        ("...> 20 +", lambda: optimize(session, "f")),
        ("f: ● -O3 on request", ENTER + "300" + ENTER),
        (NEW_PROMPT, CTRL_D),
    )
    assert "kal> 1 +" in screen.plain.partition("f: ● -O3 on request")[2]
    assert capfd.readouterr().out == "321.0\n"


def test_what_another_thread_makes_invalid_is_told(
    sit_at: SitAt, session: Session, capfd: pytest.CaptureFixture[str]
) -> None:
    session.run("def f(x) x + 1; def g(x) f(x) * 2; g(1)")
    optimize(session, "g")
    redefining = Thread(target=session.run, args=("def f(x) x + 2",))
    screen = sit_at(
        (NEW_PROMPT, "g(20)"),
        ("g(20)", redefining.start),
        ("g deoptimized, ● -O3 → ○ -O0: f has changed", ""),
        (" of version 1 freed", ""),
        ("kal> " + "g(20)", ENTER),
        (NEW_PROMPT, CTRL_D),
    )
    redefining.join()
    assert re.search(r"f: [\d,]+ bytes of ○ -O0 code of version 1 freed", screen.plain)
    assert capfd.readouterr().out == "44.0\n"


def test_of_many_notices_a_few_are_shown(sit_at: SitAt, session: Session) -> None:
    names = [f"f{number}" for number in range(10)]
    session.run("".join(f"def {name}(x) x + 1;" for name in names))
    screen = sit_at(
        (NEW_PROMPT, "1"),
        ("1", lambda: optimize(session, *names)),
        ("… and 4 more swapped: `:tiers` shows them", ENTER),
        (NEW_PROMPT, CTRL_D),
    )
    assert re.findall(r"(f\d): ● -O3 on request", screen.plain) == names[:6]
    # The prompt is not drawn again for each of them.
    assert PROMPT not in screen.plain[screen.plain.index("f0: ● -O3") : screen.plain.index("… and 4 more")]


def test_notices_can_be_switched_off(sit_at: SitAt, session: Session) -> None:
    session.run("def f(x) x + 1; def g(x) x + 2")
    screen = sit_at(
        (NEW_PROMPT, ":set notices off\r"),
        (NEW_PROMPT, "1"),
        ("1", lambda: optimize(session, "f")),
        ("", ENTER),
        (NEW_PROMPT, ":set notices on\r"),
        (NEW_PROMPT, "2"),
        ("2", lambda: optimize(session, "g")),
        ("g: ● -O3", ENTER),
        (NEW_PROMPT, CTRL_D),
    )
    assert "f: ● -O3" not in screen.plain


def test_what_an_entry_brings_about_is_told_before_the_next_prompt(sit_at: SitAt, session: Session) -> None:
    screen = sit_at(
        (NEW_PROMPT, "def f(x) x + 1\r"),
        (NEW_PROMPT, ":optimize f\r"),
        (NEW_PROMPT, "for i = 0, i < 100000 in f(i)\r"),
        (NEW_PROMPT, "def f(x) x + 2\r"),
        (NEW_PROMPT, CTRL_D),
    )
    # The command itself has reported it.
    assert "on request" not in screen.plain
    for line in (
        r"entry-3\.for@1:1: hot at 10,000 iterations; ● -O3 [\d.]+ ms later",
        r"f: \d+ bytes of (○ -O0 code of |● -O3 code of )?version 1 freed",
    ):
        assert re.search(rf"{NEW_PROMPT} *\r{line}\r\n\[\d\] kal>", screen.plain)
    # A loop at top level is gone with its entry, which is no news.
    assert screen.plain.count("freed") == 1


# The toolbar


@contextmanager
def toolbar_of(session: Session, columns: int) -> Iterator[Prompt]:
    settings = Settings()
    console = Console(settings, interactive=True, size=lambda: Size(columns, 24))
    with create_pipe_input() as keyboard:
        state = State(session, console, settings)
        with closing(Prompt(state, save_history=False, input=keyboard, output=DummyOutput())) as prompt:
            yield prompt


def toolbar(session: Session, typed: str, columns: int = 80) -> StyleAndTextTuples:
    with toolbar_of(session, columns) as prompt:
        prompt._prompt.default_buffer = Buffer(document=Document(typed))
        return prompt._toolbar()


def plain(fragments: StyleAndTextTuples) -> str:
    return "".join(each[1] for each in fragments)


STATUS = " 0 at ○ -O0 · 0 at ● -O3 · recompiler idle "


@pytest.mark.parametrize(
    ("typed", "shown", "current"),
    [
        ("", STATUS, None),
        ("add", STATUS, None),
        ("add(", f" add(a b) {STATUS}", "a"),
        ("add(1, ", f" add(a b) {STATUS}", "b"),
        ("add(1, 2, ", f" add(a b) takes 2 arguments {STATUS}", None),
        ("one(", f" one() {STATUS}", None),
        ("one(1, ", f" one() takes 0 arguments {STATUS}", None),
        ("add(sin(", f" sin(x) {STATUS}", "x"),
        ("add(nothing(", STATUS, None),
        ("add(1, 2)", STATUS, None),
        (":time add(", f" add(a b) {STATUS}", "a"),
    ],
)
def test_the_toolbar_has_the_call_and_the_tiers(session: Session, typed: str, shown: str, current: str | None) -> None:
    session.run("def add(a b) a + b def one() 1")
    fragments = toolbar(session, typed, 100)
    assert plain(fragments) == shown
    marked = [each[1] for each in fragments if each[0] == "class:signature.parameter"]
    assert marked == ([current] if current else [])


def test_the_toolbar_has_the_mode_of_vi(session: Session) -> None:
    with toolbar_of(session, 80) as prompt:
        prompt._state.settings["vi"] = "on"
        prompt._apply_settings()
        assert plain(prompt._toolbar()) == f" insert ·{STATUS}"
        prompt._prompt.app.vi_state.input_mode = InputMode.NAVIGATION
        assert plain(prompt._toolbar()) == f" normal ·{STATUS}"


def test_an_entry_that_is_dropped_is_marked(sit_at: SitAt) -> None:
    screen = sit_at((NEW_PROMPT, "1 + 2"), ("2", CTRL_C), ("^C", ""), (NEW_PROMPT, CTRL_C), (NEW_PROMPT, CTRL_D))
    *_, empty, _ = screen.plain.split(NEW_PROMPT)
    assert "^C" not in empty


def test_where_there_is_no_room_the_toolbar_has_the_call_only(session: Session) -> None:
    session.run("def add(first second) first + second")
    assert plain(toolbar(session, "add(", 40)) == " add(first second) "
    assert plain(toolbar(session, "add(", 64)) == f" add(first second) {STATUS}"
    assert plain(toolbar(session, "add", 20)) == STATUS


def test_the_toolbar_is_on_the_screen_and_can_be_switched_off(sit_at: SitAt) -> None:
    screen = sit_at(
        (NEW_PROMPT, "def add(a b) a + b\r"),
        (NEW_PROMPT, ""),
        ("0 at ○ -O0 · 0 at ● -O3 · recompiler idle", "add(1, "),
        ("add(1,", "2)\r"),
        (NEW_PROMPT, ":set toolbar off\r"),
        (NEW_PROMPT, "add(1, "),
        ("add(1,", "2)\r"),
        (NEW_PROMPT, CTRL_D),
    )
    assert "\x1b[0;1;4;7mb" in screen.getvalue()
    off = screen.plain.rpartition(":set toolbar off")[2]
    assert "idle" not in off.partition(NEW_PROMPT)[2]
    assert "add(a" not in off


# Colors


def painted(text: str) -> list[tuple[str, str]]:
    """The pieces of a text that have a style, and what it is."""
    lines = EntryLexer().lex_document(Document(text))
    found = [lines(number) for number in range(text.count("\n") + 1)]
    assert "\n".join(map(plain, found)) == text
    return [(each[1], each[0].removeprefix("class:pygments.")) for line in found for each in line if each[1].strip()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(x) x", [("def", "keyword"), ("f", "name.function")]),
        ("x + 1.2.3", [("1.2.3", "error")]),
        ("if f(x", [("if", "keyword"), ("f", "name.function")]),
        ("sin(1) # all", [("sin", "name.builtin"), ("1", "literal.number.float"), ("# all", "comment.single")]),
        (":list", [(":list", "keyword.pseudo")]),
        ("  :time 2", [("  :time", "keyword.pseudo"), ("2", "literal.number.float")]),
        (":load def 2", [(":load", "keyword.pseudo")]),
        (":nothing def", [(":nothing", "keyword.pseudo")]),
        (":list\ndef", [(":list", "keyword.pseudo"), ("def", "keyword")]),
        ("kal> 1\n1.0", [("kal> ", "generic.prompt"), ("1", "literal.number.float"), ("1.0", "generic.output")]),
        ("kal> :list\n...> 1", [("kal> ", "generic.prompt"), (":list", "keyword.pseudo"), ("...> ", "generic.prompt")]),
        ("\n\n", []),
    ],
)
def test_what_is_typed_has_its_colors(text: str, expected: list[tuple[str, str]]) -> None:
    plainly = ("name.variable", "operator", "punctuation", "text", "")
    assert [each for each in painted(text) if each[1] not in plainly] == expected


@pytest.mark.parametrize("name", THEMES)
def test_every_style_is_one_for_the_prompt_and_for_the_terminal(name: str) -> None:
    assert styles(name).style_rules
    for kind, style in THEMES[name].items():
        match = re.fullmatch(r"\x1b\[([0-9;]+)mx\x1b\[0m", color([(kind, "x")], THEMES[name]))
        assert match is not None
        assert match[1].count(";") == style.count(" ")


def test_every_part_of_the_prompt_has_a_style_that_exists() -> None:
    rules = dict(styles("either").style_rules)
    assert {name: rules[name] for name in UI} == dict(UI)
    for style in UI.values():
        Style.from_dict({"each": style}).get_attrs_for_style_str("class:each")


@pytest.mark.parametrize(
    ("terminal", "expected"),
    [
        ("15;0", "dark"),
        ("0;15", "light"),
        ("0;default;7", "light"),
        ("7;8", "dark"),
        ("12;default", "either"),
        ("", "either"),
        ("0;", "either"),
        ("0;-1", "either"),
    ],
)
def test_the_theme_is_guessed_from_the_background(
    monkeypatch: pytest.MonkeyPatch, terminal: str, expected: str
) -> None:
    monkeypatch.setenv("COLORFGBG", terminal)
    assert theme_name("auto") == expected
    assert theme_name("auto", "light") == "light"
    assert theme_name("dark", "light") == "dark"


def colors(screen: Screen) -> set[int]:
    """The parameters of what was drawn that choose a color."""
    found = re.findall(r"\x1b\[([0-9;]*)m", screen.getvalue())
    numbers = {int(number) for each in found for number in each.split(";") if number}
    return {number for number in numbers if 30 <= number <= 49 or 90 <= number <= 107}


@pytest.mark.parametrize(
    ("color", "variable", "is_colored"),
    [
        ("always", "", True),
        ("always", "NO_COLOR", True),
        ("never", "FORCE_COLOR", False),
        ("auto", "NO_COLOR", False),
        ("auto", "FORCE_COLOR", True),
    ],
)
def test_colors_are_shown_where_they_are_wanted(
    sit_at: SitAt, monkeypatch: pytest.MonkeyPatch, color: str, variable: str, is_colored: bool
) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")
    transcript = pasted("kal> def f(x) 1 # one\nkal> sin(2)")
    screen = sit_at((NEW_PROMPT, f"{transcript}\r"), ("sin(2)", CTRL_D), color=color)
    assert bool(colors(screen)) == is_colored
