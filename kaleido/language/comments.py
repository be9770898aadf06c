"""The comment that documents a definition."""

from __future__ import annotations

__all__ = ["comment_above"]


def comment_above(text: str, start: int) -> str:
    """The comment on the lines right above the line of an item that begins at `start`, without its marks.

    It is empty where there is none, and where something else is on that line before the item. A first line that
    begins with ``#!`` names an interpreter, and is no comment for a reader.
    """
    *above, beside = text[:start].split("\n")
    lines: list[str] = []
    while not beside.strip() and above and above[-1].lstrip().startswith("#") and not _names_interpreter(above):
        lines.insert(0, above.pop().strip().removeprefix("#").removeprefix(" "))
    return "\n".join(lines)


def _names_interpreter(lines: list[str]) -> bool:
    return len(lines) == 1 and lines[0].startswith("#!")
