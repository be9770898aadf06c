"""Where entries end, and entries from what is no terminal."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaleido import Session
from kaleido.diagnostics import Source, Span
from kaleido.language import parser
from kaleido.language.nodes import Operator
from kaleido.language.operators import BUILTINS, OperatorTable
from kaleido.repl.entries import LineReader, Piece, is_command, is_incomplete, split_entry, transcript_entries

INCOMPLETE = [
    "def f(x)", "1 +", "(1", "if 1 then", "var x = 1 in", "extern f(", "def f(x) # no body",
    ":list\ndef f(x)", "1\n:list\n(2", "1\n:list\n\n:list\n2 +", "1\r:list\r(", "1 )\n:list\n(2",
    "def unary ~ (x) x\n:list\n1 + ~", ":list\r\n1 +\r\n",
]  # fmt: skip
COMPLETE = [
    "1", "def f(x) x", "", "# nothing", "1 )", "1 ~ 2", "$ (", ":list (", "\x00",
    "1\n:list (", "1 +\n2\n:list (\n", ":list (\n\n  ", ":list (\n# (", "1 )\n:list (", ":list\r:list (",
]  # fmt: skip
COLON = BUILTINS.with_operator(Operator(":", 1, Span(0, 1)))


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
    assert is_incomplete("(1\n:list", COLON)
    assert not is_incomplete("(1\n:list", BUILTINS)


def test_a_command_may_stand_behind_blank_lines() -> None:
    operators = BUILTINS.with_operator(Operator(":", None, Span(0, 1)))
    assert is_incomplete("1 +\n\n :list (", operators)
    assert not is_incomplete("\n :list (", operators)


def test_commands_start_with_a_colon() -> None:
    assert is_command(":")
    assert is_command("  :list")
    assert not is_command("1 : 2")
    assert not is_command("")


def test_a_defect_of_the_parser_is_not_met_before_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaleido.language.parser._RecoveringParser._accept", lambda *_: 1 / 0)
    assert not is_incomplete("1 +", BUILTINS)
    assert list(split_entry("1 +\n:list", lambda: BUILTINS)) == [Piece("1 +\n", False), Piece("\n:list", True)]


# Transcripts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "1\nkal>2\n",
        "...> 1\n1",
        "kal>1",
        " kal> 1",
        "kal >\n1",
        "x\r\n\r\n",
        "kal\n",
        "[] kal> 1",
        "[1]kal> 1",
    ],
)
def test_any_other_text_is_no_transcript(text: str) -> None:
    assert transcript_entries(text) == []


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("kal> 1", ["1"]),
        ("kal> def f(x)\n...>   x\nkal>\nkal> f(1)\n1.0\nkal> ", ["def f(x)\n  x", "f(1)"]),
        ("kal> 1\r\n...> \r\n1.0\r\n...> + 2\r\nkal> 3\r\n", ["1\r\n\r\n+ 2", "3"]),
        ("\nkal> \nkal>\n", [""]),
        ("kal> 1\r1.0\rkal> 2", ["1", "2"]),
        ("kal> :tiers\nunit  tier\n----\nkal> 1", [":tiers", "1"]),
        ("[7] kal> def f(x)\n    ...>   x\n[8] kal>\n[10] kal> f(1)\n1.0\nkal> 2", ["def f(x)\n  x", "f(1)", "2"]),
        ("kal> kal> 1", ["kal> 1"]),
        ("Kaleido 0.1.0. `:help` shows\nkal> 1\n1.0", ["1"]),
        ("  │ ^^^ not defined\n...> 5\n\nkal> 1", ["1"]),
        ("kal> 1\n  kal> 2\nkal>3\n....> 4", ["1"]),
    ],
)
def test_the_entries_of_a_transcript(text: str, entries: list[str]) -> None:
    assert transcript_entries(text) == entries


# Pieces


def cut(text: str, operators: OperatorTable = COLON) -> list[tuple[str, bool]]:
    return [(piece.text.strip(), piece.is_command) for piece in split_entry(text, lambda: operators)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\n", []),
        ("1\n2", [("1\n2", False)]),
        ("# nothing", [("# nothing", False)]),
        ("  :list", [(":list", True)]),
        (": 1", [(": 1", True)]),
        (":list\n\n :tiers\n1\n", [(":list", True), (":tiers", True), ("1", False)]),
        ("1\n:list\n2\n:list", [("1", False), (":list", True), ("2", False), (":list", True)]),
        ("1\r\n:list\r\n2", [("1", False), (":list", True), ("2", False)]),
        ("1\r:list\r2", [("1", False), (":list", True), ("2", False)]),
        ("1\n :list", [("1\n :list", False)]),
        ("1\n: list", [("1\n: list", False)]),
        ("1\n:1\n:_", [("1\n:1\n:_", False)]),
        ("1\n:été", [("1", False), (":été", True)]),
        ("(1\n:list)\n:list", [("(1\n:list)", False), (":list", True)]),
        ("1 +\n:list", [("1 +\n:list", False)]),
        ("def f(x)\n# x\n:list\n", [("def f(x)\n# x\n:list", False)]),
        ("1 )\n:list", [("1 )", False), (":list", True)]),
        ("1 # \u2028:list", [("1 # \u2028:list", False)]),
    ],
)
def test_programs_and_commands(text: str, expected: list[tuple[str, bool]]) -> None:
    assert cut(text) == expected


@given(st.lists(st.sampled_from(["1", "(", ")", ":list", ": 1", " ", "# (", "1 +", "  :f", "\n", "\r\n", "\r"])))
def test_everything_stays_in_its_line_and_column(parts: list[str]) -> None:
    text, found = "".join(parts), set()
    whole = Source("whole", text)
    for piece in split_entry(text, lambda: COLON):
        source = Source("piece", piece.text)
        for match in re.finditer(r"\S", piece.text):
            found.add((*source.position(match.start()), match[0]))
        assert not piece.is_command or piece.text.lstrip().startswith(":")
    assert found == {(*whole.position(match.start()), match[0]) for match in re.finditer(r"\S", text)}


def test_only_what_may_end_before_a_command_is_parsed_to_be_split(monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[str] = []
    monkeypatch.setattr(parser.IncrementalParser, "feed", lambda self, text: fed.append(text))
    assert [piece.text for piece in split_entry("f(1)\n+ 2\n", lambda: BUILTINS)] == ["f(1)\n+ 2\n"]
    assert fed == []
    list(split_entry("f(1)\n+ 2\n:ir f\n", lambda: BUILTINS))
    assert fed == ["f(1)\n+ 2\n"]


def test_the_operators_are_those_of_the_moment() -> None:
    tables = [BUILTINS, BUILTINS.with_operator(Operator("~", 20, Span(0, 1)))]
    asked = split_entry("1 ~\n:list\n1 ~\n:list\n", lambda: tables[0])
    assert next(asked) == Piece("1 ~\n", False)
    assert next(asked) == Piece("\n:list\n", True)
    del tables[0]
    assert next(asked) == Piece("\n\n1 ~\n:list\n", False)
    assert next(asked, None) is None


# Lines


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


def test_the_lines_of_an_entry_are_read_once(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[str] = []
    read = parser._RecoveringParser.feed

    def note(self: parser._RecoveringParser, text: str) -> None:
        fed.append(text)
        read(self, text)

    monkeypatch.setattr(parser._RecoveringParser, "feed", note)
    lines = ["(1\n", *["+ 1\n"] * 100, ")\n"]
    assert entries(session, "".join(lines).encode()) == ["".join(lines)]
    assert fed == lines


# Lines from a terminal that can do nothing else


CTRL_C = None


def conversation(session: Session, *lines: bytes | None) -> tuple[list[str], str]:
    """The entries that are read from `lines`, in which None is Ctrl-C, and what was shown before each was read."""

    class Keyboard(Iterator[bytes]):
        def __next__(self) -> bytes:
            line = next(typed, b"")
            if line is CTRL_C:
                raise KeyboardInterrupt
            shown.append("|")
            return line

    typed, shown, found = iter(lines), list[str](), list[str]()
    reader = LineReader(session, Keyboard(), ask=shown.append, number=lambda: len(found) + 1)
    with suppress(EOFError):
        while True:
            found.append(reader.read())
    return found, "".join(shown)


def test_prompts_are_written_before_lines_are_read(session: Session) -> None:
    found, shown = conversation(session, b"\n", b"def f(x)\n", b"\n", b"x\n", b":list\n", b"# nothing\n")
    assert found == ["def f(x)\n\nx\n", ":list\n", "# nothing\n"]
    assert shown == "[1] kal> |[1] kal> |    ...> |    ...> |[2] kal> |[3] kal> |[4] kal> |\n"


def test_ctrl_c_throws_the_entry_away(session: Session) -> None:
    found, shown = conversation(session, b"def f(x)\n", CTRL_C, b"1 +\n", b"2\n", CTRL_C)
    assert found == ["1 +\n2\n"]
    assert shown == "[1] kal> |    ...> \n[1] kal> |    ...> |[2] kal> \n[2] kal> |\n"


def test_two_empty_lines_end_an_entry(session: Session) -> None:
    found, _ = conversation(session, b"1 +\n", b"\n", b"# more\n", b"\n", b" \n", b"2\n")
    assert found == ["1 +\n\n# more\n\n \n", "2\n"]


def test_without_prompts_ctrl_c_is_raised(session: Session) -> None:
    def lines() -> Iterator[bytes]:
        yield b"def f(x)\n"
        raise KeyboardInterrupt

    reader = LineReader(session, lines())
    with pytest.raises(KeyboardInterrupt):
        reader.read()


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
    assert run.returncode == 1
