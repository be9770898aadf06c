"""Where entries are remembered: ``$XDG_STATE_HOME/kaleido/history``, for the user's eyes only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

__all__ = ["history_path", "open_history"]


def history_path() -> Path:
    """Where the XDG Base Directory Specification puts it. Raises OSError where there is no home."""
    state, home = os.environ.get("XDG_STATE_HOME", ""), os.environ.get("HOME", "")
    # The specification has relative paths ignored.
    if os.path.isabs(state):
        return Path(state, "kaleido", "history")
    if not home:
        raise OSError("neither XDG_STATE_HOME nor HOME is set")
    return Path(home, ".local", "state", "kaleido", "history")


def open_history() -> History:
    """The history in its file; where that cannot be had, one in memory, and a warning."""
    try:
        path = history_path()
        _create(path)
    except OSError as error:
        _warn(error)
        return InMemoryHistory()
    return _FileHistory(str(path))


def _create(path: Path) -> None:
    # Before prompt_toolkit does, which would create it readable for everybody.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


class _FileHistory(FileHistory):
    """A history whose file may become unwritable: from then on entries are only kept in memory."""

    _writable = True

    def store_string(self, string: str) -> None:
        if self._writable:
            try:
                super().store_string(string)
            except OSError as error:
                self._writable = False
                _warn(error)


def _warn(error: OSError) -> None:
    print(f"warning: entries will be forgotten at the end: {error}", file=sys.stderr)
