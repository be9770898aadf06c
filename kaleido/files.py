"""Program texts from files: any name, any bytes."""

from __future__ import annotations

import os
import stat
from importlib.resources import files
from pathlib import Path

from kaleido.diagnostics import Source, printable

__all__ = ["decoded", "folder", "prelude", "read", "reason", "refuse_others", "shown"]


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


def prelude() -> Source:
    """What every session begins with."""
    return Source("<prelude>", (files("kaleido") / "prelude.kal").read_text("utf-8"))


def refuse_others(path: Path, *owners: int) -> None:
    """Raise OSError where a path belongs to another user than `owners`, or where others can write to it."""
    found = path.stat()
    if found.st_uid not in owners:
        raise OSError(f"{path} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError(f"others can write to {path}")


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
