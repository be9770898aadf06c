"""Program texts from files: any name, any bytes."""

from __future__ import annotations

import os
from pathlib import Path

from kaleido.diagnostics import Source
from kaleido.terminal.text import printable

__all__ = ["decoded", "read", "reason", "shown"]


def read(path: str | Path) -> Source:
    """The program in a file. Raises OSError, and ValueError for what can be no file's name."""
    with open(path, "rb") as file:
        return Source(shown(path), decoded(file.read()))


def decoded(data: bytes) -> str:
    """Any bytes are text: what is not UTF-8 becomes the replacement character, and an error where it stands."""
    return data.decode("utf-8-sig", errors="replace")


def shown(path: str | Path) -> str:
    """A file name may be any bytes; what is shown of it is text that does nothing to a terminal."""
    return printable(os.fsencode(path).decode("utf-8", errors="replace") or "''")


def reason(error: Exception) -> str:
    """What went wrong, without the number that the system has for it."""
    return getattr(error, "strerror", None) or str(error)
