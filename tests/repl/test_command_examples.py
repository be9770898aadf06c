"""The examples of `:help :COMMAND`: every command has one, and it does what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kaleido import Session
from kaleido.repl.commands import COMMANDS
from kaleido.repl.commands.examples import EXAMPLES
from kaleido.repl.entries import transcript_entries
from tests.repl.conftest import Run

# They run until Ctrl-C, or need an editor.
NOT_RUN = ("watch", "edit", "reload")


def test_every_command_has_an_example() -> None:
    assert {*EXAMPLES} == {*COMMANDS}
    for name, example in EXAMPLES.items():
        assert re.search(rf"^kal> :{name}\b", example, re.MULTILINE)
        assert max(map(len, example.splitlines())) <= 60


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in NOT_RUN])
def test_it_runs_and_prints_what_it_shows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if name == "load":
        (tmp_path / "demo.kal").write_text("def f(x) x")
    example = EXAMPLES[name]
    with Session() as session:
        printed = Run(session, capfd)(*transcript_entries(example))
    assert not any("error:" in each for each in printed)
    shown = [part.partition("\n")[2] for part in example.split("kal> ")[1:]]
    assert [each for each, expected in zip(printed, shown, strict=False) if expected] == [*filter(None, shown)]
