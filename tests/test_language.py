"""Every program in tests/language, in every tier: against its own comments and the reference evaluator.

A program's comments say in order what it does::

    f(2)              # expect: 4.0          a line of standard output
                      # expect: 5.0          ... and the next one
    g(1)              # expect error: TEXT   the error reported at this line has TEXT in its first line

Bytes that are not printable are written as Python writes them in a literal. `# reference: skip` marks
a program that would take the reference evaluator too long.

Programs with mistakes are in tests/language/errors. Each has its complete messages in a golden file, which
tests/test_errors.py compares; those that have an `# expect error:` comment, too, are run here like all others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from kaleido import cli
from kaleido.diagnostics import KaleidoError, Source
from tests.compiled_once import CompiledOnce
from tests.reference import Reference

PROGRAMS = Path(__file__).parent / "language"
ERRORS = sorted((PROGRAMS / "errors").glob("*.kal"))
PRELUDE = Path(cli.__file__).parent / "language" / "prelude.kal"
MODES: dict[str, Sequence[str]] = {
    "O0": ["--jit=O0"],
    "O3": ["--jit=O3"],
    "sync1": ["--jit=sync", "--threshold=1"],
    "sync3": ["--jit=sync", "--threshold=3"],
    "tiered2": ["--jit=tiered", "--threshold=2"],
}

EXPECTATION = re.compile(r"# expect( error)?:(?: (.*))?")
REFERENCE_SKIP = re.compile(r"# reference: skip\b")
LOCATION = re.compile(r"┌ .*:(\d+):\d+")


@dataclass(frozen=True)
class Outcome:
    """The result of a run. `error` and `error_line` are the first line of the error and the line it is about."""

    output: bytes
    error: str = ""
    error_line: int | None = None

    @classmethod
    def of(cls, output: bytes, errors: str) -> Outcome:
        errors = re.sub(r"(?m)^warning: .*\n", "", errors)
        location = LOCATION.search(errors)
        return cls(output, errors.partition("\n")[0], int(location[1]) if location else None)

    @property
    def lines(self) -> list[str]:
        text = self.output.decode("utf-8", "backslashreplace").removesuffix("\n")
        return ["".join(map(_visible, line)) for line in text.split("\n")] if text else []


@dataclass(frozen=True)
class Expected:
    lines: list[str]
    error: str | None
    error_line: int | None


def _visible(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def read(program: Path) -> str:
    return program.read_bytes().decode("utf-8-sig", "replace")


def expectations(program: Path) -> Expected:
    lines, error, error_line = [], None, None
    for number, line in enumerate(re.split(r"\r\n|\r|\n", read(program)), start=1):
        for is_error, text in EXPECTATION.findall(line):
            if is_error:
                error, error_line = text, number
            else:
                lines.append(text)
    return Expected(lines, error, error_line)


def check(outcome: Outcome, expected: Expected) -> None:
    assert outcome.lines == expected.lines, outcome.error
    assert outcome.error_line == expected.error_line, outcome.error
    assert outcome.error.startswith("error: ") == (expected.error is not None)
    assert (expected.error or "") in outcome.error


@cache
def by_reference(program: Path) -> Outcome | None:
    """The result of the reference evaluator; None for a program that would take it too long."""
    text = read(program)
    if REFERENCE_SKIP.search(text):
        return None
    reference = Reference(Source("prelude", PRELUDE.read_text("utf-8")))
    try:
        reference.run(Source(str(program), text))
    except KaleidoError as error:
        return Outcome.of(bytes(reference.output), str(error))
    return Outcome(bytes(reference.output))


@cache
def programs() -> list[Path]:
    """The programs that say in comments what they do: all but those in errors/ that have only a golden file."""
    return [path for path in sorted(PROGRAMS.rglob("*.kal")) if path not in ERRORS or expects_something(path)]


def expects_something(program: Path) -> bool:
    expected = expectations(program)
    return bool(expected.lines) or expected.error is not None


def name(program: Path) -> str:
    return program.relative_to(PROGRAMS).as_posix()


def test_there_are_programs() -> None:
    assert len(programs()) > 100
    assert len([path for path in ERRORS if path in programs()]) >= 53


# Module scope puts the tests of a program next to each other: one process runs the reference evaluator, and only once.
each_program = pytest.mark.parametrize("program", programs(), ids=name, scope="module")


@each_program
def test_expectations(program: Path) -> None:
    assert expects_something(program), "this program expects nothing"


@each_program
def test_reference(program: Path) -> None:
    outcome = by_reference(program)
    if outcome is None:
        pytest.skip("too long for the reference evaluator")
    check(outcome, expectations(program))


@pytest.mark.parametrize("options", MODES.values(), ids=MODES)
@each_program
def test_tiers(
    program: Path, options: Sequence[str], compiled: CompiledOnce, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with compiled.block():
        code = cli.run([*options, str(program)])
    output, errors = capfdbinary.readouterr()
    outcome, expected, reference = (
        Outcome.of(output, errors.decode()),
        expectations(program),
        by_reference(program),
    )
    check(outcome, expected)
    assert code == (0 if expected.error is None else 1), errors.decode()
    if reference is not None:
        assert outcome == reference
