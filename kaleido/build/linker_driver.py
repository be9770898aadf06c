"""The program that links an object file with the C library into an executable."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from kaleido.jit import interruptibly, signals_deferred
from kaleido.language.source_files import reason

__all__ = ["LinkError", "link"]


class LinkError(Exception):
    """There is no linker driver, or it has failed; the message says which, for people."""


def link(objects: Sequence[Path], program: Path, libraries: Sequence[str], driver: str | None) -> None:
    """Link object files, with libraries by their paths or names. `driver` is a command; None for the first found.

    The program finds a library where it is now. Raises LinkError.
    """
    command = _command(driver) if driver else _found()
    arguments = [*map(str, objects), "-o", str(program), *chain.from_iterable(map(_library, libraries)), "-lm"]
    try:
        code, printed = _run([*command, *arguments])
    except OSError as error:
        raise LinkError(f"cannot run {command[0]}: {reason(error)}") from None
    if code != 0:
        raise LinkError(f"{command[0]} could not link the program:\n{printed.rstrip()}")


def _run(command: Sequence[str]) -> tuple[int, str]:
    """Run a command. Returns the exit code, and what was printed. An interruption ends it, too. Raises OSError."""
    with signals_deferred():
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        try:
            printed, _ = interruptibly(process.communicate)
        except BaseException:
            # It writes into a folder that is about to be removed.
            process.kill()
            process.communicate()
            raise
    return process.returncode, printed


def _library(name: str) -> list[str]:
    """The arguments for a library: a path, or a name for the system's search, as the dynamic loader takes them."""
    if os.sep not in name:
        return [f"-l:{name}"]
    path = os.path.abspath(name)
    return [path, "-Xlinker", "-rpath", "-Xlinker", os.path.dirname(path)]


def _command(driver: str) -> list[str]:
    try:
        return shlex.split(driver) or _found()
    except ValueError as error:
        raise LinkError(f"{driver} is no command: {error}") from None


def _found() -> list[str]:
    for name in ("cc", "gcc", "clang"):
        if (path := shutil.which(name)) is not None:
            return [path]
    if find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    raise LinkError("there is no linker driver: install a C compiler, or pip install 'kaleido-lang[build]'")
