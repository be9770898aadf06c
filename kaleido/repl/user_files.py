"""The user's own files: where they are, and whether another user could have written them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["folder", "refuse_others"]


def folder(variable: str, *default: str) -> Path:
    """Kaleido's own folder, where the XDG Base Directory Specification puts it.

    `variable` is ``XDG_STATE_HOME`` or another of its kind; `default` is where that is below the home directory without
    it. Raises OSError where there is no home.
    """
    named, home = os.environ.get(variable, ""), os.environ.get("HOME", "")
    # The specification has relative paths ignored.
    if os.path.isabs(named):
        return Path(named, "kaleido")
    if not home:
        raise OSError(f"neither {variable} nor HOME is set")
    return Path(home, *default, "kaleido")


def refuse_others(path: Path, *owners: int) -> None:
    """Raise OSError where a path belongs to another user than `owners`, or where others can write to it."""
    found = path.stat()
    if found.st_uid not in owners:
        raise OSError(f"{path} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError(f"others can write to {path}")
