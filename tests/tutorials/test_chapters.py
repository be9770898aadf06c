"""Every chapter, followed to the letter in an empty folder, shows what its text shows. So do the solutions.

`--update` writes into the console blocks, but for those with a `…`, what the commands print now; read the difference
before you keep it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import llvmlite.binding as llvm
import pytest

from kaleido.terminal.text import width
from kaleido.tutorial.chapters import FOLDER, Block, blocks, blocks_of, chapters, program_at, sections, solutions
from kaleido.tutorial.reader import Reader, _environment, agrees
from kaleido.tutorial.tangle import tangle
from tests import forked
from tests.documents import prose, resolve
from tests.tutorials.changes import LINE_LENGTH

ROOT = FOLDER.parent
CHAPTERS = chapters()
LANGUAGES = {"python", "diff", "kal", "console", "pycon", "llvm", "lark", "sh", "text"}
EXERCISES = ["Exercise 1", "Exercise 2", "Exercise 3"]
BUILDING = [number for number in CHAPTERS if program_at(number)]

each_chapter = pytest.mark.parametrize("number", CHAPTERS)
each_building = pytest.mark.parametrize("number", BUILDING)


class ForkedReader(Reader):
    """A reader that runs Python with :mod:`tests.forked`; test_reader.py tests how it starts commands itself."""

    def _execute(self, command: Sequence[str], write: Callable[[str], object]) -> tuple[int, str]:
        if command[0] != sys.executable:
            return super()._execute(command, write)
        environment = _environment()
        done = forked.run(command[1:], stderr=subprocess.STDOUT, env=environment, cwd=self.folder)
        return done.returncode, done.stdout.decode("utf-8", errors="replace")


def chapter_blocks(number: int) -> list[Block]:
    return blocks_of(CHAPTERS[number])


def check(reader: Reader, to_follow: list[Block], path: Path, update: bool) -> None:
    wrong = []
    for shown, real in reader.follow(to_follow):
        if not agrees(shown.text, real.text):
            wrong.append(f"{shown.place} shows:\n{shown.text}\nThis happens:\n{real.text}")
            if update and shown.language == "console" and "…" not in shown.text:
                path.write_text(path.read_text("utf-8").replace(shown.text, real.text, 1), "utf-8")
    assert not wrong, "\n".join(wrong)


def ruff(*arguments: str, program: str) -> str:
    options = ["--config", "pyproject.toml", "--line-length", str(LINE_LENGTH)]
    command = [sys.executable, "-m", "ruff", *arguments, *options, "-"]
    done = subprocess.run(command, cwd=ROOT, input=program, capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@each_chapter
def test_following_it_gives_what_it_shows(number: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    reader = ForkedReader(tmp_path, program_at(number - 1))
    check(reader, chapter_blocks(number), CHAPTERS[number], request.config.getoption("--update"))
    if reader.missing:
        pytest.skip(f"without the blocks that need what is missing here: {', '.join(sorted(reader.missing))}")


@each_chapter
@pytest.mark.parametrize("exercise", EXERCISES)
def test_solutions(number: int, exercise: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = solutions(number)
    text = sections(path.read_text("utf-8"))[exercise]
    found = blocks(text, f"{path.name}, {exercise}")
    assert any(block.language in ("console", "pycon") for block in found)
    files = [block for block in chapter_blocks(number) if block.is_file]
    reader = ForkedReader(tmp_path, program_at(number))
    check(reader, [*files, *found], path, request.config.getoption("--update"))


@each_chapter
def test_three_exercises_with_solutions(number: int) -> None:
    exercises = sections(CHAPTERS[number].read_text("utf-8"))["Exercises"]
    assert re.findall(r"^(\d)\. ", exercises, re.MULTILINE) == ["1", "2", "3"]
    assert list(sections(solutions(number).read_text("utf-8"))) == EXERCISES


@each_building
def test_the_program_is_formatted_and_clean(number: int) -> None:
    program = tangle(program_at(number))
    assert not ruff("format", "--diff", program=program)
    assert not ruff("check", program=program)


@each_building
def test_grammar_shown_is_grammar(number: int) -> None:
    lines = {" ".join(line.split()) for line in tangle(program_at(number)).splitlines()}
    shown = [block for block in chapter_blocks(number) if block.language == "lark"]
    assert [line for block in shown for line in block.text.splitlines() if " ".join(line.split()) not in lines] == []


@each_chapter
def test_assembly_shown_is_assembly(number: int) -> None:
    for block in chapter_blocks(number):
        if block.language == "llvm":
            llvm.parse_assembly(block.text).verify()


# Programs that run for minutes, to be looked at from outside.
LONG = {"hot.kal", "long.kal"}


@each_chapter
def test_every_program_is_run(number: int) -> None:
    found = chapter_blocks(number)
    commands = "".join(block.text for block in found if block.language in ("console", "pycon"))
    titles = {block.title for block in found if block.language == "kal"}
    assert {title for title in titles if not title or title not in commands} <= (LONG if number == 19 else set())


@each_chapter
def test_pictures_fit_into_a_terminal(number: int) -> None:
    pictures = [block for block in chapter_blocks(number) if block.language == "text"]
    assert [line for block in pictures for line in block.text.splitlines() if width(line) > 80] == []


@each_chapter
def test_languages_of_blocks(number: int) -> None:
    found = chapter_blocks(number)
    assert {block.language for block in found} <= LANGUAGES
    # A fence that is not closed, or stands behind blanks, would be no block.
    assert CHAPTERS[number].read_text("utf-8").count("```") == 2 * len(found)


@each_chapter
def test_what_is_named_exists(number: int) -> None:
    text = prose(CHAPTERS[number].read_text("utf-8"))
    for path in re.findall(r"`((?:kaleido|grammar|tests|tutorials)/[\w./]*)`", text):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (FOLDER / link).exists(), link
    for name in re.findall(r"`(kaleido(?:\.\w+)+)`", text):
        resolve(name)


def test_chapters_are_numbered_without_gaps() -> None:
    assert list(CHAPTERS) == list(range(1, len(CHAPTERS) + 1))
