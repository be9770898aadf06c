"""The checks of a reader's own program, and the history of the chapters' program."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from kaleido.cli import run
from kaleido.tutorial import own_program, reader
from kaleido.tutorial.chapters import blocks, chapters, program_at
from kaleido.tutorial.check_command import _failure
from kaleido.tutorial.own_program import Step, check
from kaleido.tutorial.reader import first_difference
from kaleido.tutorial.tangle import tangle

CHAPTER = 5
"""A chapter with blocks that only the program after some of its steps agrees with, and with files."""


def program(chapter: int = CHAPTER) -> str:
    return tangle(program_at(chapter))


@pytest.mark.parametrize("chapter", [2, CHAPTER])
def test_the_program_of_the_chapter_passes(chapter: int) -> None:
    result = check(program(chapter), chapter)
    assert len(result.steps) > 3
    assert (result.passed, result.differences) == (len(result.steps), [])


def test_other_code_that_does_the_same_passes() -> None:
    own = (
        program()
        .replace('"""Writes the IR of one function."""', "")
        .replace("self.count += 1", "self.count = 1 + self.count")
    )
    result = check(own, CHAPTER)
    assert result.passed == len(result.steps)
    assert [each.name for each in result.differences] == ["Writer.local"]


def test_a_fault_is_found_with_its_definition(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "my.py"
    own.write_text(program().replace('"-": "fsub"', '"-": "fadd"').replace('"/": "fdiv"', '"/": "fmul"'), "utf-8")
    assert run(["tutorial", "check", str(CHAPTER), str(own)]) == 1
    output = capfd.readouterr().out
    assert "✓ 05-ir-from-trees.md:" in output
    assert "✗ 05-ir-from-trees.md:" in output
    assert "Here the chapter shows:    %.2 = fdiv double %.1, 0x4000000000000000\n" in output
    assert "Your program printed:      %.2 = fmul double %.1, 0x4000000000000000\n" in output
    assert "    ARITHMETIC                   differs; it is defined at 05-ir-from-trees.md:" in output


def test_what_a_program_does_not_have_yet() -> None:
    result = check(program(CHAPTER - 1), CHAPTER)
    assert result.passed == 0
    missing = [each.name for each in result.differences if each.missing]
    assert missing[:2] == ["symbol", "Signature"]
    assert "Writer.call" not in missing, "its class is missing"


def test_a_program_that_does_not_end() -> None:
    result = check("while True: pass", 2, timeout=0.2)
    assert result.passed == 0


def test_a_block_for_a_missing_tool_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "```console\n$ gdb -q kaleidoscope.py\n```\n\n```console\n$ python kaleidoscope.py\n```\n"
    monkeypatch.setattr(reader, "_is_usable", lambda tool: False)
    monkeypatch.setattr(own_program, "blocks_of", lambda path: blocks(text, "chapter.md"))
    assert [step.shown for step in check("", CHAPTER).steps] == ["$ python kaleidoscope.py\n"]


def test_an_exercise_as_data(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "my.py"
    own.write_text(program(), "utf-8")
    assert run(["tutorial", "check", str(CHAPTER), str(own), "--exercise", "1", "--json"]) == 1
    result = json.loads(capfd.readouterr().out)
    assert (result["chapter"], result["exercise"], result["passed"], result["total"]) == (CHAPTER, 1, 0, 1)
    assert {"name": "folded", "missing": True, "place": "05.md, exercise 1:8"} in result["differences"]
    assert "fadd double %x, 0x4020000000000000" in result["steps"][0]["shown"]


def test_a_grader_is_told_of_a_program_that_is_no_python(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "my.py"
    own.write_text("\nx = (\n")
    assert run(["tutorial", "check", str(CHAPTER), str(own), "--exercise", "1", "--json"]) == 1
    result = json.loads(capfd.readouterr().out)
    assert (result["passed"], result["total"]) == (0, 1)
    assert result["error"].endswith(":2:5: '(' was never closed")


def test_the_explanation_of_output_where_there_should_be_none() -> None:
    step = Step("x.md:1", ">>> f()\n>>> g()\n1\n", ">>> f()\nNameError: f\n>>> g()\n1\n")
    assert _failure(step)[-2:] == ["Here the chapter shows:  (no output)", "Your program printed:    NameError: f"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["4", "{}"], 1, ":2:5: '(' was never closed\n"),
        (["99", "{}"], 2, "no chapter 99: the chapters are 1 to "),
        (["1", "tests/__init__.py"], 2, "at the end of chapter 1 there is no program yet"),
        (["4", "tests/__init__.py", "--exercise", "9"], 2, "chapter 4 has no exercise 9"),
        (["4", "no/such.py"], 2, "cannot read no/such.py: No such file or directory"),
        (["4"], 2, "FILE"),
    ],
)
def test_what_cannot_be_checked(
    arguments: list[str], code: int, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "my.py"
    own.write_text("\nx = (\n")
    assert run(["tutorial", "check", *(each.format(own) for each in arguments)]) == code
    output, errors = capfd.readouterr()
    assert (output, message in errors) == ("", True)


@pytest.mark.parametrize(
    ("shown", "actual", "lines"),
    [
        ("a\nb\n", "a\nc\n", ("b", "c")),
        ("a\nb\n", "a\n", ("b", "")),
        ("a\n", "a\nb\n", ("", "b")),
        ("a … c\n…\nd\n", "a b c\nx\ny\nd\ne\n", ("", "e")),
        ("x\n", "a\n", ("x", "a")),
    ],
)
def test_the_first_difference(shown: str, actual: str, lines: tuple[str, str]) -> None:
    assert first_difference(shown, actual) == lines


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True).stdout


def test_the_history(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "history"
    assert run(["tutorial", "history", str(folder)]) == 0
    assert capfd.readouterr() == (f"{folder}: `git log --oneline` there shows the steps\n", "")
    for number in chapters():
        if program_at(number):
            assert git(folder, "show", f"chapter-{number:02}:kaleidoscope.py") == program(number)
    subjects = git(folder, "log", "--reverse", "--format=%s").splitlines()
    assert subjects[0].startswith("1: ")
    assert f"{CHAPTER}: Signature, doubles, head, Unit" in subjects
    assert git(folder, "status", "--short") == ""
    assert run(["tutorial", "history", str(folder)]) == 2
    assert capfd.readouterr().err == f"kaleido: {folder} is not empty\n"
