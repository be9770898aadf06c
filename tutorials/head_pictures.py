"""Pictures of the chapters as SVG, drawn from the text pictures: `kaleido tutorial` shows the text, a browser the SVG.

python -m tutorials.head_pictures    write all pictures into tutorials/pictures/

A picture in a chapter is a line ``![What it shows.](pictures/NAME.svg)``, an empty line, and an HTML comment with a
``text`` block. Each character of that block is a cell of the SVG. Box-drawing characters are lines, which are joined;
a closed box has a ground; ``▶`` and its like are arrow heads; all else is text. Colors follow the browser's theme.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from kaleido.tutorial.chapters import FOLDER, chapters, title
from kaleido.tutorial.markdown import PICTURE

__all__ = ["STYLE", "drawn", "main", "pictures"]

CELL, ROW, MARGIN = 8.4, 18, 10
"""The width and the height of a character, and the room around a picture."""

STYLE = """\
text{font:14px ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#22252a;white-space:pre}
.p{fill:#faf9f6}.b{fill:#eef3fb}.l{fill:none;stroke:#5d6168;stroke-width:1.4;stroke-linecap:square}
.d{stroke-dasharray:3 4}
.a{fill:#1c5bb5}text.o0{fill:#965100;font-weight:bold}text.o3{fill:#007500;font-weight:bold}
@media(prefers-color-scheme:dark){
text{fill:#e4e2dd}.p{fill:#14161a}.b{fill:#1d2736}.l{stroke:#a2a7af}.a{fill:#82b4ff}
text.o0{fill:#ffaf00}text.o3{fill:#5fd75f}}
"""

# The sides at which a character meets its neighbors: north, east, south, west.
_SIDES = {
    "─": "EW", "│": "NS", "┌": "ES", "┐": "SW", "└": "NE", "┘": "NW", "├": "NES", "┤": "NSW", "┬": "ESW", "┴": "NEW",
    "┼": "NESW", "╎": "NS",
}  # fmt: skip
_STEPS = {"N": (-1, 0), "E": (0, 1), "S": (1, 0), "W": (0, -1)}
_OPPOSITE = {"N": "S", "E": "W", "S": "N", "W": "E"}
# An arrow head, and the side that its line comes from.
_HEADS = {"▶": "W", "◀": "E", "▼": "N", "▲": "S"}
_DIAGONALS = {"╱": ((1, 0), (0, 1)), "╲": ((0, 0), (1, 1))}
_TIERS = re.compile(r"(-O[03])")

Segment = tuple[float, float, float, float]


def pictures() -> dict[Path, str]:
    """The SVG of each picture in the chapters and TEACHING.md, by the path of its file."""
    found = {}
    for path in (*chapters().values(), FOLDER / "TEACHING.md"):
        for match in PICTURE.finditer(path.read_text("utf-8")):
            found[FOLDER / match["file"]] = drawn(match["text"], title(path), " ".join(match["alt"].split()))
    return found


def drawn(text: str, title: str, description: str) -> str:
    """The SVG of a picture in characters."""
    grid = text.rstrip("\n").split("\n")
    left = min(len(line) - len(line.lstrip()) for line in grid if line.strip())
    grid = [line[left:].rstrip() for line in grid]
    width, height = max(map(len, grid)) * CELL + 2 * MARGIN, len(grid) * ROW + 2 * MARGIN
    shapes = [*_boxes(grid), *_lines(grid), *_marks(grid), *_texts(grid)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
            f'height="{height:g}" role="img" aria-labelledby="t d">',
            f'<title id="t">{escape(title)}</title>',
            f'<desc id="d">{escape(description)}</desc>',
            f"<style>\n{STYLE}</style>",
            f'<rect class="p" width="{width:g}" height="{height:g}" rx="6"/>',
            *shapes,
            "</svg>\n",
        ]
    )


def _at(grid: Sequence[str], row: int, column: int) -> str:
    return grid[row][column] if 0 <= row < len(grid) and 0 <= column < len(grid[row]) else " "


def _cells(grid: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    return ((row, column, sign) for row, line in enumerate(grid) for column, sign in enumerate(line))


def _center(row: int, column: int) -> tuple[float, float]:
    return MARGIN + (column + 0.5) * CELL, MARGIN + (row + 0.5) * ROW


def _edge(row: int, column: int, side: str) -> tuple[float, float]:
    """The middle of a side of a cell."""
    (x, y), (down, right) = _center(row, column), _STEPS[side]
    return x + right * CELL / 2, y + down * ROW / 2


def _meets(grid: Sequence[str], row: int, column: int, side: str) -> bool:
    """Whether the neighbor at that side has a line to this cell."""
    down, right = _STEPS[side]
    return _OPPOSITE[side] in _SIDES.get(_at(grid, row + down, column + right), "")


def _lines(grid: Sequence[str]) -> Iterator[str]:
    """Lines in two paths, full and dashed; pieces that continue each other are one."""
    full, dashed = list[Segment](), list[Segment]()
    for row, column, sign in _cells(grid):
        met = (side for side in "NESW" if sign == "●" and _meets(grid, row, column, side))
        for side in _SIDES.get(sign, "") or _HEADS.get(sign, "") or "".join(met):
            (dashed if sign == "╎" else full).append((*_center(row, column), *_edge(row, column, side)))
        if sign in _DIAGONALS:
            (x, y), ends = (MARGIN + column * CELL, MARGIN + row * ROW), _DIAGONALS[sign]
            full.append((x + ends[0][0] * CELL, y + ends[0][1] * ROW, x + ends[1][0] * CELL, y + ends[1][1] * ROW))
    for segments, style in ((full, "l"), (dashed, "l d")):
        if segments:
            yield f'<path class="{style}" d="{"".join(_joined(segments))}"/>'


def _joined(segments: Iterable[Segment]) -> Iterator[str]:
    spans: dict[tuple[bool, float], list[tuple[float, float]]] = {}
    for x, y, end_x, end_y in segments:
        if x != end_x and y != end_y:
            yield f"M{x:g} {y:g}L{end_x:g} {end_y:g}"
        else:
            spans.setdefault((y == end_y, y if y == end_y else x), []).append(
                (min(x, end_x), max(x, end_x)) if y == end_y else (min(y, end_y), max(y, end_y))
            )
    for (level, place), pieces in spans.items():
        for begin, end in _merged(sorted(pieces)):
            yield f"M{begin:g} {place:g}H{end:g}" if level else f"M{place:g} {begin:g}V{end:g}"


def _merged(pieces: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    first, *rest = pieces
    begin, end = first
    for left, right in rest:
        if left > end + 0.01:
            yield begin, end
            begin, end = left, right
        end = max(end, right)
    yield begin, end


def _marks(grid: Sequence[str]) -> Iterator[str]:
    """Arrow heads, whose tips are at the side of the cell, and dots."""
    for row, column, sign in _cells(grid):
        x, y = _center(row, column)
        if sign == "●":
            yield f'<circle class="a" cx="{x:g}" cy="{y:g}" r="4"/>'
        elif sign in _HEADS:
            (down, right), (tip_x, tip_y) = _STEPS[_HEADS[sign]], _edge(row, column, _OPPOSITE[_HEADS[sign]])
            # The tip touches the line of a box that begins in the next cell.
            beyond = CELL / 2 if right and _at(grid, row, column - right) in "│├┤┼" else 0
            tip_x -= right * beyond
            back_x, back_y = tip_x + right * 10, tip_y + down * 10
            yield (
                f'<path class="a" d="M{tip_x:g} {tip_y:g}L{back_x + down * 4.5:g} {back_y + right * 4.5:g}'
                f'L{back_x - down * 4.5:g} {back_y - right * 4.5:g}z"/>'
            )


def _boxes(grid: Sequence[str]) -> Iterator[str]:
    """The grounds of closed boxes with text in them."""
    for row, column, sign in _cells(grid):
        if sign != "┌":
            continue
        right = next((each for each in range(column + 1, len(grid[row])) if "S" in _SIDES.get(grid[row][each], "")
                      or "W" not in _SIDES.get(grid[row][each], "")), None)  # fmt: skip
        below = next((each for each in range(row + 1, len(grid)) if "N" not in _SIDES.get(_at(grid, each, column), "")
                      or _at(grid, each, column) == "└"), None)  # fmt: skip
        if right is None or below is None or _at(grid, row, right) != "┐" or _at(grid, below, column) != "└":
            continue
        across = all("E" in _SIDES.get(_at(grid, below, each), "") for each in range(column, right))
        down = all("S" in _SIDES.get(_at(grid, each, right), "") for each in range(row, below))
        inside = "".join(grid[each][column + 1 : right] for each in range(row + 1, below))
        if across and down and not set(inside) & {"┌", "┐"}:
            (x, y), (end_x, end_y) = _center(row, column), _center(below, right)
            yield f'<rect class="b" x="{x:g}" y="{y:g}" width="{end_x - x:g}" height="{end_y - y:g}"/>'


def _texts(grid: Sequence[str]) -> Iterator[str]:
    """Runs of text. Each has the width of its cells, whatever the font."""
    drawn = "".join({*_SIDES, *_HEADS, *_DIAGONALS, "●"})
    for row, line in enumerate(grid):
        text = "".join("\0" if sign in drawn else sign for sign in line)
        for match in re.finditer(r"[^\s\0]+(?: [^\s\0]+)*", text):
            yield from _run(match[0], row, match.start())


def _run(text: str, row: int, column: int) -> Iterator[str]:
    y = MARGIN + row * ROW + 13.5
    for piece in filter(None, _TIERS.split(text)):
        begin = column + len(piece) - len(piece.lstrip())
        word, column = piece.strip(), column + len(piece)
        if word:
            tier = f' class="{word[1:].lower()}"' if _TIERS.fullmatch(word) else ""
            yield (
                f'<text{tier} x="{MARGIN + begin * CELL:g}" y="{y:g}" textLength="{len(word) * CELL:g}" '
                f'lengthAdjust="spacingAndGlyphs">{escape(word, quote=False)}</text>'
            )


def main() -> None:
    found = pictures()
    (FOLDER / "pictures").mkdir(exist_ok=True)
    for path in (FOLDER / "pictures").glob("*.svg"):
        if path not in found:
            path.unlink()
    for path, text in found.items():
        path.write_text(text, "utf-8")
        print(path.relative_to(FOLDER), len(text.encode()), "bytes")


if __name__ == "__main__":
    main()
