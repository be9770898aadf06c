"""Files that are this process's own, to which observers append, in folders where others may write, too."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["open_own"]

_opened: set[Path] = set()


def open_own(path: Path) -> int:
    """Open a file to append to it; its descriptor. One from an earlier process with this number is overwritten.

    Raises OSError where that is not possible, or the file is not this user's own.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    found = os.fstat(file)
    # It could be a file that another user has made, or another name of one of this user.
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_nlink > 1:
        os.close(file)
        raise PermissionError(f"{path} is not a file of this process")
    if path not in _opened and found.st_mtime < os.stat("/proc/self").st_mtime:
        os.truncate(file, 0)
    _opened.add(path)
    return file
