"""Control-flow graphs drawn as text, or as Graphviz source.

A drawing keeps the blocks in the order of the IR, one box below the other, so that it can be read beside it:

    ┌─ entry ──────────────┐
    └─┬────────────────────┘
      ▼
 ┏━▶┌─ loop ───────────────┐
 ┃  │ br i1 %again, label… │
 ┗━━┥ true ↺ loop          │
    └─┬────────────────────┘
      ▼ false
    ┌─ done ───────────────┐
    └──────────────────────┘

The edge to the next block (the fallthrough) is the ▼ between the two boxes. Every other edge is a rail on the left.
Edges that enter a block from the same side share a rail: at ``├`` another edge joins, at ``┼`` two rails only cross.
Back edges, which close a loop, are heavy and marked with ↺; an edge that leads up need not be one.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, zip_longest
from typing import NamedTuple

from kaleido.report.flow import Block, Flow
from kaleido.terminal.text import cut, printable, width

__all__ = ["dot", "drawing"]


# Edges


class _Edge(NamedTuple):
    """All edges from one block to another; `text` has their conditions."""

    target: str
    text: str
    is_back_edge: bool


def _edges(flow: Flow) -> dict[str, list[_Edge]]:
    """The edges that leave each block, by its label."""
    back_edges = _back_edges({block.label: [label for label, _ in block.successors] for block in flow.blocks})
    return {
        block.label: [
            _Edge(target, ", ".join(text for label, text in block.successors if label == target and text),
                  (block.label, target) in back_edges)
            for target in dict.fromkeys(label for label, _ in block.successors)
        ]
        for block in flow.blocks
    }  # fmt: skip


def _back_edges(successors: dict[str, list[str]]) -> set[tuple[str, str]]:
    """The back edges of a depth-first search from the entry: those to a block that is on the current path.

    In a reducible graph (every loop has one entry block), they do not depend on the order of the search.
    """
    seen: set[str] = set()
    path: set[str] = set()
    found: set[tuple[str, str]] = set()
    stack = [(label, False) for label in reversed(successors)]
    while stack:
        label, leaving = stack.pop()
        if leaving:
            path.remove(label)
        elif label not in seen:
            seen.add(label)
            path.add(label)
            found.update((label, target) for target in successors[label] if target in path)
            stack.append((label, True))
            stack.extend((target, False) for target in reversed(successors[label]))
    return found


# Drawing: the boxes


class _Row(NamedTuple):
    """A line of a box, or between two boxes: `left`, `text` filled up with `fill`, `right`.

    `enters`  the label of the block whose rail ends in this row
    `leaves`  the edge whose rail begins in this row
    """

    left: str
    text: str
    fill: str
    right: str
    enters: str | None = None
    leaves: _Edge | None = None

    @property
    def width(self) -> int:
        """Its least width in columns."""
        return len(self.left) + width(self.text) + len(self.right)

    def within(self, columns: int) -> str:
        """The line, exactly `columns` wide."""
        inner = columns - len(self.left) - len(self.right)
        text = cut(self.text, inner)
        return f"{self.left}{text}{self.fill * (inner - width(text))}{self.right}"


def drawing(flow: Flow, columns: int) -> str:
    """The graph as lines of text, at most `columns` wide, which must be at least 40.

    Instructions that are too long are cut: the drawing shows the shape of a function. If rails would take more than
    half of the columns, they are left out, and the edges are only listed at the end of each box. Raises KeyError if an
    edge leads to a label without a block.
    """
    rows = list(_rows(flow, railed=True))
    rails = _rails(rows)
    if 2 * _lanes_needed(rails) + 1 > columns // 2:
        rows, rails = list(_rows(flow, railed=False)), []
    margin = _margin(_lanes(rails), rows)
    width = min(max(row.width for row in rows), columns - len(margin[0]))
    return "".join(f"{left}{row.within(width)}".rstrip() + "\n" for left, row in zip(margin, rows, strict=True))


def _rows(flow: Flow, *, railed: bool) -> Iterator[_Row]:
    edges = _edges(flow)
    for block, below in zip_longest(flow.blocks, flow.blocks[1:]):
        leaving = {edge.target: edge for edge in edges[block.label]}
        fallthrough = leaving.pop(below.label, None) if below else None
        yield _Row("┌─ ", f"{printable(block.label)} ", "─", "┐", enters=block.label)
        yield from (_Row("│ ", printable(line), " ", " │") for line in block.instructions)
        yield from (_exit(edge, railed) for edge in leaving.values())
        yield _Row("└─", "┬" if fallthrough else "─", "─", "┘")
        if below:
            yield _Row("  ", _arrow(fallthrough) if fallthrough else "", " ", "")


def _exit(edge: _Edge, railed: bool) -> _Row:
    left = ("┥ " if edge.is_back_edge else "┤ ") if railed else "│ "
    text = " ".join(filter(None, (_condition(edge), "↺" if edge.is_back_edge else "→", printable(edge.target))))
    return _Row(left, text, " ", " │", leaves=edge)


def _arrow(edge: _Edge) -> str:
    return " ".join(filter(None, ("▼", _condition(edge), "↺" if edge.is_back_edge else "")))


def _condition(edge: _Edge) -> str:
    """The condition of an edge, cut so that room is left for its target."""
    return cut(printable(edge.text), 16)


# Drawing: the rails


class _Rail:
    """The row where a block is entered, and the rows of edges to it: either all above that row or all below it."""

    def __init__(self, enters: int, leaves: dict[int, _Edge]) -> None:
        self.enters, self.leaves = enters, leaves
        self.first, self.last = min(enters, *leaves), max(enters, *leaves)

    @property
    def length(self) -> int:
        return self.last - self.first


def _rails(rows: Sequence[_Row]) -> list[_Rail]:
    entrances = {row.enters: number for number, row in enumerate(rows) if row.enters is not None}
    leaving: dict[tuple[int, bool], dict[int, _Edge]] = defaultdict(dict)
    for number, row in enumerate(rows):
        if row.leaves:
            enters = entrances[row.leaves.target]
            leaving[enters, enters < number][number] = row.leaves
    return [_Rail(enters, leaves) for (enters, _), leaves in leaving.items()]


def _lanes_needed(rails: Iterable[_Rail]) -> int:
    """The number of lanes that rails need: the most in any row. Rails that only meet at an end share a lane."""
    changes = sorted(chain.from_iterable(((rail.first, 1), (rail.last, -1)) for rail in rails))
    return max(accumulate(change for _, change in changes), default=0)


def _lanes(rails: list[_Rail]) -> list[list[_Rail]]:
    """The rails in the fewest possible lanes, the innermost first.

    First fit in the order of the rails' first rows needs the fewest lanes (the coloring of an interval graph). First
    fit in the order of their lengths has fewer crossings, and is used unless it needs more lanes.
    """
    fewest = _first_fit(sorted(rails, key=lambda rail: rail.first))
    by_length = _first_fit(sorted(rails, key=lambda rail: rail.length))
    if len(by_length) > len(fewest):
        return sorted(fewest, key=lambda lane: max(rail.length for rail in lane))
    return by_length


def _first_fit(rails: Iterable[_Rail]) -> list[list[_Rail]]:
    """Put each rail into the first lane that is free where the rail is."""
    lanes: list[list[_Rail]] = []
    for rail in rails:
        for lane in chain(lanes, [[]]):
            place = bisect(lane, rail.first, key=lambda other: other.first)
            if all(
                other.last <= rail.first or rail.last <= other.first for other in lane[max(0, place - 1) : place + 1]
            ):
                break
        if not lane:
            lanes.append(lane)
        lane.insert(place, rail)
    return lanes


# The arms of a cell are the digits of an index in base three: 0 none, 1 light, 2 heavy. Unicode has all 81 cells.
_LEFT, _DOWN, _RIGHT, _UP = range(4)
_LINES = " ╴╸╷┐┑╻┒┓╶─╾┌┬┭┎┰┱╺╼━┍┮┯┏┲┳╵┘┙│┤┥╽┧┪└┴┵├┼┽┟╁╅┕┶┷┝┾┿┢╆╈╹┚┛╿┦┩┃┨┫┖┸┹┞╀╃┠╂╉┗┺┻┡╄╇┣╊╋"

# The weight (1 or 2) of the arms, by row, column and arm.
_Arms = dict[tuple[int, int, int], int]


def _margin(lanes: Sequence[Sequence[_Rail]], rows: Sequence[_Row]) -> list[str]:
    """The rails to the left of the boxes, for each row: two columns per lane, and one for arrow heads."""
    arms: _Arms = {}
    width = 2 * len(lanes) + 1 if lanes else 0
    for column, lane in zip(range(width - 3, -1, -2), lanes, strict=True):
        for rail in lane:
            _draw(arms, rail, column, width)
    entered = {rail.enters for lane in lanes for rail in lane}
    cells = ["".join(_cell(arms, number, column) for column in range(width)) for number in range(len(rows))]
    return [f"{text[:-1]}▶" if number in entered else text for number, text in enumerate(cells)]


def _cell(arms: _Arms, row: int, column: int) -> str:
    return _LINES[sum(arms.get((row, column, arm), 0) * 3**arm for arm in range(4))]


def _draw(arms: _Arms, rail: _Rail, column: int, width: int) -> None:
    """Add a rail to `arms`. Where a heavy and a light line overlap, the arm is heavy."""
    for leaves, edge in rail.leaves.items():
        weight = 2 if edge.is_back_edge else 1
        first, last = sorted((leaves, rail.enters))
        down = [((row, column, _DOWN), (row + 1, column, _UP)) for row in range(first, last)]
        right = [((row, at, _RIGHT), (row, at + 1, _LEFT)) for row in (first, last) for at in range(column, width)]
        for arm in chain(*down, *right):
            arms[arm] = max(weight, arms.get(arm, 0))


# Graphviz


def dot(flow: Flow) -> str:
    """The graph as source text for Graphviz, in UTF-8; back edges are heavy.

    Raises KeyError if an edge leads to a label without a block.
    """
    numbers = {block.label: number for number, block in enumerate(flow.blocks)}
    lines = [
        "digraph {",
        f'  graph [label="{_escaped(flow.name)}", labelloc=t, fontname="monospace"];',
        '  node [shape=box, fontname="monospace"];',
        '  edge [fontname="monospace"];',
        *(f'  b{number} [label="{_box(block)}"];' for number, block in enumerate(flow.blocks)),
        *(
            f'  b{numbers[label]} -> b{numbers[edge.target]} [label="{_escaped(edge.text)}"{_style(edge)}];'
            for label, leaving in _edges(flow).items()
            for edge in leaving
        ),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _style(edge: _Edge) -> str:
    return ", style=bold" if edge.is_back_edge else ""


def _box(block: Block) -> str:
    """The text of a box, each line aligned to the left."""
    return "".join(
        f"{_escaped(line)}\\l" for line in (f"{block.label}:", *(f"  {line}" for line in block.instructions))
    )


def _escaped(text: str) -> str:
    """Text for a label: Graphviz interprets quotes, escapes and HTML entities in it."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
