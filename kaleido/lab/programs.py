"""The programs that the page can open: the examples, and the programs of the tutorial's chapters."""

from __future__ import annotations

from functools import cache

from kaleido.tutorial.chapters import FOLDER, blocks_of, chapters, title

__all__ = ["programs"]


@cache
def programs() -> dict[str, str]:
    """The text of each program, by a name for people."""
    examples = {path.name: path.read_text("utf-8") for path in sorted((FOLDER / "examples").glob("*.kal"))}
    shown = {
        f"Chapter {number}, {title(path)}: {block.title}": block.text
        for number, path in chapters().items()
        for block in blocks_of(path)
        if block.language == "kal" and block.title
    }
    return examples | shown
