"""Tables as aligned text, at their natural width or squeezed into a number of columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kaleido.terminal.text import cut, padded, width

__all__ = ["table"]

_GAP = 2

# The least width of a column of text while a column can still be left out, and the least width at all.
_NARROW, _NARROWEST = 12, 8


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Collection[str] = (),
    columns: int | None = None,
    expendable: Sequence[str] = (),
) -> str:
    """Rows of cells under a line of headings; each row has one cell per heading.

    Columns under the headings in `left` are text and left-aligned; the others are numbers and right-aligned. In a table
    that is wider than `columns`, text is cut, in the widest column first. Before text is cut to less than a dozen
    columns, the `expendable` columns are left out, one after the other.
    """
    kept = list(range(len(headings)))
    every = [list(headings), *map(list, rows)]
    widths = [max(width(row[column]) for row in every) for column in kept]
    dropped = [headings.index(name) for name in expendable if name in headings]
    least = [min(size, _NARROW) if name in left else size for size, name in zip(widths, headings, strict=True)]
    while columns is not None and _total(least, kept) > columns and dropped:
        kept.remove(dropped.pop(0))
    if columns is not None:
        _squeeze(widths, [column for column in kept if headings[column] in left], columns - _total(widths, kept))
    lines = [_line(row, kept, widths, [name in left for name in headings]) for row in every]
    return "\n".join([lines[0], "-" * _total(widths, kept), *lines[1:]]) + "\n"


def _total(widths: Sequence[int], kept: Collection[int]) -> int:
    return sum(widths[column] for column in kept) + _GAP * (len(kept) - 1)


def _squeeze(widths: list[int], text: Sequence[int], spare: int) -> None:
    """Narrow the widest column of text, until the table fits or every text column is at its least width."""
    while spare < 0 and text:
        widest = max(text, key=lambda column: widths[column])
        if widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1
        spare += 1


def _line(row: Sequence[str], kept: Sequence[int], widths: Sequence[int], left: Sequence[bool]) -> str:
    cells = (padded(cut(row[column], widths[column]), widths[column], left=left[column]) for column in kept)
    return (" " * _GAP).join(cells).rstrip()
