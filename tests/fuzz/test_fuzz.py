"""A short search that is always the same, and the printer against every program there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaleido.diagnostics import Source, SyntaxFault
from kaleido.language.parser import parse
from tests.fuzz.search import Search
from tests.fuzz.trees import check_printer
from tests.fuzz.vocabulary import TABLE
from tests.test_language import PROGRAMS, programs, read

TUTORIALS = sorted((PROGRAMS.parents[1] / "tutorials").rglob("*.kal"))


def test_random_programs_do_the_same_in_every_mode() -> None:
    search = Search()
    assert search.tiers(120, seed=0) is None
    # It is about hot code that is replaced and taken back: some of that has to have happened.
    assert search.counts["swapped"] > 200 and search.counts["invalidated"] > 20
    assert search.counts["too long"] < 10


def test_reader_takes_anything() -> None:
    assert Search().reader(800, seed=0) is None


@pytest.mark.parametrize("path", [*programs(), *TUTORIALS], ids=lambda path: path.name)
def test_printed_programs_are_read_as_what_they_were(path: Path) -> None:
    try:
        items = parse(Source(path.name, read(path)), TABLE)
    except SyntaxFault:
        pytest.skip("not a program")
    check_printer(items, TABLE)
