"""Kaleido as a process in a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import StringIO
from typing import Any

import pexpect

__all__ = ["Spawn", "leave", "on_terminal", "screen_lines", "spawning"]

Spawn = Callable[[Sequence[str], Mapping[str, str], tuple[int, int]], Any]


@contextmanager
def spawning() -> Iterator[Spawn]:
    """Yields a function that starts Python with arguments, environment variables, rows and columns.

    Processes that still run at the end are killed.
    """
    # pexpect does not answer queries of the cursor's position, and searches for plain text.
    own = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "NO_COLOR": "1"}
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "FORCE_COLOR")}
    with ExitStack() as ending:

        def spawn(arguments: Sequence[str], variables: Mapping[str, str], size: tuple[int, int]) -> Any:
            child = pexpect.spawn(
                sys.executable,
                [*arguments],
                env={**inherited, **own, **variables},
                dimensions=size,
                encoding="utf-8",
                timeout=60,
            )
            ending.callback(child.close, force=True)
            child.logfile_read = StringIO()
            return child

        yield spawn


def leave(terminal: Any, keys: str) -> int | None:
    """Press `keys`, and wait until the process ends; returns its exit code."""
    terminal.send(keys)
    terminal.expect(pexpect.EOF)
    terminal.close()
    status: int | None = terminal.exitstatus
    return status


def on_terminal(code: str) -> str:
    """What a Python program writes to a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stdout=follower) as process:
        os.close(follower)
        output = b"".join(iter(lambda: _read(leader), b""))
    os.close(leader)
    assert process.returncode == 0
    return output.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        # Linux raises it when the other end is closed.
        return b""


def screen_lines(output: str) -> list[str]:
    """The lines of `output` as a terminal shows them: CR moves to the beginning of the line, an erasure clears it."""
    return [_shown(line) for line in output.split("\n")]


def _shown(line: str) -> str:
    cells: list[str] = []
    column = 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|.", line.rstrip("\r"), re.DOTALL):
        if piece == "\r":
            column = 0
        elif piece == "\x1b[K":
            del cells[column:]
        elif len(piece) == 1:
            cells[column : column + 1] = [piece]
            column += 1
    return "".join(cells)
