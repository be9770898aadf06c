"""``kaleido doctor``: what is installed, what this platform protects from, and whether a program runs.

It works where Kaleido does not: each line is found by itself, and what fails is its text.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import kaleido
from kaleido.diagnostics import FAILED, OK
from kaleido.installation.extras import EXTRAS, REQUIRED
from kaleido.language.source_files import shown
from kaleido.terminal import streams

__all__ = ["run"]

_DESCRIPTION = """Show what is installed and what works here, for a report of a bug. The exit code is 1 where programs
do not run."""

_TOOLS = ("cc", "gdb", "perf", "objdump")

_VARIABLES = ("KALEIDO_CACHE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "NO_COLOR", "FORCE_COLOR", "TERM")

_PROGRAM = "def square(x) x * x  def sum(n) var s in (for i = 1, i < n in s = s + square(i)) : s  sum(20000)"
_VALUE = 2666866670000.0


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command; `parser` has the options that all commands share. Return the exit code."""
    parser.description = _DESCRIPTION
    parser.parse_args(arguments)
    for name, text in _facts():
        streams.write(f"{name:<16}{text}\n")
    works = True
    for name, found in (("protection", _protection), ("cache", _cache), ("-O0", _runs("O0")), ("-O3", _runs("O3"))):
        try:
            text = found()
        except Exception as error:
            works, text = False, f"fails: {type(error).__name__}: {error}"
        streams.write(f"{name:<16}{text}\n")
    streams.flush()
    return OK if works else FAILED


def _facts() -> Iterator[tuple[str, str]]:
    """What holds whether Kaleido works or not."""
    yield "kaleido", f"{kaleido.__version__} in {shown(str(Path(kaleido.__file__).parent))}"
    yield "python", f"{platform.python_version()} ({platform.python_implementation()}), {shown(sys.executable)}"
    yield "platform", f"{platform.system()} {platform.release()} on {platform.machine()}, {_libc()}"
    for name in REQUIRED:
        yield name, _version(name)
    for extra, names in EXTRAS.items():
        yield f"[{extra}]", ", ".join(f"{name} {_version(name)}" for name in names)
    for tool in _TOOLS:
        yield tool, shown(shutil.which(tool) or "not found")
    yield (
        "variables",
        shown(", ".join(f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ)) or "-",
    )


def _libc() -> str:
    return " ".join(platform.libc_ver()).strip() or "no known C library"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _protection() -> str:
    from kaleido import Session

    with Session() as session:
        return session.engine.unprotected or "endless recursion and Ctrl-C are caught"


def _cache() -> str:
    from kaleido.cache.cache_command import state

    return state()


def _runs(jit: str) -> Callable[[], str]:
    def run() -> str:
        from kaleido import Session

        with Session(jit=jit) as session:
            value = session.run(_PROGRAM)
        if value != _VALUE:
            raise ValueError(f"a program has the value {value} instead of {_VALUE}")
        return "a program runs, and has the right value"

    return run
