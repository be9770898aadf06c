"""kaleido/report/tables.py, and how wide text is: kaleido/terminal/text.py."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaleido.report.tables import table
from kaleido.terminal.text import cut, padded, width

WIDE, ACCENT = "日本", "e\u0301"


# How wide text is


@pytest.mark.parametrize(
    ("text", "columns"), [("", 0), ("abc", 3), (WIDE, 4), (ACCENT, 1), ("a\tb", 10), ("→▼…", 3), ("\x1b", 0)]
)
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abcd", 1, "…"),
        (WIDE + "x", 4, "日…"),
        (WIDE + "x", 3, "日…"),
        (ACCENT * 3, 2, ACCENT + "…"),
    ],
)
def test_cut(text: str, columns: int, shown: str) -> None:
    assert cut(text, columns) == shown


def test_padded() -> None:
    assert [padded(text, 5) + "|" for text in ("ab", WIDE, ACCENT, "abcdef")] == [
        "ab   |",
        WIDE + " |",
        ACCENT + "    |",
        "abcdef|",
    ]
    assert padded(WIDE, 5, left=False) == " " + WIDE


# Sequences that are drawn as one character are a terminal's own affair.
TEXT = st.text(st.sampled_from(["a", "b", " ", "日", "é", "\u0301", "→"]), max_size=30)


@given(TEXT, st.integers(1, 40))
def test_what_is_cut_fits_and_is_a_beginning(text: str, columns: int) -> None:
    shown = cut(text, columns)
    assert width(shown) <= columns
    assert shown == text or text.startswith(shown.removesuffix("…"))
    assert width(padded(shown, columns)) == columns


# Tables


def test_text_stands_at_the_left_and_numbers_at_the_right() -> None:
    rows = [["f", "1"], [WIDE, "10"], [ACCENT, "-"]]
    assert table(("name", "runs"), rows, left=("name",)) == (
        f"name  runs\n----------\nf        1\n{WIDE}    10\n{ACCENT}        -\n"
    )


def test_no_line_ends_in_blanks() -> None:
    assert table(("name", "source"), [["f", ""], ["g", "x"]], left=("name", "source")).split("\n")[2] == "f"


def test_a_table_without_rows_is_its_headings() -> None:
    assert table(("a", "b"), []) == "a  b\n----\n"


def test_what_is_too_wide_is_cut() -> None:
    rows = [["x" * 30, "123", "y" * 20]]
    assert table(("name", "n", "source"), rows, left=("name", "source"), columns=37).splitlines()[2] == (
        "x" * 14 + "…  123  " + "y" * 14 + "…"
    )


@pytest.mark.parametrize(
    ("columns", "headings"),
    [(28, "name first second third"), (27, "name second third"), (19, "name third"), (11, "name")],
)
def test_columns_are_left_out_in_their_order(columns: int, headings: str) -> None:
    rows = [["name", "1", "2", "3"]]
    names = ("name", "first", "second", "third")
    wide = [[cell.ljust(4), *(each.rjust(6) for each in others)] for cell, *others in rows]
    shown = table(names, wide, left=("name",), columns=columns, expendable=("first", "second", "third"))
    assert shown.split("\n")[0].split() == headings.split()


def test_numbers_are_never_cut() -> None:
    shown = table(("name", "bytes"), [["x" * 30, "123,456,789"]], left=("name",), columns=10)
    assert shown.splitlines()[2] == "x" * 7 + "…  123,456,789"


NAMES = ("unit", "runs", "bytes", "source", "dependents")
LEFT = ("unit", "source", "dependents")
EXPENDABLE = ("source", "bytes", "dependents")
ROWS = st.lists(st.tuples(TEXT, *[st.from_regex(r"[1-9]{1,9}", fullmatch=True)] * 2, TEXT, TEXT), max_size=5)


@given(ROWS, st.integers(1, 150))
def test_a_table_is_as_wide_as_can_be_had(rows: Sequence[Sequence[str]], columns: int) -> None:
    shown = table(NAMES, rows, left=LEFT, columns=columns, expendable=EXPENDABLE).split("\n")
    assert len(shown) == len(rows) + 3
    # What stays at last: a number of nine digits at most, and text that is cut to eight columns.
    runs = max(map(len, ["runs", *(row[1] for row in rows)]))
    assert max(map(width, shown)) <= max(columns, 8 + 2 + runs)
    everything = table(NAMES, rows, left=LEFT).split("\n")
    if max(map(width, everything)) <= columns:
        assert shown == everything


@given(ROWS, st.integers(1, 150))
def test_what_is_left_out_is_left_out_in_order(rows: Sequence[Sequence[str]], columns: int) -> None:
    heading = table(NAMES, rows, left=LEFT, columns=columns, expendable=EXPENDABLE).split("\n")[0]
    there = [name[:7] in heading for name in EXPENDABLE]
    assert there == sorted(there)
    assert heading.startswith("unit")
    assert "runs" in heading
