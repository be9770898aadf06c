"""Updated programs: the text of a file that was loaded, with what else has run, for `:save`.

The file keeps its text. Items that ran before it are inserted above its first item, a new definition of one of its
functions takes the place of the old one, and all else is appended.

A new definition can only take that place if the program still has the same trees, and if no expression calls a function
above its definition: the new definition may use an operator, or call a function, that comes further down. Then
everything is appended in the order in which it ran, which always works. In the same way, definitions from before the
file are left out if the file replaced them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from kaleido.diagnostics import KaleidoError
from kaleido.language.nodes import Definition, Item
from kaleido.language.printer import outline
from kaleido.language.source_files import FileSource
from kaleido.repl.saving.saved_program import LoggedItem, lines_of, separator, usual_line_break

__all__ = ["updated_program"]

Parse = Callable[[str], Sequence[Item]]

_LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n)")


def updated_program(
    source: FileSource, items: Sequence[LoggedItem], superseded: Collection[LoggedItem], parse: Parse
) -> tuple[str, Sequence[LoggedItem]]:
    """The text of `source`, whose items are among `items`, with the other items that have run; and what it contains.

    `superseded` are the items of earlier versions of the file, which `source` replaces. `parse` checks a program and
    returns its items, or raises KaleidoError.
    """
    *shorter, complete = _candidates(source, items, superseded)
    program = next((each for each in shorter if _repeats(each, parse)), complete)
    return program.text, program.items


def _candidates(
    source: FileSource, items: Sequence[LoggedItem], superseded: Collection[LoggedItem]
) -> Iterator[_Program]:
    """The programs that could be saved, the best first. The last one has all items in the order in which they ran."""
    own = [each for each in items if each.source is source]
    before, after = _around(source, items, superseded)
    body, appended = _with_changes(own, after)
    needed = _without_replaced(before, own)
    for above in (needed, before) if len(needed) < len(before) else (before,):
        if len(appended) < len(after):
            yield _Program(source, above, own, body, appended)
        yield _Program(source, above, own, own, after)


def _around(
    source: FileSource, items: Sequence[LoggedItem], superseded: Collection[LoggedItem]
) -> tuple[Sequence[LoggedItem], Sequence[LoggedItem]]:
    """The items that belong above those of a file, and the items that belong below."""
    names = {each.name for each in items if each.source is source} - {None}
    begin = next((k for k, each in enumerate(items) if each.source is source or each in superseded), 0)
    end = max((k for k, each in enumerate(items) if each.source is source), default=begin)
    between = [each for each in items[begin:end] if each.name not in names]
    after = [each for each in [*between, *items[end:]] if each.source is not source and each not in superseded]
    return items[:begin], after


def _without_replaced(before: Sequence[LoggedItem], own: Sequence[LoggedItem]) -> Sequence[LoggedItem]:
    """Items from before a file without the definitions that the file replaced, if no expression has used these."""
    names = {each.name for each in own}
    used = any(each.name is None for each in before)
    return before if used else [each for each in before if each.name not in names]


def _with_changes(
    own: Sequence[LoggedItem], after: Sequence[LoggedItem]
) -> tuple[Sequence[LoggedItem], Sequence[LoggedItem]]:
    """The items of a file, some replaced by new definitions from `after`; and the rest of `after`."""
    places = {each.name: index for index, each in enumerate(own) if each.name is not None}
    body = list(own)
    for each in after:
        if isinstance(each.item, Definition) and each.name in places:
            body[places[each.name]] = each
    return body, [each for each in after if not isinstance(each.item, Definition) or each.name not in places]


class _Program(NamedTuple):
    """An edited file. `body` has, for each item of the file (`own`), the item itself or a new definition of it."""

    source: FileSource
    before: Sequence[LoggedItem]
    own: Sequence[LoggedItem]
    body: Sequence[LoggedItem]
    appended: Sequence[LoggedItem]

    @property
    def items(self) -> list[LoggedItem]:
        return [*self.before, *self.body, *self.appended]

    @property
    def text(self) -> str:
        original = self.source.original
        begin = _place_above(original[: self.own[0].start]) if self.own else 0
        parts, end = [original[:begin], self._lines(self.before)], begin
        for index, old in enumerate(self.own):
            parts += [original[end : old.start], self._replacement(index)]
            end = old.end
        text = "".join([*parts, original[end:]])
        if self.appended and text and text[-1] not in "\r\n":
            text += usual_line_break(original)
        return self.source.byte_order_mark + text + self._lines(self.appended)

    def _lines(self, items: Sequence[LoggedItem]) -> str:
        return re.sub(r"\r\n|\r|\n", usual_line_break(self.source.original), lines_of(items))

    def _replacement(self, index: int) -> str:
        """The text in the place of item `index` of the file."""
        old, new = self.own[index], self.body[index]
        following = [*self.body[index + 1 : index + 2], *self.appended[:1]]
        text = self.source.original[old.start : old.end]
        if new is not old:
            comments = [*new.comments_above, new.comment_beside, *new.comments_below]
            text = "\n".join([*filter(None, comments), new.text])
            text = re.sub(r"\r\n|\r|\n", usual_line_break(self.source.original), text)
        elif index + 1 < len(self.own):
            # The next item begins as before, or with `def`.
            return text
        gap_end = self.own[index + 1].start if index + 1 < len(self.own) else len(self.source.text)
        return text + (separator(self.source.text[old.end : gap_end], following[0].text) if following else "")


def _place_above(lead: str) -> int:
    """Where to insert items above the first one: above its comment, below other comments. `lead` is all before it."""
    place = end = 0
    for line in _LINE.finditer(lead):
        end = line.end()
        if not line[1].strip() or (line.start() == 0 and line[1].startswith("#!")):
            place = end
    return place


# Checks


def _repeats(program: _Program, parse: Parse) -> bool:
    """Whether an edited file has the items that it should have, and calls functions only below their definitions."""
    try:
        found = parse(program.text)
    except KaleidoError:
        return False
    expected = program.items
    same = len(found) == len(expected) and all(
        wanted.binds_last_value or outline(each) == outline(wanted.item)
        for each, wanted in zip(found, expected, strict=True)
    )
    return same and _calls_what_is_above(expected)


def _calls_what_is_above(items: Sequence[LoggedItem]) -> bool:
    """Whether no expression can reach a function that is first defined below it."""
    defined: dict[str, int] = {}
    for index, each in enumerate(items):
        if each.name is not None:
            defined.setdefault(each.name, index)
    signs = {name: name.removeprefix("binary").removeprefix("unary") for name in defined if not name.isidentifier()}

    def mentioned(text: str) -> set[str]:
        return {*re.findall(r"\w+", text), *(name for name, sign in signs.items() if sign in text)} & defined.keys()

    calls: dict[str, set[str]] = {}
    for each in items:
        if each.name is not None:
            calls.setdefault(each.name, set()).update(mentioned(each.text))
    ready = _last_definitions(defined, calls)
    expressions = ((index, mentioned(each.text)) for index, each in enumerate(items) if each.name is None)
    return all(ready[name] < index for index, names in expressions for name in names)


def _last_definitions(defined: dict[str, int], calls: dict[str, set[str]]) -> dict[str, int]:
    """For each function, the index of the last definition among its own and those of all that it can reach."""
    ready, changed = dict(defined), True
    while changed:
        changed = False
        # Callers usually come after what they call.
        for name in defined:
            last = max((ready[callee] for callee in calls[name]), default=0)
            if last > ready[name]:
                ready[name], changed = last, True
    return ready
