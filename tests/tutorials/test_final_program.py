"""The reader's program runs the example programs as Kaleido does: once it has the whole language, and with tiers."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import IO

import pytest

from kaleido.terminal.text import width
from kaleido.tutorial.arrangement import SECTIONS
from kaleido.tutorial.chapters import chapters, program_at
from kaleido.tutorial.tangle import Program, tangle
from tests import forked
from tests.test_examples import EXAMPLES, examples
from tests.test_language import expectations

# Redefinition and deep tail calls come with chapter 12, all of the JIT with chapter 16.
COMPLETE, TIERED = 12, 16


@pytest.fixture(scope="module", params=[COMPLETE, TIERED, max(chapters())])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reader") / "kaleidoscope.py"
    path.write_text(tangle(program_at(request.param), sections=True), "utf-8")
    return path


def run(program: Path, *arguments: str | Path) -> str:
    done = forked.run([program, *arguments], env={**os.environ, "PYTHONUTF8": "1"})
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


@examples
def test_examples(program: Path, example: Path) -> None:
    assert run(program, example).splitlines() == expectations(example).lines


def test_something_becomes_hot(tmp_path: Path) -> None:
    program = tmp_path / "kaleidoscope.py"
    program.write_text(tangle(program_at(TIERED)), "utf-8")
    [mandelbrot] = [example for example in EXAMPLES if example.stem == "mandelbrot"]
    assert " is optimized, after " in run(program, mandelbrot, "--stats")


def test_the_sections_have_all_definitions() -> None:
    program = Program()
    known = {name for names in SECTIONS.values() for name in names.split()}
    for block in program_at(max(chapters())):
        program.take(block)
        assert [name for name in program.pieces if name not in known] == [], block.place


def test_the_program_in_sections() -> None:
    text = tangle(program_at(max(chapters())), sections=True)
    assert ast.get_docstring(ast.parse(text), clean=False)
    assert [line for line in text.splitlines() if width(line) >= 80] == []
    assert set(tangle(program_at(max(chapters()))).splitlines()) <= set(text.splitlines())


def failed(program: Path, *arguments: str | Path, stdout: IO[bytes] | None = None) -> str:
    """What a program that ends with exit code 1 writes to standard error."""
    # Output in a buffer fails late, at the end of the program.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = forked.run([program, *arguments], stdout=stdout, env=environment)
    errors = done.stderr.decode()
    assert done.returncode == 1, errors
    assert "Traceback" not in errors
    return errors


@pytest.fixture(scope="module")
def tiered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reader") / "kaleidoscope.py"
    path.write_text(tangle(program_at(TIERED), sections=True), "utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"1 + " + b"(" * 5000 + b"1" + b")" * 5000 + b"\n", "nested too deeply"),
        (b"\xff\xfe 1 + 1\n", "there is no operator `\ufffd\ufffd`\n  {path}:1:1\n"),
        (b"1 +\n", "the program ends too early\n  {path}:1:4\n"),
    ],
)
def test_hostile_files(tiered: Path, tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "program.kal"
    path.write_bytes(text)
    errors = failed(tiered, path)
    assert errors.startswith("error: ")
    assert message.format(path=path) in errors
    assert max(map(len, errors.splitlines())) < 20_000


def test_a_file_that_is_missing_and_a_full_disk(tiered: Path, tmp_path: Path) -> None:
    path = tmp_path / "program.kal"
    assert failed(tiered, path) == f"error: {path}: No such file or directory\n"
    path.write_text("1 + 2\n")
    with Path("/dev/full").open("wb") as full:
        assert failed(tiered, path, stdout=full) == "error: No space left on device\n"


THREAD = """
from kaleidoscope import *

Engine().close()
session = Session(3)


def optimize(entry):
    raise ValueError(f"cannot optimize {entry.name}")


session.engine.optimize = optimize
print(*session.run("def f(x) x + 1; f(1); f(2); f(3); def g(x) f(x); g(1); g(1); g(1)"))
session.engine.close()
"""


def test_the_recompiler_shows_an_exception_and_continues(tiered: Path) -> None:
    done = forked.run(["-c", THREAD], cwd=tiered.parent)
    assert (done.returncode, done.stdout) == (0, b"2.0 3.0 4.0 2.0 2.0 2.0\n")
    assert done.stderr.count(b"ValueError: cannot optimize ") >= 2
