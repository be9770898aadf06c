"""The files that a session has loaded or saved, for `:save`: which of them it may write over, and with which text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from kaleido.language.nodes import Item
from kaleido.language.source_files import FileSource, encoded
from kaleido.repl.saving.merging import updated_program
from kaleido.repl.saving.saved_program import LoggedItem, new_program

__all__ = ["SavedFiles"]


class _SavedFile:
    """What the session knows of one file.

    `data`        its content when it was loaded or saved last
    `source`      the program that was loaded last, which gives the file its text; None if it was only saved
    `complete`    whether all of `source` has run
    `items`       the items that the file consists of
    `superseded`  the items that it consisted of before `source` was loaded
    """

    def __init__(self) -> None:
        self.data = b""
        self.source: FileSource | None = None
        self.complete = True
        self.items: set[LoggedItem] = set()
        self.superseded: set[LoggedItem] = set()


class SavedFiles:
    """The files of one REPL, none at first."""

    def __init__(self) -> None:
        self._files: dict[Path, _SavedFile] = {}

    def loaded(self, source: FileSource, items: Collection[LoggedItem], *, complete: bool) -> None:
        """Remember that a file was loaded. `items` are all items that have run; `complete`: the whole file has run."""
        file = self._files.setdefault(source.path.resolve(), _SavedFile())
        file.superseded |= file.items
        file.items = {each for each in items if each.source is source}
        file.data, file.source, file.complete = source.data, source, complete

    def saved(self, path: Path, data: bytes, items: Collection[LoggedItem]) -> None:
        """Remember that `items` were saved to a file, as `data`."""
        file = self._files.setdefault(path.resolve(), _SavedFile())
        file.data, file.items, file.complete = data, {*items}, True

    def refusal(self, path: Path, items: Collection[LoggedItem]) -> str:
        """Why text would be lost if `items` were saved to an existing file; empty if none would. Raises OSError."""
        file = self._files.get(path.resolve())
        if file is None or not file.complete:
            return "this session has not loaded all of it"
        if not path.is_file():
            return "it is not a regular file"
        if path.read_bytes() != file.data:
            return "it has changed since this session loaded or saved it"
        if file.items and file.items.isdisjoint(items):
            return "what was in it has been undone, or removed by `:reset`"
        return ""

    def program(
        self, path: Path, items: Sequence[LoggedItem], parse: Callable[[str], Sequence[Item]]
    ) -> tuple[bytes, Sequence[LoggedItem]]:
        """The bytes to save to a file, and the items in them. `parse` is as in :func:`updated_program`."""
        file = self._files.get(path.resolve())
        # A file that is not there any more has no text to keep.
        if file is not None and file.source is not None and path.exists():
            text, saved = updated_program(file.source, items, file.superseded, parse)
        else:
            text, saved = new_program(items), items
        return encoded(text), saved
