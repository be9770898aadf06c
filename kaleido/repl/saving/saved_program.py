"""Saved programs: the items that have run, as the text that `:save` writes to a new file.

A file that was loaded whole keeps its text. Other items are written on lines of their own, with the comments around
them. Module `merging` has the text for a file that was loaded before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from kaleido.diagnostics import Source, Span
from kaleido.language.nodes import Definition, External, Item
from kaleido.language.source_files import FileSource

__all__ = ["LoggedItem", "lines_of", "new_program", "separator", "usual_line_break", "whole_span"]

_COMMENT = re.compile(r"#[^\r\n]*")
_COMMENT_ON_LINE = re.compile(r"[^\S\r\n]*+(?:;[^\S\r\n]*+)*+(#[^\r\n]*)")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_NO_ITEMS = re.compile(r"(?:[\s;]|#[^\r\n]*)*+\Z")


class LoggedItem:
    """An item of `source` that has run.

    `text`      a program that repeats it: with the last value of the REPL, if it uses that
    `previous`  where the item before it in `source` ends; 0 if it is the first
    """

    def __init__(self, source: Source, item: Item, text: str, previous: int = 0) -> None:
        self.source, self.item, self.text, self.previous = source, item, text, previous

    @property
    def start(self) -> int:
        return whole_span(self.item).start

    @property
    def end(self) -> int:
        return whole_span(self.item).end

    @property
    def name(self) -> str | None:
        """The name of the function that it defines or declares; None for an expression."""
        return self.item.prototype.name if isinstance(self.item, Definition | External) else None

    @property
    def binds_last_value(self) -> bool:
        """Whether `text` binds the last value of the REPL."""
        return len(self.text) != self.end - self.start

    @property
    def is_last(self) -> bool:
        """Whether no item of `source` follows it."""
        return _NO_ITEMS.match(self.source.text, self.end) is not None

    @property
    def comments_above(self) -> list[str]:
        """The comments between the item before it and this one, without those on the line where that one ends."""
        gap = self.source.text[self.previous : self.start]
        end_of_line = _LINE_BREAK.search(gap) if self.previous else re.match("", gap)
        return _COMMENT.findall(gap, end_of_line.end()) if end_of_line is not None else []

    @property
    def comment_beside(self) -> str:
        """The comment on the line where it ends; empty if there is none."""
        found = _COMMENT_ON_LINE.match(self.source.text, self.end)
        return found[1] if found is not None else ""

    @property
    def comments_below(self) -> list[str]:
        """If it is the last item of `source`, the comments on further lines."""
        end_of_line = _LINE_BREAK.search(self.source.text, self.end) if self.is_last else None
        return _COMMENT.findall(self.source.text, end_of_line.end()) if end_of_line is not None else []


def whole_span(item: Item) -> Span:
    """The span of an item with its parentheses."""
    parentheses = None if isinstance(item, Definition | External) else item.parentheses
    return parentheses if parentheses is not None else item.span


def new_program(items: Sequence[LoggedItem]) -> str:
    """All items, in the order in which they ran."""
    groups = [list(group) for _, group in groupby(items, key=lambda each: id(each.source))]
    parts = [_group_text(group, following) for group, following in zip(groups, [*groups[1:], []], strict=False)]
    first = items[0].source if items else None
    mark = first.byte_order_mark if isinstance(first, FileSource) else ""
    return mark + "".join(parts)


def _group_text(group: Sequence[LoggedItem], following: Sequence[LoggedItem]) -> str:
    """The text of consecutive items of one source, such that the text of the `following` ones can be appended."""
    source, last = group[0].source, group[-1]
    if not isinstance(source, FileSource) or not last.is_last or any(each.binds_last_value for each in group):
        return lines_of(group)
    text, rest = source.original[: last.end], source.original[last.end :]
    if not following:
        return text + rest
    text += separator(rest, following[0].text) + rest
    return text if text[-1] in "\r\n" else text + usual_line_break(text)


def lines_of(items: Iterable[LoggedItem]) -> str:
    """Items on lines of their own, with the comments around them."""
    lines: list[str] = []
    for each in items:
        lines += [*each.comments_above, f"{each.text}; {each.comment_beside}".rstrip(), *each.comments_below]
    return "".join(f"{line}\n" for line in lines)


def usual_line_break(text: str) -> str:
    """The characters that end the first line of a text; a line feed if it has no second line."""
    found = _LINE_BREAK.search(text)
    return found[0] if found is not None else "\n"


def separator(gap: str, following: str) -> str:
    """A semicolon, if the item `following` could continue the one before it; `gap` is the text between the two."""
    # After a complete expression, a name, a keyword or a number begins an item.
    return "" if re.match(r"\w", following) or ";" in _COMMENT.sub("", gap) else ";"
