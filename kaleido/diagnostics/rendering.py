"""Diagnostics as text. Pure functions: diagnostics in, text out.

A span is shown as its line of source with carets under it. The column of a caret depends on how wide the characters
before it are on a terminal: one column, two (CJK, emoji) or none (combining marks). Tabs are kept both in the line and
in the line of carets, so that the carets line up at any tab width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kaleido.diagnostics.source import MOST_SHOWN, Diagnostic, Label
from kaleido.terminal.text import blank, fitting, painted, width

__all__ = ["COLORED", "PLAIN", "Palette", "render"]

WIDEST = 120
"""How many columns of a source line are shown. A longer line is cut to the part around the carets."""

# How many of these columns are before the caret.
_BEFORE = 40

# How many characters of a quotation in a message, such as a name, are shown.
_LONGEST_QUOTATION = 60

# Visible replacements for control characters, which would act on the terminal, and for invisible ones. A tab stays.
_PICTURES = {
    **{code: chr(0x2400 + code) for code in range(32) if code != ord("\t")},
    0x7F: "\u2421",
    **dict.fromkeys([*range(0x80, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"),
    **dict.fromkeys([0xFEFF, *range(0xD800, 0xE000)], "\ufffd"),
}


class Palette(NamedTuple):
    """The colors of the parts of a message, as parameters of the terminal's SGR sequence; empty means no color."""

    error: str = ""
    other: str = ""
    gutter: str = ""
    strong: str = ""


PLAIN = Palette()
COLORED = Palette(error="1;31", other="1;34", gutter="34", strong="1")


def render(diagnostics: Sequence[Diagnostic], palette: Palette = PLAIN) -> str:
    """Messages as lines of text, with a blank line between them: the first MOST_SHOWN, and the number of the others."""
    messages = ["\n".join(_message(each, palette)) for each in diagnostics[:MOST_SHOWN]]
    if len(diagnostics) > MOST_SHOWN:
        more = len(diagnostics) - MOST_SHOWN
        messages.append(f"and {more:,} more error{'s' if more > 1 else ''}")
    return "\n\n".join(messages)


def _message(diagnostic: Diagnostic, palette: Palette) -> Iterator[str]:
    yield f"{painted('error:', palette.error)} {painted(_readable(diagnostic.title), palette.strong)}"
    labels = list(diagnostic.others)
    if diagnostic.source is not None and diagnostic.span is not None:
        labels.insert(0, Label(diagnostic.source, diagnostic.span, diagnostic.label))
    gutter = max((len(str(_line(label))) for label in labels), default=1)
    for before, label in zip([None, *labels], labels, strict=False):
        yield from _place(label, before, gutter, palette)
    if diagnostic.hint:
        equals, hint = painted(f"{blank(gutter)} =", palette.gutter), painted("hint:", palette.strong)
        yield f"{equals} {hint} {_readable(diagnostic.hint)}"


def _place(label: Label, before: Label | None, gutter: int, palette: Palette) -> Iterator[str]:
    """The position, the line, and the carets. Where the label before has shown the same line: only the carets."""
    number, column = label.source.position(label.span.start)
    line = label.source.line(number).translate(_PICTURES)
    start, length = column - 1, label.span.end - label.span.start
    shown, indent, marked = _excerpt(line, start, start + length)
    if before is None or before.source is not label.source or _line(before) != number or shown != line:
        place = f"{'┌' if before is None else '├'} {_readable(label.source.name)}:{number}:{column}"
        yield painted(f"{blank(gutter)} {place}", palette.gutter)
        yield f"{painted(f'{number:{gutter}} │', palette.gutter)} {shown}"
    mark, color = ("^", palette.error) if before is None else ("-", palette.other)
    text = f"{_filled(marked, mark) or mark} {_readable(label.text)}".rstrip()
    yield f"{painted(f'{blank(gutter)} │', palette.gutter)} {_filled(indent, ' ')}{painted(text, color)}"


def _readable(text: str) -> str:
    """A message without control characters, and with long quotations cut."""
    quoted = re.compile(rf"(`[^`]{{{_LONGEST_QUOTATION}}})[^`]+`|`[^`]*`")
    return quoted.sub(lambda match: f"{match[1]}…`" if match[1] else match[0], text.translate(_PICTURES))


def _line(label: Label) -> int:
    return label.source.position(label.span.start)[0]


def _excerpt(line: str, start: int, end: int) -> tuple[str, str, str]:
    """The part of a line to show, the part of that before the marked text, and the marked text."""
    first, last = 0, len(line)
    if len(line) > 4 * WIDEST or width(line) > WIDEST:
        first = start - fitting(reversed(line[max(0, start - WIDEST) : start]), _BEFORE)
        last = start + fitting(line[start : start + WIDEST], WIDEST - width(line[first:start]))
    left, right = "…" if first > 0 else "", "…" if last < len(line) else ""
    return left + line[first:last] + right, left + line[first:start], line[start : min(end, last)]


def _filled(text: str, mark: str) -> str:
    """As many marks as `text` has columns, with the tabs of `text` kept."""
    return "\t".join(mark * width(run) for run in text.split("\t"))
