"""The history of entries: ``$XDG_STATE_HOME/kaleido/history``, readable by its owner only.

The folder must belong to the user, and other users must not be able to write to it. Otherwise they could replace the
history by a link, and the REPL would write to its target or change the target's mode. In a folder that passes this
check only the user can have put a link, so it is followed if it leads to a file of the user.

prompt_toolkit searches all entries at each key. So very long entries are not added to the history, and of a very long
file only the last entries are loaded.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from kaleido.repl.saving.user_files import check_trusted, xdg_folder

__all__ = ["MAX_ENTRY", "MemoryHistory", "history_path", "open_history"]

MAX_ENTRY = 50_000
"""The most characters of an entry that is added to the history."""

# The most bytes of the file that are loaded.
_MAX_LOADED = 1_000_000


def history_path() -> Path:
    """The path by the XDG Base Directory Specification. Raises OSError if there is no home directory."""
    return xdg_folder("XDG_STATE_HOME", ".local", "state") / "history"


def open_history() -> History:
    """The history in its file; or, after a warning, one in memory if the file cannot be used."""
    try:
        path = history_path()
        _make_private(path)
    except OSError as error:
        _warn(error)
        return MemoryHistory()
    return _FileHistory(str(path))


def _make_private(path: Path) -> None:
    """Create the file if it is missing, and make it readable by its owner only. Raises OSError.

    prompt_toolkit would create it with the default mode, which lets other users read it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_trusted(path.parent, os.geteuid())
    # O_NONBLOCK: opening a named pipe must not wait for its other end.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o600)
    try:
        file = os.fstat(descriptor)
        if not stat.S_ISREG(file.st_mode):
            raise OSError(f"{path} is not a file")
        if file.st_uid != os.geteuid():
            raise OSError(f"{path} belongs to another user")
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


class _LimitedHistory(History):
    """A history without entries that are too long."""

    def append_string(self, string: str) -> None:
        if len(string) <= MAX_ENTRY:
            super().append_string(string)


class MemoryHistory(_LimitedHistory, InMemoryHistory):
    """A history that ends with the REPL."""


class _FileHistory(_LimitedHistory, FileHistory):
    """A history in a file. After a failed write, entries are kept in memory only."""

    _writable = True

    def load_history_strings(self) -> Iterable[str]:
        """The entries in the file, the newest first."""
        try:
            lines = _last_lines(os.fsdecode(self.filename))
        except OSError:
            return []
        # An entry is a run of lines that begin with a plus sign.
        runs = (list(run) for is_entry, run in groupby(lines, lambda line: line.startswith("+")) if is_entry)
        entries = ["\n".join(line[1:] for line in run) for run in runs]
        return [entry for entry in reversed(entries) if len(entry) <= MAX_ENTRY]

    def store_string(self, string: str) -> None:
        if self._writable:
            try:
                # The file may have been removed since the last entry.
                _make_private(Path(os.fsdecode(self.filename)))
                # Other REPLs append to the same file, and a long entry takes several writes.
                with open(self.filename, "ab") as file:
                    fcntl.flock(file, fcntl.LOCK_EX)
                    super().store_string(string)
            except OSError as error:
                self._writable = False
                _warn(error)


def _last_lines(path: str) -> list[str]:
    """The lines of whole entries at the end of the file; all lines, if it is not too long."""
    with open(path, "rb") as file:
        skipped = max(0, os.fstat(file.fileno()).st_size - _MAX_LOADED)
        file.seek(skipped)
        data = file.read()
    if skipped:
        # Entries are separated by an empty line, and contain none.
        _, _, data = data.partition(b"\n\n")
    return data.decode("utf-8", errors="replace").split("\n")


def _warn(error: OSError) -> None:
    print(f"warning: the history is not saved: {error}", file=sys.stderr)
