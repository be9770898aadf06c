"""Transcripts of LLVM's Kaleidoscope tutorial, and of the many programs that follow it.

Their prompt is ``ready>``. A further line of an item has no prompt, and output follows without a mark: an item ends at
its semicolon, or with its first line if that is complete. What the program prints may stand behind a prompt, because it
writes the next prompt before it has read the end of the line::

    ready> def twice(x)
      2 * x;
    ready> Read function definition:
    define double @twice(double %x) {
    ...
    ready> ready> twice(4);
    ready> Evaluated to 8.000000
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from textwrap import dedent

from kaleido.diagnostics import ParseError, Source
from kaleido.language.parser import parse

__all__ = ["classic_entries"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_PROMPT = re.compile(r"(?:\$ )?(?:[Rr]eady>[ \t]*)+")

# An item ends at a semicolon, which a comment may follow.
_ITEM_END = re.compile(r"[^#]*;[ \t]*(?:#.*)?$")

_OUTPUT = re.compile(
    r"""
    (?: Read\ (?:function\ definition|extern|top-level) | Parsed\ an?\ | Evaluated\ to\ | (?:Log)?Error\b
      | define\ | declare\ | ;\ ModuleID | \^[CD] | \$ | (?:quit|exit)\W*$
      | [-+]?(?:\d+\.\d+(?:e[-+]?\d+)?|inf|nan)\s*$ )
    """,
    re.VERBOSE,
)


def classic_entries(text: str) -> list[str]:
    """The items of a transcript, without prompts, output and final line ends; empty if `text` is no such transcript.

    All of it may be indented, as in the source of a manual.
    """
    found = (_without_line_end(lines) for lines in _items(_LINE.findall(dedent(text))))
    return [entry for entry in found if entry.strip()]


def _without_line_end(lines: Iterable[str]) -> str:
    return re.sub(r"(?:\r\n|\r|\n)\Z", "", "".join(lines))


def _items(lines: Iterable[str]) -> list[list[str]]:
    """The lines of each item."""
    items: list[list[str]] = []
    is_open = False
    for line in lines:
        prompt = _PROMPT.match(line)
        content = line[prompt.end() :] if prompt else line
        if _OUTPUT.match(content):
            is_open = False
        elif prompt:
            items.append([content])
            is_open = not _is_complete(content)
        elif is_open:
            items[-1].append(content)
        is_open = is_open and not _ITEM_END.match(content.rstrip())
    return items


def _is_complete(line: str) -> bool:
    """Whether a line has items, all of them complete. If it has an operator of the user, that is not known."""
    try:
        return parse(Source("<transcript>", line)) != []
    except ParseError:
        return False
