"""The history file."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompt_toolkit.history import InMemoryHistory

from kaleido.repl.history import history_path, open_history
from tests.repl.conftest import UP, TypeKeys


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_file_is_for_its_owner_only(state_home: Path, type_keys: TypeKeys) -> None:
    type_keys("1 +\r2", ":list")
    path = state_home / "kaleido" / "history"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert "+1 +\n+2\n" in path.read_text()


def test_a_file_that_others_could_read_is_closed_to_them(state_home: Path) -> None:
    path = state_home / "kaleido" / "history"
    path.parent.mkdir()
    path.write_text("\n# before\n+1\n")
    path.chmod(0o644)
    assert list(open_history().load_history_strings()) == ["1"]
    assert mode(path) == 0o600


def test_entries_come_back_in_the_next_session(type_keys: TypeKeys) -> None:
    type_keys("1 +\r2")
    assert type_keys(UP).output == "3.0\n"


def test_nothing_is_remembered_where_that_is_not_wanted(state_home: Path, type_keys: TypeKeys) -> None:
    assert type_keys("1", UP, remember=False).output == "1.0\n1.0\n"
    assert list(state_home.iterdir()) == []


def test_an_impossible_place_is_a_warning(type_keys: TypeKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    outcome = type_keys("1", UP)
    assert outcome.output == "1.0\n1.0\n"
    assert outcome.errors.startswith("warning: ")
    assert outcome.errors.count("\n") == 1


def test_an_unwritable_file_is_one_warning(state_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = open_history()
    (state_home / "kaleido" / "history").unlink()
    (state_home / "kaleido" / "history").mkdir()
    history.append_string("1")
    history.append_string("2")
    assert history.get_strings() == ["1", "2"]
    assert capsys.readouterr().err.count("warning: ") == 1


@pytest.mark.parametrize("state", ["", "relative/path"])
def test_the_default_is_in_the_home_directory(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", state)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert history_path() == Path("/home/somebody/.local/state/kaleido/history")


def test_no_home_is_a_warning(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("HOME")
    assert isinstance(open_history(), InMemoryHistory)
    assert capsys.readouterr().err.count("warning: ") == 1
