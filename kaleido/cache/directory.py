"""Object code in a folder, one file for each entry.

The engine executes what it finds here, so the folder must be as safe as the user's own programs. Each time before it is
used, the open folder itself is checked: it belongs to the user, only the user may enter it (mode 0700), and its own
name is no symbolic link. Entries are opened by that descriptor, and are regular files to which only the user may write.
The engine checks that an entry is what it has written, so a damaged file does no harm.

A new entry is written to a file of another name and renamed. So any number of processes may read and write at once.
Whatever goes wrong with the folder, such as a full disk, the program runs without the cache.

The cache is limited to MOST_BYTES and MOST_ENTRIES. When a process has written some entries, those that were not used
for the longest time are removed.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

__all__ = ["MOST_BYTES", "MOST_ENTRIES", "DirectoryCache", "Unsafe", "Usage"]

MOST_BYTES, MOST_ENTRIES = 64 << 20, 4_096

# Written entries between two checks of the limits, and the part of the limits that is left after removing entries.
_WRITES_PER_CHECK, _KEPT = 256, 0.75

_ENTRY = re.compile(r"[0-9a-f]{64}(\.[0-9]+-[0-9]+)?")


class Unsafe(OSError):
    """The folder is not the user's alone."""


class Usage(NamedTuple):
    """The number of entries and their bytes."""

    entries: int
    size: int


class DirectoryCache:
    """An ``ObjectCache`` in a folder, which is created with the first entry. Any thread may use it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._written = 0
        self._failed = False

    def get(self, key: str) -> bytes | None:
        """The content of an entry; None if there is none."""
        with suppress(OSError), self._opened() as folder:
            descriptor = os.open(key, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
            with open(descriptor, "rb") as file:
                if not _is_own_file(os.fstat(descriptor)):
                    return None
                entry = file.read()
            # The time of its last use.
            with suppress(OSError):
                os.utime(key, dir_fd=folder, follow_symlinks=False)
            return entry
        return None

    def put(self, key: str, entry: bytes) -> None:
        """Write an entry, unless that has failed before."""
        if self._failed or len(entry) > MOST_BYTES // 16:
            return
        try:
            os.makedirs(self.folder, 0o700, exist_ok=True)
            with self._opened() as folder:
                self._write(folder, key, entry)
                if self._written % _WRITES_PER_CHECK == 0:
                    _remove_oldest(folder)
                self._written += 1
        except OSError:
            self._failed = True

    def usage(self) -> Usage:
        """What it holds. Raises OSError, and Unsafe, if the folder cannot be used."""
        with self._opened() as folder:
            sizes = [status.st_size for _, status in _entries(folder)]
            return Usage(len(sizes), sum(sizes))

    def clear(self) -> Usage:
        """Remove all entries; returns what they were. Raises OSError, and Unsafe."""
        with self._opened() as folder:
            removed = list(_entries(folder))
            for name, _ in removed:
                _remove(folder, name)
            return Usage(len(removed), sum(status.st_size for _, status in removed))

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """A descriptor of the folder. Raises Unsafe if it is not the user's alone."""
        try:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            if os.path.islink(self.folder):
                raise Unsafe("the folder is a symbolic link") from None
            raise
        try:
            status = os.fstat(folder)
            if status.st_uid != os.geteuid():
                raise Unsafe("the folder belongs to another user")
            if stat.S_IMODE(status.st_mode) & 0o077:
                raise Unsafe("other users may enter the folder: its mode must be 0700")
            yield folder
        finally:
            os.close(folder)

    def _write(self, folder: int, key: str, data: bytes) -> None:
        # The process and the thread make the name unique. A file that is left by a crash has a name of an entry's form.
        name = f"{key}.{os.getpid()}-{threading.get_ident()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o600, dir_fd=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
            os.rename(name, key, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            _remove(folder, name)
            raise


def _is_own_file(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _entries(folder: int) -> Iterator[tuple[str, os.stat_result]]:
    """The names of entries, with their status. Files of other names are not the cache's."""
    with os.scandir(folder) as found:
        for each in found:
            if _ENTRY.fullmatch(each.name):
                # Another process may have removed it.
                with suppress(FileNotFoundError):
                    yield each.name, each.stat(follow_symlinks=False)


def _remove_oldest(folder: int) -> None:
    entries = sorted(_entries(folder), key=lambda entry: entry[1].st_mtime_ns, reverse=True)
    size = sum(status.st_size for _, status in entries)
    if size <= MOST_BYTES and len(entries) <= MOST_ENTRIES:
        return
    kept = 0
    for index, (name, status) in enumerate(entries):
        kept += status.st_size
        if kept > MOST_BYTES * _KEPT or index >= MOST_ENTRIES * _KEPT:
            _remove(folder, name)


def _remove(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
