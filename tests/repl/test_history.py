"""The history file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prompt_toolkit.history import InMemoryHistory

from kaleido.repl.line_editor.history import MAX_ENTRY, MemoryHistory, history_path, open_history
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


def loaded(path: Path, data: bytes) -> list[str]:
    """The entries of a history file, the newest first."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return list(open_history().load_history_strings())


@pytest.mark.parametrize(
    ("data", "entries"),
    [
        (b"", []),
        (b"\n# date\n+1 + 2\n\n# date\n+30+4", ["30+4", "1 + 2"]),
        (b"\n# date\n+1 +\n+2", ["1 +\n2"]),
        (b"\n# date\n+1 +\n+", ["1 +\n"]),
        (b"+1\n# comment\n+\xff\r\n", ["\ufffd\r", "1"]),
    ],
)
def test_every_character_is_loaded(state_home: Path, data: bytes, entries: list[str]) -> None:
    assert loaded(state_home / "kaleido" / "history", data) == entries


def test_entries_after_a_last_line_without_an_end_are_loaded(state_home: Path) -> None:
    path = state_home / "kaleido" / "history"
    loaded(path, b"\n# date\n+30+4")
    open_history().append_string("5")
    assert loaded(path, path.read_bytes()) == ["5", "30+4"]


def test_entries_that_are_too_long_are_not_in_the_history(state_home: Path) -> None:
    path = state_home / "kaleido" / "history"
    longest, too_long = "1" * MAX_ENTRY, "1" * (MAX_ENTRY + 1)
    assert loaded(path, f"\n# date\n+{longest}\n\n# date\n+{too_long}\n".encode()) == [longest]
    for history in (open_history(), MemoryHistory()):
        history.append_string(too_long)
        history.append_string("2")
        assert history.get_strings() == ["2"]
    assert path.stat().st_size < 3 * MAX_ENTRY


def test_the_last_entries_of_a_long_file_are_loaded(state_home: Path) -> None:
    entries = [f"\n# date\n+{number} +\n+{number}{' ' * (number % 7)}\n" for number in range(100_000)]
    found = loaded(state_home / "kaleido" / "history", "".join(entries).encode())
    assert 20_000 < len(found) < 50_000
    assert found == [f"{n} +\n{n}{' ' * (n % 7)}" for n in range(99_999, 99_999 - len(found), -1)]


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """The warning with which nothing is remembered; nothing where entries are."""
    history = open_history()
    warning = capsys.readouterr().err
    assert isinstance(history, InMemoryHistory) == bool(warning)
    return warning


def test_a_folder_that_others_can_write_to_is_not_used(state_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = state_home / "kaleido"
    folder.mkdir()
    for unsafe in (0o770, 0o707, 0o777):
        folder.chmod(unsafe)
        assert f"others can write to {folder}" in refusal(capsys)
    assert list(folder.iterdir()) == []
    folder.chmod(0o755)
    assert refusal(capsys) == ""


def test_what_belongs_to_somebody_else_is_left_alone(
    state_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = state_home / "kaleido" / "history"
    path.parent.mkdir()
    path.write_text("")
    path.chmod(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert f"{path.parent} belongs to another user" in refusal(capsys)
    assert mode(path) == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_link_to_a_file_of_somebody_else_is_not_followed(
    state_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, other = state_home / "kaleido" / "history", tmp_path / "other"
    path.parent.mkdir()
    other.write_text("theirs")
    other.chmod(0o644)
    os.chown(other, 12345, -1)
    path.symlink_to(other)
    assert f"{path} belongs to another user" in refusal(capsys)
    assert (other.read_text(), mode(other)) == ("theirs", 0o644)


def test_a_link_to_a_file_of_ones_own_is(state_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, other = state_home / "kaleido" / "history", tmp_path / "other"
    path.parent.mkdir()
    path.symlink_to(other)
    assert refusal(capsys) == ""
    assert mode(other) == 0o600


def test_what_is_no_file_is_neither_waited_for_nor_changed(
    state_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = state_home / "kaleido" / "history"
    path.parent.mkdir()
    os.mkfifo(path)
    path.chmod(0o644)
    assert f"{path} is not a file" in refusal(capsys)
    assert mode(path) == 0o644


def test_a_removed_file_comes_back_as_private(state_home: Path) -> None:
    path = state_home / "kaleido" / "history"
    before = os.umask(0)
    try:
        history = open_history()
        path.unlink()
        history.append_string("1")
    finally:
        os.umask(before)
    assert mode(path) == 0o600


def test_two_at_a_time_keep_both_their_entries(state_home: Path) -> None:
    first, second = open_history(), open_history()
    for entry in ("1", "2", "3"):
        (first if entry != "2" else second).append_string(entry)
    assert list(open_history().load_history_strings()) == ["3", "2", "1"]


def test_entries_come_back_in_the_next_session(type_keys: TypeKeys) -> None:
    type_keys("1 +\r2")
    assert type_keys(UP).output == "3.0\n"


def test_nothing_is_remembered_where_that_is_not_wanted(state_home: Path, type_keys: TypeKeys) -> None:
    assert type_keys("1", UP, save_history=False).output == "1.0\n1.0\n"
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
