"""Text as a terminal shows it: columns, padding, colors, harmless characters."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

__all__ = ["blank", "cut", "fitting", "padded", "painted", "printable", "width"]

# What a tab is taken to be worth where it matters little.
_TAB = 8


def width(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    from wcwidth import wcswidth

    return len(text) if text.isascii() and text.isprintable() else max(0, wcswidth(text.replace("\t", " " * _TAB)))


def cut(text: str, columns: int) -> str:
    """`text`, or as much of its beginning as fits into so many columns with an ellipsis."""
    if width(text) <= columns:
        return text
    end = fitting(text, columns - 1)
    # A character may widen the one before it.
    while end and width(text[:end]) >= columns:
        end -= 1
    return text[:end] + "…"


def padded(text: str, columns: int, *, left: bool = True) -> str:
    """`text` with blanks up to so many columns: after it, or before it where it does not stand at the left."""
    blanks = blank(columns - width(text))
    return text + blanks if left else blanks + text


def painted(text: str, color: str) -> str:
    """`text` in a color, given as parameters of the terminal's SGR sequence; empty is no color."""
    return f"\x1b[{color}m{text}\x1b[0m" if color else text


def blank(columns: int) -> str:
    return " " * columns


def fitting(text: Iterable[str], columns: int) -> int:
    """How many characters of `text` fit into so many columns."""
    return sum(reached <= columns for reached in accumulate(map(width, text)))


def printable(text: str) -> str:
    """Text that does nothing to a terminal: whatever would act on it, or hide, is a replacement character."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
