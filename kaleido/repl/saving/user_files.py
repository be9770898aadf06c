"""Files in the user's own folders: where they are, and whether another user could have written them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from kaleido.diagnostics import Source
from kaleido.language.source_files import read

__all__ = ["check_trusted", "init_file", "xdg_folder"]


def init_file() -> Source | None:
    """The program in ``$XDG_CONFIG_HOME/kaleido/init.kal``, or None if there is no such file. Raises OSError.

    The REPL runs it unasked. So the file and its folder must belong to the user or to root, and other users must not
    be able to write to them.
    """
    path = xdg_folder("XDG_CONFIG_HOME", ".config") / "init.kal"
    if not path.exists():
        return None
    for each in (path, path.parent):
        check_trusted(each, os.geteuid(), 0)
    return read(path)


def xdg_folder(variable: str, *default: str) -> Path:
    """The folder of Kaleido by the XDG Base Directory Specification.

    `variable` is an environment variable such as ``XDG_STATE_HOME``. If it is not set, `default` has the parts of the
    path below the home directory. Raises OSError if there is no home directory.
    """
    named, home = os.environ.get(variable, ""), os.environ.get("HOME", "")
    # The specification says that relative paths are to be ignored.
    if os.path.isabs(named):
        return Path(named, "kaleido")
    if not home:
        raise OSError(f"neither {variable} nor HOME is set")
    return Path(home, *default, "kaleido")


def check_trusted(path: Path, *owners: int) -> None:
    """Raise OSError if `path` does not belong to one of the users `owners`, or if other users can write to it."""
    found = path.stat()
    if found.st_uid not in owners:
        raise OSError(f"{path} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError(f"others can write to {path}")
