"""The program that links an object file with the C library into an executable."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

__all__ = ["LinkError", "link"]


class LinkError(Exception):
    """There is no linker driver, or it has failed; the message says which, for people."""


def link(objects: Path, program: Path, libraries: Sequence[str], driver: str | None) -> None:
    """Link an object file, with libraries by their paths. `driver` is a command; None for the first that is found.

    Raises LinkError, and OSError where the driver cannot be run.
    """
    command = shlex.split(driver) if driver else _found()
    arguments = [str(objects), "-o", str(program), *map(str, map(Path, libraries)), "-lm"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        raise LinkError(f"{command[0]} could not link the program:\n{(done.stderr or done.stdout).rstrip()}")


def _found() -> list[str]:
    for name in ("cc", "gcc", "clang"):
        if (path := shutil.which(name)) is not None:
            return [path]
    if find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    raise LinkError("there is no linker driver: install a C compiler, or pip install 'kaleido-lang[build]'")
