"""Finds the chapters of the tutorial, and the fenced blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "FENCE",
    "FOLDER",
    "GLOSSARY",
    "REFERENCE",
    "Block",
    "blocks",
    "blocks_of",
    "chapter_number",
    "chapter_range",
    "chapters",
    "program_at",
    "sections",
    "solutions",
    "title",
]

FENCE = re.compile(r"^```(\w*) *(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A fenced block. The groups: its language, the rest of the line of the fence, its text."""

_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
_TITLE = re.compile(r"# (?:\d+\. )?(.*)")


def _folder() -> Path:
    """The folder with the chapters, which is inside the package when installed and beside it in a checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "tutorials"
    return shipped if shipped.is_dir() else package.parent / "tutorials"


FOLDER = _folder()
"""The folder with the chapters."""

REFERENCE = FOLDER / "REFERENCE.md"
"""The language on one page."""

GLOSSARY = FOLDER / "GLOSSARY.md"
"""The terms of the tutorial, each with the chapter that introduces it."""


@dataclass(frozen=True)
class Block:
    """A fenced block.

    `language`  the first word on the line of the fence
    `title`     the rest of that line: the name of a file, or empty
    `text`      the lines between the fences
    `place`     where it begins, for messages: ``file:line``
    """

    language: str
    title: str
    text: str
    place: str

    @property
    def changes_program(self) -> bool:
        """Whether the block is a part of the program: new code, or a change to earlier code."""
        return self.language in ("python", "diff") and not self.title

    @property
    def is_file(self) -> bool:
        """Whether the block is a file of its own, named by its title."""
        return self.language in ("kal", "python") and bool(self.title)

    @property
    def code(self) -> str:
        """The text; that of a change, as it is afterwards."""
        return self._without("-") if self.language == "diff" else self.text

    @property
    def replaced(self) -> str:
        """The code that a change replaces, as it was before; empty for other blocks."""
        return self._without("+") if self.language == "diff" else ""

    def _without(self, sign: str) -> str:
        return "".join(line[1:] or "\n" for line in self.text.splitlines(keepends=True) if not line.startswith(sign))


def chapters() -> dict[int, Path]:
    """The paths of the chapters, by number."""
    return {int(path.name[:2]): path for path in sorted(FOLDER.glob("[0-9][0-9]-*.md"))}


def chapter_number(text: str) -> int | None:
    """The number of an existing chapter, from text; None if no chapter has that number."""
    return int(text) if text.isdecimal() and int(text) in chapters() else None


def chapter_range() -> str:
    """The numbers of the chapters, for messages."""
    return f"the chapters are {min(chapters())} to {max(chapters())}"


def solutions(chapter: int) -> Path:
    """The path of the solutions to a chapter's exercises, which may not exist."""
    return FOLDER / "solutions" / f"{chapter:02}.md"


def title(path: Path) -> str:
    """The title of a chapter, without its number. Raises OSError."""
    with path.open(encoding="utf-8") as file:
        match = _TITLE.match(file.readline())
    return match[1] if match else path.stem


def blocks(text: str, name: str) -> list[Block]:
    """The fenced blocks of a Markdown text, in order. `name` is the file name for messages."""
    return [
        Block(match[1], match[2], match[3], f"{name}:{text.count(chr(10), 0, match.start()) + 1}")
        for match in FENCE.finditer(text)
    ]


def blocks_of(path: Path) -> list[Block]:
    """The fenced blocks of a Markdown file, in order. Raises OSError."""
    return blocks(path.read_text("utf-8"), path.name)


def sections(text: str) -> dict[str, str]:
    """The text under each heading of the second level, by heading."""
    _, *pieces = _HEADING.split(text)
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def program_at(chapter: int) -> list[Block]:
    """The blocks that make up the program at the end of `chapter`."""
    return [
        block
        for number, path in chapters().items()
        if number <= chapter
        for block in blocks_of(path)
        if block.changes_program
    ]
