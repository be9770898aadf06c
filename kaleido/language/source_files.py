"""Program texts from files, which may have any name and contain any bytes."""

from __future__ import annotations

import os
from pathlib import Path

from kaleido.diagnostics import Source
from kaleido.terminal.text import printable

__all__ = ["decoded", "read", "reason", "shown"]


def read(path: str | Path) -> Source:
    """Read the program in a file. Raises OSError, and ValueError for a path that cannot be a file name."""
    with open(path, "rb") as file:
        return Source(shown(path), decoded(file.read()))


def decoded(data: bytes) -> str:
    """Decode bytes as UTF-8, without a byte order mark. Invalid bytes become U+FFFD, which is a syntax error there."""
    return data.decode("utf-8-sig", errors="replace")


def shown(path: str | Path) -> str:
    """A path as text without control characters. File names may be any bytes."""
    return printable(os.fsencode(path).decode("utf-8", errors="replace") or "''")


def reason(error: Exception) -> str:
    """The message of an error, without the system's error number."""
    return getattr(error, "strerror", None) or str(error)
