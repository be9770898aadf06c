"""Parses Markdown: a chapter's text to parts, and a part's text to runs. Only the subset that the chapters use.

Headings begin with `#`, and blocks are fenced; both begin at the start of a line. Lists are flat. A text may have
`code`, *emphasis*, **strong** words, [links](address) and [links][name], not nested in each other. The address of a
name is on a line by itself, after `[name]:`, and is shown there. A picture is a line ``![text](pictures/NAME.svg)``,
and then a comment with the same in characters, which is shown instead; of another image, its text is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from kaleido.tutorial.chapters import FENCE, Block, blocks

__all__ = ["PICTURE", "Heading", "Listing", "Paragraph", "Part", "Quote", "Run", "Table", "parts", "runs"]


@dataclass(frozen=True)
class Heading:
    """`level` is 1 for the chapter's title, 2 for the titles of its sections."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Quote:
    text: str


@dataclass(frozen=True)
class Listing:
    """A list: for each item its marker, such as ``-`` or ``2.``, and its text."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """The cells of each row; the first row has the headings."""

    rows: tuple[tuple[str, ...], ...]


Part: TypeAlias = Heading | Paragraph | Quote | Listing | Table | Block

_ITEM = re.compile(r"(-|\d+\.) +")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_RULE = re.compile(r"[\s|:-]+")
_BAR = re.compile(r"(?<!\\)\|")
_IMAGE = re.compile(r"!\[([^]]*)\]\([^)]*\)")
_ADDRESS = re.compile(r"\[[^]]+\]: +\S+$")


PICTURE = re.compile(
    r"^!\[(?P<alt>[^]]*)\]\((?P<file>pictures/[\w-]+\.svg)\)\n\n<!--[^\n]*\n(?P<block>```text\n(?P<text>.*?)^```\n)-->\n",
    re.MULTILINE | re.DOTALL,
)
"""A picture, as SVG for browsers and in characters for terminals."""


def parts(text: str, name: str) -> list[Part]:
    """The parts of a Markdown text, in order. `name` is the file name in the places of blocks."""
    text = PICTURE.sub(_in_characters, text)
    fenced = iter(blocks(text, name))
    found: list[Part] = []
    end = 0
    for match in FENCE.finditer(text):
        found += [*_prose(text[end : match.start()]), next(fenced)]
        end = match.end()
    return [*found, *_prose(text[end:])]


def _in_characters(picture: re.Match[str]) -> str:
    """The block of a picture alone, on the lines on which it is."""
    before = picture.string[picture.start() : picture.start("block")]
    return "\n" * before.count("\n") + picture["block"] + "\n"


def _prose(text: str) -> Iterator[Part]:
    """The parts of a text without blocks. A part ends at a heading or an empty line."""
    for kind, group in groupby(_COMMENT.sub("", text).splitlines(), key=_kind):
        lines = list(group)
        if kind == "heading":
            yield from (Heading(line.index(" "), line.lstrip("#").strip()) for line in lines)
        elif kind == "address":
            # Unchanged, so that it can be copied.
            yield Block("text", "", "\n".join(lines), "")
        elif kind == "text":
            yield _part(lines)


def _kind(line: str) -> str:
    if line.startswith("#"):
        return "heading"
    return "address" if _ADDRESS.match(line) else "text" if line.strip() else "empty"


def _part(lines: list[str]) -> Part:
    if lines[0].startswith("|"):
        return Table(tuple(_cells(line) for line in lines if not _RULE.fullmatch(line)))
    if image := _IMAGE.fullmatch(_joined(iter(lines))):
        return Paragraph(f"(A picture: {image[1]})")
    if lines[0].startswith(">"):
        return Quote(_joined(line.removeprefix(">") for line in lines))
    if _ITEM.match(lines[0]):
        return _listing(lines)
    return Paragraph(_joined(iter(lines)))


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip().replace("\\|", "|") for cell in _BAR.split(line.strip().strip("|")))


def _listing(lines: list[str]) -> Listing:
    items: list[tuple[str, str]] = []
    for line in lines:
        match = _ITEM.match(line)
        if match:
            items.append((match[1], line[match.end() :].strip()))
        else:
            mark, text = items.pop()
            items.append((mark, f"{text} {line.strip()}"))
    return Listing(tuple(items))


def _joined(lines: Iterator[str]) -> str:
    return " ".join(line.strip() for line in lines)


@dataclass(frozen=True)
class Run:
    """A piece of text, and its kind: ``code``, ``emphasis``, ``strong``, ``link``, or empty."""

    kind: str
    text: str


_RUN = re.compile(
    r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)(?!`)"
    r"|\*\*(?P<strong>\S.*?)\*\*"
    r"|\*(?P<emphasis>[^\s*][^*]*)\*"
    r"|\[(?P<link>[^]]*)\](?:\((?P<address>[^)]*)\)|(?P<name>\[[^]]+\]))"
)


def runs(text: str) -> list[Run]:
    """A text as runs. A link is shown as its text, followed by its name, or by its address if that is a URL."""
    found, end = list[Run](), 0
    for match in _RUN.finditer(text):
        found += [Run("", text[end : match.start()]), *_marked(match)]
        end = match.end()
    return [run for run in [*found, Run("", text[end:])] if run.text]


def _marked(match: re.Match[str]) -> Iterator[Run]:
    kind = next(kind for kind in ("code", "strong", "emphasis", "link") if match[kind] is not None)
    # Code that begins or ends with a backtick has a blank next to its delimiter.
    yield Run(kind, match[kind].strip() if kind == "code" else match[kind].replace("`", ""))
    if match["name"]:
        yield Run("", f" {match['name']}")
    elif kind == "link" and "://" in match["address"]:
        yield Run("", f" ({match['address']})")
