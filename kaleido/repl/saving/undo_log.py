"""The undo log: the items that have run, for `:save`, and what they changed, for `:undo`.

The changes of an entry are undone together, be it a line or a whole file. Items that ran after them may depend on
them. So undoing an entry removes those from the items that have run, too.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence

from kaleido.diagnostics import Source
from kaleido.language.nodes import Assign, Definition, Expression, External
from kaleido.language.printer import constant
from kaleido.repl.saving.saved_program import LoggedItem, new_program, whole_span
from kaleido.session import LAST_VALUE, Change, Result

__all__ = ["UndoLog"]

# How many entries can be undone. The log keeps earlier versions of their definitions alive.
_MAX_ENTRIES = 1_000


class _EntryRecord:
    """The changes of one entry.

    `items_before`  the number of items that had run before the entry
    `removed`       for `:reset`, the items that had run before it
    """

    def __init__(self, items_before: int) -> None:
        self.items_before = items_before
        self.changes: list[Change] = []
        self.removed: list[LoggedItem] | None = None


class UndoLog:
    """The log of one REPL, empty at first. Call :meth:`begin_entry` before each entry."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Make the log empty: what is in it cannot be undone, and is not saved."""
        self._items: list[LoggedItem] = []
        self._records: deque[_EntryRecord] = deque(maxlen=_MAX_ENTRIES)
        self._current = _EntryRecord(0)

    def begin_entry(self) -> None:
        """Begin a new entry, to which all following changes belong."""
        self._current = _EntryRecord(len(self._items))

    def add(self, result: Result, source: Source, last_value: float | None) -> None:
        """Add an item of `source` that has run. If it is an expression, `last_value` was in scope, if any."""
        span = whole_span(result.item)
        text = source.text[span.start : span.end]
        if not isinstance(result.item, Definition | External) and last_value is not None:
            text = _with_last_value(result.item, text, span.start, last_value)
        last = self._items[-1] if self._items else None
        previous = last.end if last is not None and last.source is source else 0
        self._items.append(LoggedItem(source, result.item, text, previous))
        if result.change is not None:
            self._add_change(result.change)

    def reset(self, change: Change) -> None:
        """Add `change`, which removed all definitions. It can be undone like other changes."""
        self._add_change(change)
        self._current.removed, self._items = self._items, []

    def _add_change(self, change: Change) -> None:
        if not self._current.changes:
            self._records.append(self._current)
        self._current.changes.append(change)

    def undo(self, undo: Callable[..., Change]) -> Change | None:
        """Call `undo` with the changes of the last entry that changed something, and remove that entry from the log.

        Returns what `undo` returns; None if there is no such entry. If `undo` raises, the entry stays in the log.
        """
        if not self._records:
            return None
        record = self._records[-1]
        undone = undo(*record.changes)
        self._records.pop()
        if record.removed is not None:
            self._items = record.removed
        del self._items[record.items_before :]
        self.begin_entry()
        return undone

    @property
    def items(self) -> Sequence[LoggedItem]:
        """The items that have run. Do not modify."""
        return self._items

    @property
    def program(self) -> str:
        """The items that have run, as a program that repeats them."""
        return new_program(self._items)

    def __len__(self) -> int:
        """The number of items that have run."""
        return len(self._items)


def _with_last_value(item: Expression, text: str, start: int, value: float) -> str:
    """An expression whose `text` begins at `start`, with the last value bound if it uses that: so it can run elsewhere.

    An assignment must stay one, because it may create a top-level variable: the last value is bound in what it assigns.
    """
    if re.search(rf"\b{LAST_VALUE}\b", text) is None:
        return text
    place = 0
    while isinstance(item, Assign) and item.variable.name != LAST_VALUE:
        item = item.value
        place = whole_span(item).start - start
    return f"{text[:place]}var {LAST_VALUE} = {constant(value)} in {text[place:]}"
