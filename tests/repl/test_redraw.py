"""Pictures that are redrawn in place: what is erased before the next one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from kaleido.repl.display.console import Console, Size
from kaleido.repl.display.redraw import _Drawing
from kaleido.repl.settings import Settings


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def drawn(pipe: tuple[int, int], sizes: list[Size], pictures: list[str]) -> list[str]:
    """What is written for each of `pictures`, with the terminal at the size beside it."""
    size = sizes[0]
    console = Console(Settings(), interactive=True, size=lambda: size)
    drawing = _Drawing(console, pipe[1])
    written = []
    for size, picture in zip(sizes, pictures, strict=True):  # noqa: B007 - the console asks for it
        drawing.draw(picture)
        written.append(os.read(pipe[0], 10_000).decode())
    return written


def test_a_picture_replaces_the_one_before(pipe: tuple[int, int]) -> None:
    assert drawn(pipe, [Size(80, 24)] * 2, ["a\nb\n", "c\n"]) == ["a\nb\n", "\x1b[2A\r\x1b[Jc\n"]


def test_lines_that_a_narrower_terminal_wraps_count_as_several(pipe: tuple[int, int]) -> None:
    long, colored = "x" * 75, f"\x1b[1m{'y' * 20}\x1b[0m"
    _, second = drawn(pipe, [Size(80, 24), Size(30, 24)], [f"{long}\n{colored}\n", "z\n"])
    assert second == "\x1b[4A\r\x1b[Jz\n"


def test_a_picture_is_cut_to_the_rows_of_the_terminal(pipe: tuple[int, int]) -> None:
    assert drawn(pipe, [Size(80, 5)], ["1\n2\n3\n4\n5\n"]) == ["1\n2\n3\n"]
    assert drawn(pipe, [Size(20, 5)], [f"{'x' * 30}\n2\n3\n"]) == [f"{'x' * 30}\n2\n"]
