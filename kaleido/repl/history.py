"""Where entries are remembered: ``$XDG_STATE_HOME/kaleido/history``, for the user's eyes only.

The folder must be the user's own, and nobody else's to write in: whoever can could put a link there, to have us write
to, or close, another file. Within such a folder a link is the user's own wish, as long as it leads to a file of theirs.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from kaleido.repl.user_files import folder, refuse_others

__all__ = ["history_path", "open_history"]


def history_path() -> Path:
    """Where the XDG Base Directory Specification puts it. Raises OSError where there is no home."""
    return folder("XDG_STATE_HOME", ".local", "state") / "history"


def open_history() -> History:
    """The history in its file; where that cannot be had, one in memory, and a warning."""
    try:
        path = history_path()
        _secure(path)
    except OSError as error:
        _warn(error)
        return InMemoryHistory()
    return _FileHistory(str(path))


def _secure(path: Path) -> None:
    """See that the file is there, before prompt_toolkit makes one that everybody can read. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_others(path.parent, os.geteuid())
    # Without waiting for the other end of a pipe.
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
    """A history whose file may become unwritable: from then on entries are only kept in memory."""

    _writable = True

    def store_string(self, string: str) -> None:
        if self._writable:
            try:
                # It may have been removed.
                _secure(Path(os.fsdecode(self.filename)))
                # Other REPLs write to it too, and a long entry is not one write.
                with open(self.filename, "ab") as file:
                    fcntl.flock(file, fcntl.LOCK_EX)
                    super().store_string(string)
            except OSError as error:
                self._writable = False
                _warn(error)


def _warn(error: OSError) -> None:
    print(f"warning: entries will be forgotten at the end: {error}", file=sys.stderr)
