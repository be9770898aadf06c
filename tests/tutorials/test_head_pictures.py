"""The SVG pictures of the chapters and the slides: they are what the chapters make, and terminals show characters."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from kaleido.tutorial.chapters import FOLDER, Block, blocks, chapters
from kaleido.tutorial.markdown import PICTURE, parts
from tutorials import slides
from tutorials.head_pictures import drawn, pictures

PICTURES = pictures()
SVG = "{http://www.w3.org/2000/svg}"


def test_the_files_are_up_to_date() -> None:
    """``python -m tutorials.head_pictures`` writes them."""
    files = {path: path.read_text("utf-8") for path in (FOLDER / "pictures").glob("*.svg")}
    assert files == PICTURES


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_picture_is_small_and_says_what_it_shows(path: object) -> None:
    text = next(text for each, text in PICTURES.items() if each == path)
    root = ElementTree.fromstring(text)
    assert (root.findtext(f"{SVG}title") or "").strip()
    assert (root.findtext(f"{SVG}desc") or "").endswith(".")
    assert len(text.encode()) < 8_000


@pytest.mark.parametrize("number", chapters())
def test_a_chapter_has_a_picture_that_terminals_show_in_characters(number: int) -> None:
    path = chapters()[number]
    text = path.read_text("utf-8")
    shown = parts(text, path.name)
    assert PICTURE.search(text)
    assert text.count("](pictures/") == len(PICTURE.findall(text))
    # Addresses of links are blocks without a place.
    assert [each for each in shown if isinstance(each, Block) and each.place] == blocks(text, path.name)
    assert not any("pictures/" in str(each) or "-->" in str(each) for each in shown if not isinstance(each, Block))


def test_lines_are_joined_and_boxes_have_a_ground() -> None:
    root = ElementTree.fromstring(drawn("  ┌───┐\n  │ a │──▶ -O3 now\n  └───┘\n", "A title", "A text."))
    [lines, head] = root.findall(f"{SVG}path")
    # The four sides of the box, and the arrow.
    assert lines.get("d", "").count("M") == 5
    assert head.get("class") == "a"
    assert [each.get("class") for each in root.findall(f"{SVG}rect")] == ["p", "b"]
    assert [each.text for each in root.findall(f"{SVG}text")] == ["a", "-O3", "now"]
    assert [each.get("class") for each in root.findall(f"{SVG}text")] == [None, "o3", None]


def test_the_slides_are_up_to_date() -> None:
    """``python -m tutorials.slides`` writes them."""
    text = slides.OUTPUT.read_text("utf-8")
    assert text == slides.html()
    assert 12 <= text.count("<section ") <= 20
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
