"""Tables as aligned text, as wide as they need to be or as there is room for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kaleido.terminal.text import cut, padded, width

__all__ = ["table"]

_GAP = 2

# A column of text is not cut to less, as long as there is a column to leave out.
_NARROWEST, _NARROWEST_OF_ALL = 12, 8


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Collection[str] = (),
    columns: int | None = None,
    expendable: Sequence[str] = (),
) -> str:
    """Rows of cells, each a cell for each heading, under a line of headings.

    Columns under the headings in `left` are text, and begin at the left; others are numbers, and end at the right.
    Where that is wider than `columns`, text is cut, the widest first; and where that would leave too little of it, the
    `expendable` columns are left out, one after the other.
    """
    kept = list(range(len(headings)))
    every = [list(headings), *map(list, rows)]
    widths = [max(width(row[column]) for row in every) for column in kept]
    dropped = [headings.index(name) for name in expendable if name in headings]
    least = [min(size, _NARROWEST) if name in left else size for size, name in zip(widths, headings, strict=True)]
    while columns is not None and _total(least, kept) > columns and dropped:
        kept.remove(dropped.pop(0))
    if columns is not None:
        _squeeze(widths, [column for column in kept if headings[column] in left], columns - _total(widths, kept))
    lines = [_line(row, kept, widths, [name in left for name in headings]) for row in every]
    return "\n".join([lines[0], "-" * _total(widths, kept), *lines[1:]]) + "\n"


def _total(widths: Sequence[int], kept: Collection[int]) -> int:
    return sum(widths[column] for column in kept) + _GAP * (len(kept) - 1)


def _squeeze(widths: list[int], text: Sequence[int], spare: int) -> None:
    """Take from the widest column of text until nothing is missing, or nothing is left to take."""
    while spare < 0 and text:
        widest = max(text, key=lambda column: widths[column])
        if widths[widest] <= _NARROWEST_OF_ALL:
            return
        widths[widest] -= 1
        spare += 1


def _line(row: Sequence[str], kept: Sequence[int], widths: Sequence[int], left: Sequence[bool]) -> str:
    cells = (padded(cut(row[column], widths[column]), widths[column], left=left[column]) for column in kept)
    return (" " * _GAP).join(cells).rstrip()
