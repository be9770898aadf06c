"""What Tab offers, and what is told about a call."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.document import Document

from kaleido import Session
from kaleido.repl.commands import COMMANDS
from kaleido.repl.commands.topics import TOPICS
from kaleido.repl.display.console import Console
from kaleido.repl.line_editor.completion import EntryCompleter
from kaleido.repl.line_editor.signatures import OpenCall, open_call
from kaleido.repl.settings import OPTIONS, Settings
from kaleido.repl.state import State


def completions(session: Session, text: str, after: str = "") -> list[Completion]:
    """What is offered between two texts."""
    session.run("def triple(x) 3 * x\ndef count(n) for i = 1, i < n in i")
    settings = Settings()
    state = State(session, Console(settings, interactive=False), settings)
    return list(EntryCompleter(state).get_completions(Document(text + after, len(text)), CompleteEvent()))


def offered(session: Session, text: str, after: str = "") -> list[str]:
    return [completion.text for completion in completions(session, text, after)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":", list(COMMANDS)),
        (":l", ["list", "load"]),
        ("  :q", ["quit"]),
        (":ir tri", ["triple"]),
        (":ir binary|", ["binary|"]),
        (":ir triple O", ["O0", "O3"]),
        (":ir count", ["count", "count.for@2:14"]),
        (":edit count", ["count"]),
        (":ir triple O3 ", []),
        (":diff triple ", ["ir", "asm"]),
        (":help una", ["unary"]),
        (":help :un", [":undo"]),
        (":list ", []),
        (":nothing x", []),
        (":set ", list(OPTIONS)),
        (":set the", ["theme"]),
        (":set theme d", ["dark"]),
        (":set vi ", ["off", "on"]),
        (":set nothing ", []),
        (":time tri", ["triple"]),
        (":time 1 + (tri", ["triple"]),
        (":time   var try = 1 in 2 + tr", ["triple", "trunc", "try"]),
        ("1 + tri", ["triple"]),
        ("th", ["then"]),
        ("def f(x) el", ["else"]),
        ("bin", ["binary"]),
        ("12tri", []),
        ("1 + \ntri", ["triple"]),
        ("def f(total) tot", ["total"]),
        ("def f(total) triple(1, tot", ["total"]),
    ],
)
def test_offers(session: Session, text: str, expected: list[str]) -> None:
    found = offered(session, text)
    assert found == expected


def test_names_behind_the_cursor_are_offered(session: Session) -> None:
    assert offered(session, "def f(x) var t = ot in ", "other")[-1] == "other"
    assert offered(session, "oth", " + other") == ["other"]


def test_every_subject_has_completion(session: Session) -> None:
    assert {*TOPICS, *COMMANDS} <= set(offered(session, ":help "))


def test_the_last_value_is_offered(session: Session) -> None:
    assert "_" not in offered(session, "")
    session.variables["_"] = 1.0
    assert "_" in offered(session, "1 + ")


def test_files(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo one.kal").write_text("")
    (tmp_path / "demo two.kal").write_text("")
    monkeypatch.chdir(tmp_path)
    assert offered(session, ":load dem") == ["o one.kal", "o two.kal"]
    assert offered(session, ":load demo t") == ["wo.kal"]
    assert offered(session, f":save {tmp_path}/demo o") == ["ne.kal"]
    assert offered(session, ":reload dem") == []


def test_a_function_is_shown_with_its_parameters(session: Session) -> None:
    [completion] = completions(session, "tripl")
    assert completion.display_text == "triple(x)"


def test_a_command_is_shown_with_what_it_does(session: Session) -> None:
    [completion] = completions(session, ":qui")
    assert (completion.display_text, completion.display_meta_text) == (":quit", COMMANDS["quit"].summary)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("f(", OpenCall("f", 0)),
        ("f(1, ", OpenCall("f", 1)),
        ("f(g(1, 2), ", OpenCall("f", 1)),
        ("f(g(1, 2", OpenCall("g", 1)),
        ("f((1 + 2", OpenCall("f", 0)),
        ("f(1)", None),
        ("def f(x", None),
        ("extern f(x y", None),
        ("if (1", None),
        ("f(if (1", OpenCall("f", 0)),
        ("f # comment (\n (1, # 2, (\n", OpenCall("f", 1)),
        ("1 , 2) f(", OpenCall("f", 0)),
        ("f(var x = 1, y = g(1,", OpenCall("g", 1)),
    ],
)
def test_what_is_being_called(text: str, expected: OpenCall | None) -> None:
    assert open_call(text) == expected


def test_options_and_topics_have_descriptions(session: Session) -> None:
    described = {each.text: each.display_meta_text for each in completions(session, ":set ")}
    assert described == {name: option.description for name, option in OPTIONS.items()}
    described = {each.text: each.display_meta_text for each in completions(session, ":help ")}
    assert described["loops"] == TOPICS["loops"].title
    assert described[":tiers"] == COMMANDS["tiers"].summary
    assert all(described.values())


def test_own_functions_are_offered_first(session: Session) -> None:
    assert offered(session, "")[0] == "triple"
