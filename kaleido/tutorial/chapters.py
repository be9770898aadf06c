"""The chapters of the tutorial, and the blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "FENCE",
    "FOLDER",
    "Block",
    "blocks",
    "blocks_of",
    "chapters",
    "numbered",
    "program_at",
    "sections",
    "solutions",
    "there_are",
    "title",
]

FENCE = re.compile(r"^```(\w*) *(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A fenced block: its language, what else stands on the line of the fence, its text."""

_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
_TITLE = re.compile(r"# (?:\d+\. )?(.*)")


def _folder() -> Path:
    """The chapters: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "tutorials"
    return shipped if shipped.is_dir() else package.parent / "tutorials"


FOLDER = _folder()
"""Where the chapters are."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what else stands on the line of the fence, its text, and where it begins."""

    language: str
    title: str
    text: str
    place: str


def chapters() -> dict[int, Path]:
    """The chapters by number."""
    return {int(path.name[:2]): path for path in sorted(FOLDER.glob("[0-9][0-9]-*.md"))}


def numbered(text: str) -> int | None:
    """The chapter that a text is the number of; None if there is none."""
    return int(text) if text.isdecimal() and int(text) in chapters() else None


def there_are() -> str:
    """Which chapters there are, for whoever has asked for another one."""
    return f"there are chapters {min(chapters())} to {max(chapters())}"


def solutions(chapter: int) -> Path:
    """The solutions of a chapter's exercises."""
    return FOLDER / "solutions" / f"{chapter:02}.md"


def title(path: Path) -> str:
    """What a chapter is called, without its number. Raises OSError."""
    with path.open(encoding="utf-8") as file:
        match = _TITLE.match(file.readline())
    return match[1] if match else path.stem


def blocks(text: str, name: str) -> list[Block]:
    """The fenced blocks of a Markdown text, in order; `name` is for messages."""
    return [
        Block(match[1], match[2], match[3], f"{name}:{text.count(chr(10), 0, match.start()) + 1}")
        for match in FENCE.finditer(text)
    ]


def blocks_of(path: Path) -> list[Block]:
    """The fenced blocks of a Markdown file, in order. Raises OSError."""
    return blocks(path.read_text("utf-8"), path.name)


def sections(text: str) -> dict[str, str]:
    """What stands under each heading of the second level."""
    _, *pieces = _HEADING.split(text)
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def program_at(chapter: int) -> list[Block]:
    """The blocks of the program as of the end of `chapter`."""
    return [
        block
        for number, path in chapters().items()
        if number <= chapter
        for block in blocks_of(path)
        if block.language == "python"
    ]
