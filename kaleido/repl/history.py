"""The history of entries: ``$XDG_STATE_HOME/kaleido/history``, readable by its owner only.

The folder must belong to the user, and other users must not be able to write to it. Otherwise they could replace the
history by a link, and the REPL would write to its target or change the target's mode. In a folder that passes this
check only the user can have put a link, so it is followed if it leads to a file of the user.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from kaleido.repl.user_files import check_trusted, xdg_folder

__all__ = ["history_path", "open_history"]


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
        return InMemoryHistory()
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


class _FileHistory(FileHistory):
    """A history in a file. After a failed write, entries are kept in memory only."""

    _writable = True

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


def _warn(error: OSError) -> None:
    print(f"warning: the history is not saved: {error}", file=sys.stderr)
