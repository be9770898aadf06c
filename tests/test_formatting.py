"""`kaleido/formatting`: one layout for every program, and nothing but the layout changes."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from kaleido import cli
from kaleido.diagnostics import ParseError, Source
from kaleido.formatting.formatter import FormatterDefect, formatted
from kaleido.formatting.line_breaking import WIDTH, Layout
from kaleido.language.lexer import lex
from kaleido.language.parser import parse
from kaleido.language.prelude import prelude_operators
from kaleido.language.printer import program
from kaleido.language.source_files import encoded, read
from tests.fuzz.programs import random_program
from tests.fuzz.trees import flat
from tests.fuzz.vocabulary import TABLE
from tests.test_examples import EXAMPLES
from tests.test_language import PROGRAMS

FILES = sorted([*PROGRAMS.rglob("*.kal"), *(PROGRAMS.parents[1] / "tutorials").rglob("*.kal")])


def layout(text: str) -> str:
    """A text in its layout, which must be the same program with the same comments, and its own layout."""
    found = formatted(Source("test", text))
    before, after = parse(Source("test", text), prelude_operators()), parse(Source("test", found), prelude_operators())
    assert flat(before) == flat(after)
    assert comments(text) == comments(found)
    assert formatted(Source("test", found)) == found
    return found


def comments(text: str) -> list[str]:
    return [token.rstrip() for token in lex(text, comments=True) if token.type == "COMMENT"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  # only this  ", "# only this\n"),
        ("1+2*f( x,-y ,- -z)", "1 + 2 * f(x, -y, - -z)\n"),
        ("def  f ( x  y ) ( (x))+1.50", "def f(x y) ((x)) + 1.50\n"),
        ("def binary<>5(a b)a<b|a>b", "def binary <> 5 (a b) a < b | a > b\n"),
        ("def binary ~~ (a b) a; extern unary ~(x)", "def binary ~~ (a b) a; extern unary ~ (x)\n"),
        ("x=y=-z", "x = y = -z\n"),
        ("a=b=-1", "a = b = -1\n"),
        ("f(1);\n(2);\n-3;\nx;", "f(1);\n(2);\n-3\nx\n"),
        ("1 2 ;;3", "1; 2; 3\n"),
        ("1\n\n\n\n2\n\n# three\n\n\n3\n", "1\n\n2\n\n# three\n\n3\n"),
        ("f(x) # one\n  # two\n", "f(x)  # one\n# two\n"),
        ("f(x) # one\n     # two\ng(xyz)# three\n", "f(x)    # one\n        # two\ng(xyz)  # three\n"),
        ("def f(x)\n x", "def f(x)\n    x\n"),
        ("if a\nthen b\nelse c", "if a then b\nelse c\n"),
        ("if a then\n b else if c then d else e", "if a then\n    b\nelse if c then d\nelse e\n"),
        ("(a :\nb) * (c : d)", "(a :\n b) *\n(c : d)\n"),
        ("def f(n) var s in\n(for i = 1, i < n in s = s + i) : s", None),
        ("(for i = 1, i < n in\n f(i)) : g()", "(for i = 1, i < n in\n    f(i)) :\ng()\n"),
        ("var a = 1,\nb in a", "var a = 1,\n    b in\na\n"),
        ("f(a,\n b)", "f(\n    a,\n    b\n)\n"),
        ("a # one\n+ b # two\n+ c", "a    # one\n+ b  # two\n+ c\n"),
        ("f( # one\n a, # two\n # three\n b # four\n)", None),
        ("def f(x) # one\nx", "def f(x)  # one\n    x\n"),
        ("if # one\na then b else c", "if  # one\na then b\nelse c\n"),
        ("#!/usr/bin/env kaleido\n1", "#!/usr/bin/env kaleido\n1\n"),
        ("1\r\n\r\n\r\n2 # x\r\n", "1\r\n\r\n2  # x\r\n"),
        ("1\r2", "1\r2\r"),
    ],
)
def test_layout(text: str, expected: str | None) -> None:
    if expected is None:
        layout(text)
    else:
        assert layout(text) == expected


def test_long_lines_break_at_the_outermost_places() -> None:
    term = "some_function(argument, another_argument)"
    assert layout(f"{term}*2+{term}-{term}") == f"{term} * 2 +\n{term} -\n{term}\n"
    assert layout(f"def f(x) {term} + {term} + x * x") == f"def f(x)\n    {term} + {term} + x * x\n"
    assert layout(f"result = if {term} then {term} else {term}") == (
        f"result =\n    if {term} then {term}\n    else {term}\n"
    )
    assert layout(f"{term}; {term}; {term}; (1)") == f"{term}\n{term}\n{term};\n(1)\n"
    just = "a" * (WIDTH - len("f(, b)"))
    assert layout(f"f({just}, b)") == f"f({just}, b)\n"
    assert layout(f"f({just}a, b)") == f"f(\n    {just}a,\n    b\n)\n"


@pytest.mark.parametrize(
    "text",
    [
        "1 + " * 3_000 + "1",
        "f(" * 3_000 + "1" + ")" * 3_000,
        "if a then b else " * 3_000 + "c",
        "1 + (if 1 then " * 1_000 + "1" + " else 2) * 3" * 1_000,
        "- " * 3_000 + "a",
    ],
    ids=["sum", "calls", "ifs", "nested", "prefixes"],
)
def test_deep_trees(text: str) -> None:
    found = formatted(Source("test", text))
    assert len(found) < 100 * len(text)
    assert formatted(Source("test", found)) == found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_program_of_this_repository(path: Path) -> None:
    source = read(path)
    try:
        parse(source, prelude_operators())
    except ParseError:
        with pytest.raises(ParseError):
            formatted(source)
        return
    found = layout(source.text) if source.text == source.original else formatted(source)
    assert comments(source.original) == comments(found)
    encoded(found)


def test_the_examples_are_formatted(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["fmt", "--check", *map(str, EXAMPLES)]) == 0
    assert capfd.readouterr().out == ""


def test_random_programs_with_comments_and_line_breaks_anywhere() -> None:
    for seed in range(30):
        choices = random.Random(f"layout {seed}")
        text = scattered(program(random_program(f"layout {seed}"), TABLE), choices)
        layout(text)


def scattered(text: str, choices: random.Random) -> str:
    """The same program with other white space, and with comments."""
    pieces, end = [], 0
    often = choices.choice((0.0, 0.02, 0.3))
    for token in lex(text):
        blank = token.start > end
        pieces.append(gap(choices, often) if blank or choices.random() < often else "")
        pieces.append(" " if blank else "")
        pieces.append(token)
        end = token.end
    return "".join(pieces) + choices.choice(("", "\n", " # the end", "\n\n# the end"))


def gap(choices: random.Random, often: float) -> str:
    if choices.random() >= often:
        return ""
    mark = choices.randrange(1000)
    return choices.choice(("\n", "\n\n\n", "\t", f" # {mark}\n", f"\n  # {mark}\n\n", f"# {mark}\n  # {mark}\n"))


def test_a_text_that_is_not_the_same_program_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("1 - 2\n", "1 + 2; 3\n", "1 + 2 # c\n"):
        monkeypatch.setattr(Layout, "text", lambda _, wrong=wrong: wrong)
        with pytest.raises(FormatterDefect):
            formatted(Source("test", "1+2"))


def test_comments_keep_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "demo.kal"
    path.write_bytes(b"\xef\xbb\xbf1+1 # caf\xe9\n")
    assert encoded(formatted(read(path))) == b"1 + 1  # caf\xe9\n"


def test_command_writes_files_and_keeps_their_mode_and_line_ends(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second, link = tmp_path / "first.kal", tmp_path / "second.kal", tmp_path / "link.kal"
    first.write_bytes(b"1+1\r\n2")
    first.chmod(0o751)
    second.write_text("3\n")
    link.symlink_to(first)
    assert cli.run(["fmt", str(link), str(second)]) == 0
    assert capfd.readouterr() == ("", f"formatted {link}\n")
    assert (first.read_bytes(), first.stat().st_mode & 0o777, link.is_symlink()) == (b"1 + 1\r\n2\r\n", 0o751, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.kal", "link.kal", "second.kal"]
    assert cli.run(["fmt", "--check", str(first), str(second)]) == 0
    assert capfd.readouterr() == ("", "")


def test_command_checks_and_shows_differences(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "demo.kal"
    path.write_text("def f(x)x # one\n")
    assert cli.run(["fmt", "--check", str(path)]) == 1
    assert capfd.readouterr() == ("", f"would change {path}\n")
    assert cli.run(["fmt", "--diff", str(path)]) == 0
    difference = f"--- {path}\n+++ {path}, formatted\n@@ -1 +1 @@\n-def f(x)x # one\n+def f(x) x  # one\n"
    assert capfd.readouterr() == (difference, "")
    assert cli.run(["fmt", "--diff", "--check", "--color=always", str(path)]) == 1
    assert "\x1b[32m+def f(x) x  # one\x1b[0m\n" in capfd.readouterr().out
    assert path.read_text() == "def f(x)x # one\n"


def test_command_locates_errors_and_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, good = tmp_path / "wrong.kal", tmp_path / "good.kal"
    wrong.write_text("1 +\n")
    good.write_text("1+1\n")
    assert cli.run(["fmt", str(wrong), str(tmp_path / "missing.kal"), str(good)]) == 1
    _, messages = capfd.readouterr()
    assert "wrong.kal:1:4" in messages and "missing.kal: No such file or directory\n" in messages
    assert (wrong.read_text(), good.read_text()) == ("1 +\n", "1 + 1\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"2*2 # \xff")))
    monkeypatch.setattr("sys.stdout", output := io.TextIOWrapper(io.BytesIO()))
    assert cli.run(["fmt", "-"]) == 0
    output.buffer.seek(0)
    assert output.buffer.read() == b"2 * 2  # \xff\n"
