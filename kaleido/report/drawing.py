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

An edge to the very next block is the ▼ between the two. Any other is a rail on the left. Edges that come to a block
from the same side share one, so ``├`` is where another edge joins, and ``┼`` is where two rails only cross. Heavy rails
and ↺ are for edges that close a loop, wherever they lead: not every edge that leads up closes one.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, zip_longest

from kaleido.report.flow import Block, Flow
from kaleido.terminal.text import cut, printable, width

__all__ = ["dot", "drawing"]


# Edges


@dataclass(frozen=True)
class _Edge:
    """All edges from one block to another, in one."""

    target: str
    text: str
    closes: bool


def _edges(flow: Flow) -> dict[str, list[_Edge]]:
    """The edges that leave each block, by its label."""
    closing = _closing({block.label: [label for label, _ in block.successors] for block in flow.blocks})
    return {
        block.label: [
            _Edge(target, ", ".join(text for label, text in block.successors if label == target and text),
                  (block.label, target) in closing)
            for target in dict.fromkeys(label for label, _ in block.successors)
        ]
        for block in flow.blocks
    }  # fmt: skip


def _closing(following: dict[str, list[str]]) -> set[tuple[str, str]]:
    """The edges that lead back to a block on the way to where they leave, going depth first from the entry.

    Where every loop has one entrance, those are the same whichever way is gone first.
    """
    seen: set[str] = set()
    way: set[str] = set()
    closing: set[tuple[str, str]] = set()
    stack = [(label, False) for label in reversed(following)]
    while stack:
        label, leaving = stack.pop()
        if leaving:
            way.remove(label)
        elif label not in seen:
            seen.add(label)
            way.add(label)
            closing.update((label, target) for target in following[label] if target in way)
            stack.append((label, True))
            stack.extend((target, False) for target in reversed(following[label]))
    return closing


# Drawing: the boxes


@dataclass(frozen=True)
class _Row:
    """A line of a box, or between two: what is at its ends, and text in between, which is filled up.

    It may be where the rail to a block ends, or where an edge leaves for one.
    """

    left: str
    text: str
    fill: str
    right: str
    enters: str | None = None
    leaves: _Edge | None = None

    @property
    def width(self) -> int:
        """How many columns it needs."""
        return len(self.left) + width(self.text) + len(self.right)

    def within(self, columns: int) -> str:
        """The line, exactly so wide."""
        inner = columns - len(self.left) - len(self.right)
        text = cut(self.text, inner)
        return f"{self.left}{text}{self.fill * (inner - width(text))}{self.right}"


def drawing(flow: Flow, columns: int) -> str:
    """The graph as lines of text, none wider than `columns`: 40 or more of them, on a terminal.

    Instructions that are too long are cut: the boxes are for the shape of a function. Where rails would take more than
    half of the columns there are none, and the edges are only named at the end of each box. Raises KeyError where an
    edge leads to no block.
    """
    rows = list(_rows(flow, railed=True))
    rails = _rails(rows)
    if 2 * _crowd(rails) + 1 > columns // 2:
        rows, rails = list(_rows(flow, railed=False)), []
    margin = _drawn(_lanes(rails), rows)
    width = min(max(row.width for row in rows), columns - len(margin[0]))
    return "".join(f"{left}{row.within(width)}".rstrip() + "\n" for left, row in zip(margin, rows, strict=True))


def _rows(flow: Flow, *, railed: bool) -> Iterator[_Row]:
    edges = _edges(flow)
    for block, below in zip_longest(flow.blocks, flow.blocks[1:]):
        leaving = {edge.target: edge for edge in edges[block.label]}
        falling = leaving.pop(below.label, None) if below else None
        yield _Row("┌─ ", f"{printable(block.label)} ", "─", "┐", enters=block.label)
        yield from (_Row("│ ", printable(line), " ", " │") for line in block.instructions)
        yield from (_exit(edge, railed) for edge in leaving.values())
        yield _Row("└─", "┬" if falling else "─", "─", "┘")
        if below:
            yield _Row("  ", _falling(falling) if falling else "", " ", "")


def _exit(edge: _Edge, railed: bool) -> _Row:
    left = ("┥ " if edge.closes else "┤ ") if railed else "│ "
    text = " ".join(filter(None, (_meant(edge), "↺" if edge.closes else "→", printable(edge.target))))
    return _Row(left, text, " ", " │", leaves=edge)


def _falling(edge: _Edge) -> str:
    return " ".join(filter(None, ("▼", _meant(edge), "↺" if edge.closes else "")))


def _meant(edge: _Edge) -> str:
    """What an edge is for, with room left for where it leads."""
    return cut(printable(edge.text), 16)


# Drawing: the rails


