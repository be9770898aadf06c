"""The pages for classes: the glossary agrees with the chapters, and the hunts and graders of TEACHING.md work."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

from kaleido.tutorial.chapters import FOLDER, GLOSSARY, Block, blocks, chapters, program_at, sections
from kaleido.tutorial.reader import agrees
from kaleido.tutorial.tangle import tangle
from tests.documents import prose
from tests.tutorials.test_chapters import ForkedReader

TEACHING = (FOLDER / "TEACHING.md").read_text("utf-8")
TERMS = re.findall(r"^- \*\*`?(.+?)`?\*\* \((\d+)\): ", GLOSSARY.read_text("utf-8"), re.MULTILINE)
HUNTS = {
    int(number): blocks(text, "TEACHING.md")
    for number, text in re.findall(r"^### Chapter (\d+):(.*?)(?=^##|\Z)", TEACHING, re.MULTILINE | re.DOTALL)
}


def test_the_glossary_is_in_order() -> None:
    items = re.findall(r"^- .*", GLOSSARY.read_text("utf-8"), re.MULTILINE)
    assert len(items) == len(TERMS) > 40
    assert [term for term, _ in TERMS] == sorted((term for term, _ in TERMS), key=str.lower)


def new_ideas(number: int) -> tuple[list[str], str]:
    """The new ideas that the line under a chapter's title names, and the text below that line."""
    text = " ".join(prose(chapters()[number].read_text("utf-8")).replace("`", "").split())
    line = re.search(r"\*Goal: [^·*]+ · \d+ min to read, \d+ to type · new: ([^·*]+) · needs: [^*]+\* ", text)
    assert line
    return line[1].split(", "), text[line.end() :].lower()


@pytest.mark.parametrize("number", chapters())
def test_new_ideas_are_in_the_glossary(number: int) -> None:
    assert [idea for idea in new_ideas(number)[0] if (idea, str(number)) not in TERMS] == []


@pytest.mark.parametrize(("term", "chapter"), TERMS)
def test_a_term_is_in_its_chapter(term: str, chapter: str) -> None:
    text = " ".join(prose(chapters()[int(chapter)].read_text("utf-8")).replace("*", "").split())
    assert re.search(rf"\b{re.escape(term)}", text, re.IGNORECASE)


@pytest.mark.parametrize("number", chapters())
def test_the_line_after_a_title(number: int) -> None:
    new, text = new_ideas(number)
    assert len(new) <= 5
    assert [idea for idea in new if idea.lower() not in text] == []


def found(blocks_of_hunt: list[Block], title: str) -> Block:
    [block] = [block for block in blocks_of_hunt if block.title == title]
    return block


@pytest.mark.parametrize("chapter", HUNTS)
@pytest.mark.parametrize(("change", "right"), [("fault", False), ("repair", True), ("", True)])
def test_a_hunt(chapter: int, change: str, right: bool, tmp_path: Path) -> None:
    hunt = HUNTS[chapter]
    added = [found(hunt, change)] if change else []
    if change == "repair":
        added.insert(0, found(hunt, "fault"))
    schedule = found(hunt, "schedule")
    actual = ForkedReader(tmp_path, [*program_at(chapter), *added]).run(schedule)
    assert agrees(schedule.text, actual) is right
    if not right:
        # It fails in its last line only: the schedule shows the fault, and the fault alone.
        assert actual.startswith(schedule.text.rpartition(">>> ")[0])


@pytest.mark.parametrize(("program", "passed"), [(tangle(program_at(2)).replace('"%"], 40', '"%"], 20'), 7), ("", 0)])
def test_the_grader_for_otter(program: str, passed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kaleidoscope.py").write_text(program, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    monkeypatch.chdir(tmp_path)
    file: dict[str, Any] = {}
    exec(found(blocks(sections(TEACHING)["otter-grader"], "TEACHING.md"), "otter").text, file)
    cases = file["test"]["suites"][0]["cases"]
    # As otter-grader runs them: none has the variables of another one.
    parsed = [doctest.DocTestParser().get_doctest(case["code"], {}, "chapter-02", None, None) for case in cases]
    results = [doctest.DocTestRunner(verbose=False).run(each, out=lambda text: None) for each in parsed]
    assert (len(results), sum(result.failed == 0 for result in results)) == (file["test"]["points"], passed)
