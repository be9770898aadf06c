"""A reader who follows blocks in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaleido.tutorial.chapters import Block
from kaleido.tutorial.reader import Reader

GREETING = 'def main():\n    print("hello")\n\n\nif __name__ == "__main__":\n    main()\n'


def block(language: str, text: str, title: str = "") -> Block:
    return Block(language, title, text, "here")


def came_out(folder: Path, *blocks: Block) -> list[str]:
    return [real.text for _, real in Reader(folder).follow(blocks)]


def test_commands_run_with_the_program_and_the_files_so_far(tmp_path: Path) -> None:
    run = block("console", "$ python kaleidoscope.py\n$ kaleido sum.kal  # a comment\n")
    [text] = came_out(tmp_path, block("python", GREETING), block("kal", "1 + 2", "sum.kal"), run)
    assert text == "$ python kaleidoscope.py\nhello\n$ kaleido sum.kal  # a comment\n3.0\n"


def test_errors_and_output_stand_in_the_order_of_writing(tmp_path: Path) -> None:
    command = """$ python -c "import sys; print(1); sys.exit('2')"\n"""
    assert came_out(tmp_path, block("console", command)) == [f"{command}1\n2\n"]


def test_what_comes_out_is_seen_as_it_comes(tmp_path: Path) -> None:
    seen: list[str] = []
    Reader(tmp_path).run(block("console", "$ kaleido -c 1;2\n"), seen.append)
    assert seen == ["$ kaleido -c 1;2\n", "1.0\n", "2.0\n"]


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    reader = Reader(tmp_path, timeout=0.1)
    command = """$ python -c "while True: pass"\n"""
    assert reader.run(block("console", command)) == command


def test_blocks_that_need_a_missing_tool_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaleido.tutorial.reader._is_usable", lambda tool: tool != "gdb")
    reader = Reader(tmp_path)
    run = [block("console", f"$ {command}\n") for command in ("gdb -batch", "kaleido -c 1", "./gone")]
    assert [real.text for _, real in reader.follow(run[:2])] == ["$ kaleido -c 1\n1.0\n"]
    assert reader.missing == {"gdb"}
    with pytest.raises(ValueError, match="not installed"):
        reader.run(run[0])
    with pytest.raises(OSError, match="gone"):
        reader.run(run[2])


def test_other_commands_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`rm` cannot be run here"):
        came_out(tmp_path, block("console", "$ rm -r .\n"))


@pytest.mark.parametrize(
    "session",
    [
        ">>> 1 + 1\n2\n",
        ">>> print('a\\n\\nb')\na\n<BLANKLINE>\nb\n",
        ">>> {'f': 17, 'g': 4}\n{'f': …, 'g': 4}\n",
        ">>> print('a\\nb\\n\\nc')\na\n…\nc\n",
        ">>> print('...')\n...\n",
        ">>> for i in range(2):\n...     print(i)\n...\n0\n1\n",
        ">>> {}['a']\nTraceback (most recent call last):\nKeyError: 'a'\n",
    ],
)
def test_a_session_that_goes_as_shown(session: str, tmp_path: Path) -> None:
    assert came_out(tmp_path, block("pycon", session)) == [session]


@pytest.mark.parametrize(
    ("session", "instead"),
    [
        (">>> 1 + 1\n3\n>>> 4\n4\n", ">>> 1 + 1\n2\n>>> 4\n4\n"),
        (">>> {}['a']\n1\n", ">>> {}['a']\nKeyError: 'a'\n"),
        (
            ">>> {}['a']\nTraceback (most recent call last):\nKeyError: 'b'\n",
            ">>> {}['a']\nTraceback (most recent call last):\nKeyError: 'a'\n",
        ),
    ],
)
def test_a_session_that_goes_otherwise(session: str, instead: str, tmp_path: Path) -> None:
    assert came_out(tmp_path, block("pycon", session)) == [instead]
