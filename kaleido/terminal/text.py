"""Text as a terminal shows it: its width in columns, padding, colors, replacing control characters."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

__all__ = ["blank", "cut", "fitting", "padded", "painted", "printable", "width"]

# The width of a tab where the exact width matters little.
_TAB = 8


def width(text: str) -> int:
    """The width of `text` in columns of a terminal."""
    from wcwidth import wcswidth

    return len(text) if text.isascii() and text.isprintable() else max(0, wcswidth(text.replace("\t", " " * _TAB)))


def cut(text: str, columns: int) -> str:
    """`text` if it fits into `columns`; otherwise as much of its beginning as fits, with an ellipsis."""
    if width(text) <= columns:
        return text
    end = fitting(text, columns - 1)
    # A variation selector may widen the character before it.
    while end and width(text[:end]) >= columns:
        end -= 1
    return text[:end] + "…"


def padded(text: str, columns: int, *, left: bool = True) -> str:
    """`text` filled up with blanks to `columns`: after it, or, if not `left`, before it."""
    blanks = blank(columns - width(text))
    return text + blanks if left else blanks + text


def painted(text: str, color: str) -> str:
    """`text` in a color, given as parameters of the terminal's SGR sequence; empty means no color."""
    return f"\x1b[{color}m{text}\x1b[0m" if color else text


def blank(columns: int) -> str:
    """Blanks of that width."""
    return " " * columns


def fitting(text: Iterable[str], columns: int) -> int:
    """How many characters of `text` fit into `columns`."""
    return sum(reached <= columns for reached in accumulate(map(width, text)))


def printable(text: str) -> str:
    """`text` with each control or invisible character replaced, so that it does not act on the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
