"""Streams to lines, in time proportional to their length: Oppen's pretty printer (1980), with comments.

A group breaks if one of its places has a line break in the text, if something in it breaks, or if it does not fit into
the rest of the line. A comment ends its line. Comments on lines of their own begin where the next word does.
"""

from __future__ import annotations

from collections.abc import Sequence

from kaleido.formatting.structure import Break, Close, Element, Open, Space
from kaleido.formatting.words import Word
from kaleido.terminal.text import blank, width

__all__ = ["WIDTH", "Layout"]

WIDTH = 100
"""Columns of a line."""

INDENTATION = 4

# Groups to the right of this column begin there: otherwise the indentation of a deep tree would take quadratic space.
_DEEPEST = 60


class _Line:
    """A line: its code, or nothing and a comment. `aligned`: whether the comment belongs to those around it."""

    __slots__ = ("aligned", "begins_with_operator", "code", "comment", "words")

    def __init__(self, column: int) -> None:
        self.code = blank(column)
        self.comment = ""
        self.words = 0
        self.aligned, self.begins_with_operator = True, False


class _Group:
    """An open group: where its lines begin, and whether it breaks."""

    __slots__ = ("around", "breaks", "column")

    def __init__(self, column: int, around: int, breaks: bool) -> None:
        self.column, self.around, self.breaks = column, around, breaks


class Layout:
    """The lines of a text, from its streams."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []
        self._line = _Line(0)
        self._groups: list[_Group] = []
        self._pending = ""
        self._must_end = False

    def add(self, stream: Sequence[Element]) -> None:
        """Add a stream, which begins a line."""
        if self._line.words:
            self._end_line(0)
        broken, room, words = _broken(stream), _room(stream), iter(_first_words(stream))
        for index, element in enumerate(stream):
            match element:
                case Word():
                    self._word(element)
                case Space():
                    self._pending = " "
                case Open(indented):
                    self._open(indented, next(words), broken[index], room[index])
                case Close():
                    self._groups.pop()
                case Break():
                    self._break(element)

    def text(self) -> str:
        """The lines, each with its line end, which is a line feed."""
        if self._line.words or self._line.comment:
            self._lines.append(self._line)
        _align(self._lines)
        lines = (_text(line) for line in self._lines)
        return "".join(f"{line}\n" for line in lines)

    def _open(self, indented: bool, word: Word, broken: bool, room: int) -> None:
        around = self._column
        if indented:
            column = around + INDENTATION
        else:
            self._prepare(word)
            column = len(self._pending) * bool(self._line.words) + width(self._line.code)
        start = width(self._line.code) + len(self._pending)
        self._groups.append(_Group(min(column, _DEEPEST), around, broken or start + room > WIDTH))

    @property
    def _column(self) -> int:
        return self._groups[-1].column if self._groups else 0

    def _break(self, place: Break) -> None:
        if self._groups and self._groups[-1].breaks:
            if self._line.begins_with_operator and self._line.words == 1 and not self._must_end:
                # A comment has ended the line before the operator.
                self._pending = " "
                return
            self._line.code += place.ending
            self._end_line(self._groups[-1].around if place.outdented else self._column)
        elif self._groups:
            self._pending = place.flat
        else:
            self._line.code += place.flat

    def _end_line(self, column: int) -> None:
        self._lines.append(self._line)
        self._line, self._pending, self._must_end = _Line(column), "", False

    def _prepare(self, word: Word) -> None:
        """End the line, and write the comments before a word, if it has some: so that its column is known."""
        if self._line.words and (word.comments or self._must_end):
            self._end_line(self._column)
        column = width(self._line.code)
        for comment in word.comments:
            self._blank_line(comment.blank_before)
            self._line.comment, self._line.aligned = comment.text, comment.continues and column == 0
            self._end_line(column)
        word.comments = []
        if not self._line.words:
            self._blank_line(word.blank_before)
            word.blank_before = False

    def _blank_line(self, wanted: bool) -> None:
        if wanted and self._lines:
            self._lines.append(_Line(0))

    def _word(self, word: Word) -> None:
        self._prepare(word)
        if self._line.words:
            self._line.code += self._pending
        self._line.code += word.text
        self._line.begins_with_operator |= not self._line.words and (word.is_operator or word.text == ",")
        self._line.words += bool(word.text)
        self._pending = ""
        if word.comment is not None:
            self._line.comment, self._must_end = word.comment.text, True


def _first_words(stream: Sequence[Element]) -> list[Word]:
    """The first word of each group, in the order in which the groups open."""
    found, opened = list[Word](), 0
    for element in stream:
        if isinstance(element, Open):
            opened += 1
        elif isinstance(element, Word):
            found += [element] * opened
            opened = 0
    return found


def _broken(stream: Sequence[Element]) -> list[bool]:
    """For each element that opens a group: whether it breaks however long the lines are."""
    broken = [False] * len(stream)
    # The groups that are open, and how many of them have had a word.
    opened, begun = list[int](), 0
    before: Word | None = None
    for index, element in enumerate(stream):
        match element:
            case Open():
                opened.append(index)
            case Close():
                inner = opened.pop()
                begun = min(begun, len(opened))
                if opened and broken[inner]:
                    broken[opened[-1]] = True
            case Break(written=True) if opened:
                broken[opened[-1]] = True
            case Word():
                if begun and (element.comments or (before is not None and before.comment is not None)):
                    broken[opened[begun - 1]] = True
                before, begun = element, len(opened)
    return broken


def _room(stream: Sequence[Element]) -> list[int]:
    """For each element that opens a group: its columns on one line, with those of what must follow on that line."""
    starts = [0]
    for element in stream:
        starts.append(starts[-1] + _width(element))
    # The end of the line if it ended at the next possible place.
    ends, next_end = [0] * (len(stream) + 1), starts[-1]
    ends[-1] = next_end
    for index in range(len(stream) - 1, -1, -1):
        if isinstance(stream[index], Break):
            next_end = starts[index]
        ends[index] = next_end
    room, opened = [0] * len(stream), list[int]()
    for index, element in enumerate(stream):
        if isinstance(element, Open):
            opened.append(index)
        elif isinstance(element, Close):
            first = opened.pop()
            room[first] = ends[index] - starts[first]
    return room


def _width(element: Element) -> int:
    match element:
        case Word(text=text):
            return width(text)
        case Space():
            return 1
        case Break(flat):
            return len(flat)
    return 0


def _align(lines: Sequence[_Line]) -> None:
    """Align the comments at the ends of adjacent lines."""
    block: list[_Line] = []
    for line in [*lines, _Line(0)]:
        if line.comment and line.aligned and (line.words or block):
            block.append(line)
            continue
        column = max((width(each.code) for each in block), default=0)
        for each in block:
            each.code += blank(column - width(each.code) + (0 if each.words else 2))
        block = []


def _text(line: _Line) -> str:
    between = "  " if line.words and line.comment else ""
    return f"{line.code}{between}{line.comment}".rstrip(" ")