@dataclass(frozen=True)
class _Rail:
    """The row where it enters a block, and those of the edges that leave for it, all above that or all below."""

    enters: int
    leaves: dict[int, _Edge]

    @cached_property
    def first(self) -> int:
        return min(self.enters, *self.leaves)

    @cached_property
    def last(self) -> int:
        return max(self.enters, *self.leaves)

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


def _crowd(rails: Iterable[_Rail]) -> int:
    """How many lanes rails need: as many as are in one place. Two that meet at their block are not."""
    changes = sorted(chain.from_iterable(((rail.first, 1), (rail.last, -1)) for rail in rails))
    return max(accumulate(change for _, change in changes), default=0)


def _lanes(rails: list[_Rail]) -> list[list[_Rail]]:
    """The rails in as few lanes as can be, the innermost first.

    They are if rails are taken by where they begin, and for each the first lane that is free. With the shortest first
    there are fewer crossings, but there may be more lanes.
    """
    few = _fitted(sorted(rails, key=lambda rail: rail.first))
    neat = _fitted(sorted(rails, key=lambda rail: rail.length))
    if len(neat) > len(few):
        return sorted(few, key=lambda lane: max(rail.length for rail in lane))
    return neat


def _fitted(rails: Iterable[_Rail]) -> list[list[_Rail]]:
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


# The arms of a cell, as places in base three of an index: none is 0, light 1, heavy 2. (Unicode has them all.)
_LEFT, _DOWN, _RIGHT, _UP = range(4)
_LINES = " ╴╸╷┐┑╻┒┓╶─╾┌┬┭┎┰┱╺╼━┍┮┯┏┲┳╵┘┙│┤┥╽┧┪└┴┵├┼┽┟╁╅┕┶┷┝┾┿┢╆╈╹┚┛╿┦┩┃┨┫┖┸┹┞╀╃┠╂╉┗┺┻┡╄╇┣╊╋"

# How heavy the arms of the cells are that have any, by row, column and arm.
_Arms = dict[tuple[int, int, int], int]


def _drawn(lanes: Sequence[Sequence[_Rail]], rows: Sequence[_Row]) -> list[str]:
    """What is left of the boxes, for each row: two columns for a lane, and one more for arrow heads."""
    arms: _Arms = {}
    width = 2 * len(lanes) + 1 if lanes else 0
    for column, lane in zip(range(width - 3, -1, -2), lanes, strict=True):
        for rail in lane:
            _lay(arms, rail, column, width)
    entered = {rail.enters for lane in lanes for rail in lane}
    cells = ["".join(_cell(arms, number, column) for column in range(width)) for number in range(len(rows))]
    return [f"{text[:-1]}▶" if number in entered else text for number, text in enumerate(cells)]


def _cell(arms: _Arms, row: int, column: int) -> str:
    return _LINES[sum(arms.get((row, column, arm), 0) * 3**arm for arm in range(4))]


def _lay(arms: _Arms, rail: _Rail, column: int, width: int) -> None:
    """Draw a rail, over what is there already: where a heavy and a light line are in one place it is heavy."""
    for leaves, edge in rail.leaves.items():
        weight = 2 if edge.closes else 1
        first, last = sorted((leaves, rail.enters))
        down = [((row, column, _DOWN), (row + 1, column, _UP)) for row in range(first, last)]
        right = [((row, at, _RIGHT), (row, at + 1, _LEFT)) for row in (first, last) for at in range(column, width)]
        for arm in chain(*down, *right):
            arms[arm] = max(weight, arms.get(arm, 0))


# Graphviz


def dot(flow: Flow) -> str:
    """The graph as source text for Graphviz, in UTF-8; edges that close a loop are heavy.

    Raises KeyError where an edge leads to no block.
    """
    numbers = {block.label: number for number, block in enumerate(flow.blocks)}
    lines = [
        "digraph {",
        f'  graph [label="{_escaped(flow.name)}", labelloc=t, fontname="monospace"];',
        '  node [shape=box, fontname="monospace"];',
        '  edge [fontname="monospace"];',
        *(f'  b{number} [label="{_box(block)}"];' for number, block in enumerate(flow.blocks)),
        *(
            f'  b{numbers[label]} -> b{numbers[edge.target]} [label="{_escaped(edge.text)}"{_BOLD * edge.closes}];'
            for label, leaving in _edges(flow).items()
            for edge in leaving
        ),
        "}",
    ]
    return "\n".join(lines) + "\n"


_BOLD = ", style=bold"


def _box(block: Block) -> str:
    """The text of a box, each line aligned to the left."""
    return "".join(
        f"{_escaped(line)}\\l" for line in (f"{block.label}:", *(f"  {line}" for line in block.instructions))
    )


def _escaped(text: str) -> str:
    """Text for a label, in which Graphviz reads quotes, escapes and HTML's entities."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
