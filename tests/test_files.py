"""Files: any name, any bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaleido import KaleidoError, Session
from kaleido.language.source_files import decoded, read, reason, shown
from kaleido.repl.saving.user_files import xdg_folder


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"1 + 1", "1 + 1"),
        (b"\xef\xbb\xbf1", "1"),
        (b"\xef\xbb\xbf\xef\xbb\xbf1", "\ufeff1"),
        ("日本".encode(), "日本"),
        (b"a\r\nb\rc", "a\r\nb\rc"),
        (b"a\xffb", "a\ufffdb"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\x00", "\x00"),
    ],
)
def test_any_bytes_are_text(data: bytes, text: str) -> None:
    assert decoded(data) == text


@given(st.binary())
def test_whatever_they_are(data: bytes) -> None:
    assert decoded(data).encode().decode() == decoded(data)


@given(st.text())
def test_what_is_utf8_is_as_it_is(text: str) -> None:
    assert decoded(text.encode("utf-8", "ignore")) == text.encode("utf-8", "ignore").decode().removeprefix("\ufeff")


# Names


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("demo.kal", "demo.kal"),
        (Path("/tmp/demo.kal"), "/tmp/demo.kal"),
        ("日本.kal", "日本.kal"),
        ("", "''"),
        ("a\nb\x1b[2J\t", "a\ufffdb\ufffd[2J\ufffd"),
        (os.fsdecode(b"a\xffb"), "a\ufffdb"),
    ],
)
def test_names_are_shown_so_that_they_do_nothing(path: str | Path, text: str) -> None:
    assert shown(path) == text


@given(st.binary().filter(lambda name: b"\0" not in name))
def test_any_name_can_be_shown(name: bytes) -> None:
    text = shown(os.fsdecode(name))
    assert text.isprintable()
    assert text


def test_read(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff \n.kal")
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf1 + 1\r\n# \xff\r\n")
    source = read(tmp_path / name)
    assert source.name == f"{tmp_path}/\ufffd \ufffd.kal"
    assert source.text == "1 + 1\r\n# \ufffd\r\n"
    assert source.position(source.text.index("#")) == (2, 1)
    with Session(jit="O0") as session:
        assert session.run(source.text) == 2.0


def test_an_error_has_the_name_that_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a\nb").write_text("nothing")
    source = read(tmp_path / "a\nb")
    with Session(jit="O0") as session, pytest.raises(KaleidoError, match=r"┌ .*/a\ufffdb:1:1"):
        list(session.evaluate(source))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    with pytest.raises(ValueError, match="null"):
        read("\0")


def test_reasons(tmp_path: Path) -> None:
    with pytest.raises(OSError) as raised:  # noqa: PT011 - which one is what the reason tells
        read(tmp_path)
    assert reason(raised.value) == "Is a directory"
    assert reason(ValueError("embedded null byte")) == "embedded null byte"
    assert reason(OSError("a reason of ours")) == "a reason of ours"


# Folders


@pytest.mark.parametrize(
    ("named", "home", "found"),
    [
        ("/state", "/home/me", "/state/kaleido"),
        ("", "/home/me", "/home/me/.local/state/kaleido"),
        ("relative/state", "/home/me", "/home/me/.local/state/kaleido"),
        ("/state", "", "/state/kaleido"),
    ],
)
def test_folder(named: str, home: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", named)
    monkeypatch.setenv("HOME", home)
    assert xdg_folder("XDG_STATE_HOME", ".local", "state") == Path(found)


def test_a_folder_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    with pytest.raises(OSError, match="neither XDG_STATE_HOME nor HOME is set"):
        xdg_folder("XDG_STATE_HOME", ".local", "state")
