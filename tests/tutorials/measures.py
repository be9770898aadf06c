"""Measures of the chapters: how much there is to read and to type, and how long until something runs.

    python -m tests.tutorials.measures

prints a line for each chapter:

`words`      in its prose
`ideas`      new ones, declared in the line under its title
`typed`      lines of the program that are not empty; of a change, the lines with `+`
`stretch`    the most of these lines without anything to run
`wide`       lines of code that are wider than 79 columns
`discarded`  lines of definitions that a later Python block removes, or replaces with most of their lines: a change
             would show which of them
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kaleido.terminal.text import width
from kaleido.tutorial.chapters import Block, blocks_of, chapters
from kaleido.tutorial.reader import RUN
from kaleido.tutorial.tangle import Program
from tests.documents import prose
from tests.tutorials.changes import LINE_LENGTH, slight

__all__ = ["MOST_IDEAS", "MOST_TYPED", "Measures", "measures"]

MOST_TYPED = 50
"""The longest stretch of typed lines without anything to run."""

MOST_IDEAS = 5

_IDEAS = re.compile(r"^\*Goal: [^*]*?· new: ([^·]*) · needs: ", re.MULTILINE)
_CODE = ("python", "diff", "kal", "pycon", "llvm", "lark", "sh")


@dataclass
class Measures:
    """The measures of one chapter; the places of what is too wide and of what is discarded later."""

    words: int
    ideas: int
    typed: int = 0
    stretch: int = 0
    wide: list[str] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)

    @property
    def excess(self) -> list[str]:
        """What is beyond the limits."""
        return [
            *([f"{self.stretch} lines are typed before something runs"] if self.stretch > MOST_TYPED else []),
            *([f"{self.ideas} new ideas"] if self.ideas > MOST_IDEAS else []),
            *(f"{place}: too wide" for place in self.wide),
            *(f"{each}" for each in self.discarded),
        ]


def measures() -> dict[int, Measures]:
    """The measures of all chapters."""
    program, found = Program(), dict[int, Measures]()
    for number, path in chapters().items():
        text = path.read_text("utf-8")
        ideas = _IDEAS.search(" ".join(text.split("\n\n")[1].split()))
        found[number] = measured = Measures(len(prose(text).split()), len(ideas[1].split(",")) if ideas else 0)
        since = 0
        for block in blocks_of(path):
            measured.wide += _wide(block)
            if block.language in RUN:
                since = 0
            elif block.changes_program:
                measured.discarded += _discarded(block, program)
                since += _typed(block)
                measured.typed += _typed(block)
                measured.stretch = max(measured.stretch, since)
    return found


def _typed(block: Block) -> int:
    lines = block.text.splitlines()
    return sum(line.startswith("+") and line != "+" if block.language == "diff" else bool(line) for line in lines)


def _wide(block: Block) -> Iterator[str]:
    """The places of lines that are too wide. The sign of a change does not count."""
    file, _, first = block.place.rpartition(":")
    for number, line in enumerate(block.text.splitlines(), int(first) + 1):
        code = line[1:] if block.language == "diff" else line
        if width(code) > LINE_LENGTH and (block.language in _CODE or line.startswith("$ ")):
            yield f"{file}:{number}"


def _discarded(block: Block, program: Program) -> Iterator[str]:
    """The definitions that a Python block removes, or replaces although most of their lines stay; takes the block."""
    before, kept = program.members(), slight(block, program) if block.language == "python" else []
    program.take(block)
    if block.language == "python":
        yield from (f"{block.place}: {name} has most of its lines again" for name in kept)
        yield from (f"{block.place}: {name} was typed, and is deleted" for name in before.keys() - program.members())


def main() -> None:
    print("chapter  words  ideas  typed  stretch  wide  discarded")
    found = measures()
    for number, each in found.items():
        print(
            f"{number:7}  {each.words:5}  {each.ideas:5}  {each.typed:5}  {each.stretch:7}  {len(each.wide):4}  "
            f"{len(each.discarded):9}"
        )
    for number, each in found.items():
        for line in each.excess:
            print(f"chapter {number}: {line}")


if __name__ == "__main__":
    main()
