"""The programs of `tutorials/REFERENCE.md` do what their comments say, in every tier and in the reference evaluator."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kaleido import cli
from kaleido.diagnostics import KaleidoError, Source
from kaleido.language.prelude import prelude
from kaleido.tutorial.chapters import REFERENCE, Block, blocks_of
from tests.reference import Reference
from tests.test_language import MODES, Outcome, check, expectations

PROGRAMS = [block for block in blocks_of(REFERENCE) if block.language == "kal"]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.place)
def test_a_program(program: Block, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "program.kal"
    path.write_text(program.text, "utf-8")
    expected = expectations(path)
    assert expected.lines
    for options in MODES.values():
        cli.run([*options, str(path)])
        output, errors = capfdbinary.readouterr()
        check(Outcome.of(output, errors.decode()), expected)
    reference = Reference(prelude())
    try:
        reference.run(Source(str(path), program.text))
    except KaleidoError as error:
        check(Outcome.of(bytes(reference.output), str(error)), expected)
    else:
        check(Outcome(bytes(reference.output)), expected)


def test_every_function_of_the_prelude_is_listed() -> None:
    listed = set(re.findall(r"`(\w+)", REFERENCE.read_text("utf-8")))
    assert set(re.findall(r"extern (\w+)", prelude().text)) - listed == set()
