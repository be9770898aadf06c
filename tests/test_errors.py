"""Every error message as it is shown: each program in tests/language/errors, against the golden file beside it.

A program is run in a session of its own. A line `# entry` separates two entries, so that the second is run after an
error in the first. `pytest tests/test_errors.py --update` rewrites the golden files; read them before committing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kaleido
from kaleido.diagnostics import (
    COLORED,
    Diagnostic,
    IncompleteInput,
    KaleidoError,
    Label,
    ParseError,
    SemanticError,
    Source,
    Span,
    render,
)
from kaleido.diagnostics.rendering import WIDEST
from kaleido.language.parser import parse
from kaleido.session import Session
from tests.test_language import ERRORS, expectations, name, programs, read

PACKAGE = Path(kaleido.__file__).parent

# Titles that no small program causes.
ELSEWHERE = {
    "too many parameters",  # test_session.py
    "too many variables",  # test_session.py
    "`extern` is switched off (--no-extern)",  # test_trust.py
    "`.+` is not defined, and the running program could call it",  # only between threads
    "not enough stack.+",  # test_faults.py
    "recursion too deep.+ (about .+ calls)",  # test_faults.py
}


def shown(program: Path) -> str:
    """The messages that a program's run writes to standard error."""
    entries = re.split(r"(?m)^# entry\n", read(program))
    messages = []
    with Session(jit="O0") as session:
        for number, entry in enumerate(entries, start=1):
            source = Source(program.name if len(entries) == 1 else f"<entry {number}>", entry)
            try:
                list(session.evaluate(source))
            except KaleidoError as error:
                messages.append(f"{error}\n")
    return "\n".join(messages)


@pytest.mark.parametrize("program", ERRORS, ids=lambda path: path.stem)
def test_message(program: Path, request: pytest.FixtureRequest) -> None:
    golden, message = program.with_suffix(".txt"), shown(program)
    assert message.startswith("error: ")
    if request.config.getoption("--update"):
        golden.write_text(message, "utf-8")
    assert message == golden.read_text("utf-8")


# Every message has a golden file


def _pattern(title: ast.expr) -> str | None:
    """A regular expression for the values of a string expression; None for other expressions."""
    match title:
        case ast.Constant(str(text)):
            return re.escape(text)
        case ast.JoinedStr(parts):
            return "".join(_pattern(part) or ".+" for part in parts)
        case _:
            return None


