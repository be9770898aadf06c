"""Kaleido as a process in a pseudo-terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import StringIO
from typing import Any

import pexpect

__all__ = ["Spawn", "leave", "spawning"]

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
