"""The reader's program runs the example programs as Kaleido does: once it has the whole language, and with tiers."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from kaleido.terminal.text import width
from kaleido.tutorial.arrangement import SECTIONS
from kaleido.tutorial.chapters import chapters, program_at
from kaleido.tutorial.tangle import Program, tangle
from tests import forked
from tests.test_examples import EXAMPLES, examples
from tests.test_language import expectations
from tests.tutorials.test_measures import LEFT

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
    assert [line for line in text.splitlines() if width(line) >= 80] == [] or LEFT
    assert set(tangle(program_at(max(chapters()))).splitlines()) <= set(text.splitlines())