def _titles(path: Path) -> Iterator[str]:
    """The titles in a file: first arguments of calls that make a diagnostic, and strings assigned to `title`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Call(ast.Name(name) | ast.Attribute(attr=name), [first, *_]) if name in _MAKERS:
                title = _pattern(first)
            case ast.Assign([ast.Name("title")], value):
                title = _pattern(value)
            case _:
                title = None
        if title is not None:
            yield title


_MAKERS = {"Diagnostic", "report", "_report", "fail"}


def test_every_message_has_a_golden_file() -> None:
    folders = ("", "session/", "language/", "codegen/")
    files = [path for folder in folders for path in PACKAGE.glob(f"{folder}*.py")]
    titles = {title for path in files for title in _titles(path)}
    assert len(titles) > 20
    messages = "\n".join(program.with_suffix(".txt").read_text("utf-8") for program in ERRORS)
    seen = re.findall(r"(?m)^error: (.*)$", messages)
    unseen = {title for title in titles if not any(re.fullmatch(title, each) for each in seen)}
    assert unseen == {title for title in titles if title.replace("\\", "") in ELSEWHERE}


# Errors that are reported together


def titles(error: KaleidoError) -> list[str]:
    return [diagnostic.title for diagnostic in error.diagnostics]


def test_an_error_has_all_diagnostics() -> None:
    with Session(jit="O0") as session, pytest.raises(SemanticError) as raised:
        session.run("def f(x) y\ndef g(x) f(x) + z")
    assert titles(raised.value) == ["unknown variable `y`", "unknown variable `z`"]
    assert raised.value.diagnostic is raised.value.diagnostics[0]


def test_items_after_an_error_are_only_checked(capfd: pytest.CaptureFixture[str]) -> None:
    with Session(jit="O0") as session:
        session.run("def f(x) x + 1")
        with pytest.raises(SemanticError) as raised:
            session.run("def before(x) x; y; printd(1); def f(x y) x; def after(x) x; def binary@ 5 (a b) a; z")
        assert titles(raised.value) == ["unknown variable `y`", "unknown variable `z`"]
        assert "before" in session and "after" not in session and "binary@" not in session
        assert session.run("f(1)") == 2.0
        with pytest.raises(ParseError, match="unknown operator `@`"):
            session.run("1 @ 2")
    assert capfd.readouterr().out == ""


def test_results_come_before_the_error_that_stops_them() -> None:
    with Session(jit="O0") as session:
        results = session.evaluate(Source("test", "1\n2\ny\n3\nz"))
        assert [next(results).value, next(results).value] == [1.0, 2.0]
        with pytest.raises(SemanticError) as raised:
            next(results)
    assert titles(raised.value) == ["unknown variable `y`", "unknown variable `z`"]


WHILE_RUNNING = (
    "is called before it is defined",
    "is declared, and not defined",
    "recursion too deep",
    "not enough stack",
)


@pytest.fixture(scope="module")
def untouched() -> Iterator[Session]:
    """A session in which nothing is defined."""
    with Session(jit="O0") as session:
        yield session
        assert session.functions() == []


@pytest.mark.parametrize("program", programs(), ids=name)
def test_a_program_has_the_same_errors_whether_checked_or_run(program: Path, untouched: Session) -> None:
    expected = expectations(program).error
    with pytest.raises(KaleidoError) as raised:
        untouched.run("nowhere\n" + read(program))
    if isinstance(raised.value, ParseError):
        assert expected is not None and expected in titles(raised.value)[0]
        return
    first, *others = titles(raised.value)
    assert first == "unknown variable `nowhere`"
    if expected is None or any(title in expected for title in WHILE_RUNNING):
        assert others == []
    else:
        assert expected in others[0]


def test_a_runtime_error_is_reported_alone() -> None:
    with Session(jit="O0") as session, pytest.raises(KaleidoError) as raised:
        session.run("def f(x) g(x)\nf(1)\nmissing(1)\ndef g(x) x")
    assert titles(raised.value) == ["`g` is called before it is defined"]


def test_lowering_without_running_reports_the_same_errors() -> None:
    with Session(jit="O0") as session, pytest.raises(SemanticError) as raised:
        list(session.units(Source("test", "def f(x) x\ndef g(x) y\ndef h(x) z")))
    assert titles(raised.value) == ["unknown variable `y`", "unknown variable `z`"]


@pytest.mark.parametrize(
    ("text", "incomplete"),
    [
        ("def f(x)", True),
        ("1\ndef f(x) (x", True),
        ("def f(x, y)", False),
        ("def f(x) 1.2.3 + (", False),
        ("1 )\ndef f(x) (x", False),
        ("def f(x) ) (", False),
    ],
)
def test_only_the_beginning_of_a_valid_text_is_incomplete(text: str, incomplete: bool) -> None:
    with pytest.raises(ParseError) as raised:
        parse(Source("test", text))
    assert isinstance(raised.value, IncompleteInput) == incomplete


def test_many_errors_in_a_long_text() -> None:
    with pytest.raises(ParseError) as raised:
        parse(Source("test", "def f(x) {[\n" * 2_000))
    assert len(raised.value.diagnostics) == 2_000
    assert str(raised.value).count("error: ") == 20
    assert str(raised.value).endswith("\n\nand 1,980 more errors")


# Rendering


def under_carets(line: str, span: Span) -> tuple[str, str]:
    """The line of source that a message shows, and the carets under it."""
    _, _, shown, carets = render([Diagnostic("title", Source("test", line), span)]).split("\n")
    return shown.removeprefix("1 │ "), carets.removeprefix("  │ ")


@pytest.mark.parametrize(
    ("line", "marked", "carets"),
    [
        ("ab cd", "cd", "   ^^"),
        ("日本 cd", "cd", "     ^^"),
        ("ab 日本", "日本", "   ^^^^"),
        ("e\u0301e\u0301 cd", "cd", "   ^^"),
        ("ab e\u0301e\u0301", "e\u0301e\u0301", "   ^^"),
        ("a\u200bb cd", "cd", "   ^^"),
        ("👩\u200d👩\u200d👧 cd", "cd", "   ^^"),
        ("\tab\tcd", "cd", "\t  \t^^"),
        ("f(\ta)", "f(\ta)", "^^\t^^"),
        ("a\x00\x1b cd", "cd", "    ^^"),
    ],
)
def test_carets_are_as_wide_as_the_text_above(line: str, marked: str, carets: str) -> None:
    start = line.index(marked)
    assert under_carets(line, Span(start, start + len(marked)))[1] == carets


def test_control_characters_are_replaced() -> None:
    hostile = "a\x1b[31m\x07\x7f\x85\x9b\u202e\u2066\u2028\ufeff\ud800 b"
    title = render([Diagnostic("\x1b[2J `\x9b`", Source("\x07", ""), Span(0, 0))])
    assert title.splitlines()[:2] == ["error: ␛[2J `�`", "  ┌ ␇:1:1"]
    assert under_carets(hostile, Span(0, 1))[0] == "a␛[31m␇␡" + "�" * 7 + " b"


@pytest.mark.parametrize("position", [0, 5, 2_500, 4_999])
@pytest.mark.parametrize("letter", ["x", "本", "\t", "e\u0301"])
def test_a_window_of_a_long_line_is_shown(position: int, letter: str) -> None:
    line = letter * position + "HERE" + letter * 5_000
    start = position * len(letter)
    shown, carets = under_carets(line, Span(start, start + 4))
    assert shown.count("HERE") == 1
    assert shown.endswith("…")
    assert shown.startswith("…") == (position > 5)
    assert len(shown) <= 2 * WIDEST + 2
    assert carets.endswith("^^^^")


def test_labels_on_one_line_share_its_source() -> None:
    source, other = Source("one", "def f(x x) x\nf(1)"), Source("two", "f")
    places = (Label(source, Span(6, 7), "first"), Label(source, Span(13, 17), "later"), Label(other, Span(0, 1), ""))
    shown = render([Diagnostic("title", source, Span(8, 9), "again", "a hint", places)])
    assert shown.splitlines() == [
        "error: title",
        "  ┌ one:1:9",
        "1 │ def f(x x) x",
        "  │         ^ again",
        "  │       - first",
        "  ├ one:2:1",
        "2 │ f(1)",
        "  │ ---- later",
        "  ├ two:1:1",
        "1 │ f",
        "  │ -",
        "  = hint: a hint",
    ]


@pytest.mark.parametrize("text", ["x" * 1_000_000, "1" * 1_000_000 + "x", "@" * 1_000_000])
def test_quotations_in_messages_are_short(text: str) -> None:
    with Session(jit="O0") as session, pytest.raises(KaleidoError) as raised:
        session.run(text)
    assert all(len(line) <= 2 * WIDEST for line in str(raised.value).splitlines())


def test_a_message_without_a_place_is_its_title_and_hint() -> None:
    assert render([Diagnostic("title", hint="a hint")]) == "error: title\n  = hint: a hint"


def test_colors_change_nothing_but_the_color() -> None:
    diagnostic = Diagnostic("title", Source("test", "a\tb"), Span(2, 3), "label", "hint")
    colored = render([diagnostic], COLORED)
    assert colored.startswith("\x1b[1;31merror:\x1b[0m \x1b[1mtitle\x1b[0m\n")
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render([diagnostic])
