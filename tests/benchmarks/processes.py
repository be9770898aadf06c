"""Runs commands, and measures them: in time, and in time of the processor."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

__all__ = ["ROOT", "Clock", "Failed", "Times", "environment", "kaleido", "python", "run", "undisturbed"]

ROOT = Path(__file__).parents[2]

Clock = Literal["wall", "cpu"]


class Failed(RuntimeError):
    """A command ended with an error."""


class Times(NamedTuple):
    """Seconds: as a clock on the wall shows them, and those of all threads on the processors."""

    wall: float
    cpu: float

    def of(self, clock: Clock) -> float:
        return self.wall if clock == "wall" else self.cpu


def environment(**changes: str) -> dict[str, str]:
    """The environment for Kaleido: this tree, Python's buffers and its saved bytecode, as for a user."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def kaleido(*arguments: str) -> list[str]:
    return python("-m", "kaleido", *arguments)


# What other processes may use of one processor, and how often a run is repeated in which they used more.
_DISTURBED, _ATTEMPTS = 0.2, 3


def undisturbed(command: Sequence[str]) -> Times:
    """The times of a command while other processes used little of the processors: the first such run of _ATTEMPTS.

    A program and its recompiler need two processors. Where others use one, the program waits longer for its optimized
    code, and runs its baseline meanwhile: so even the time of the processor is longer. If all runs were disturbed, the
    shortest counts.
    """
    found = []
    for _ in range(_ATTEMPTS):
        before = _busy()
        found.append(run(command)[0])
        if _busy() - before - found[-1].cpu < _DISTURBED * found[-1].wall:
            return found[-1]
    return min(found)


def _busy() -> float:
    """Seconds that all processes have used on all processors; 0 where the system does not tell (not Linux)."""
    try:
        first = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return 0.0
    user, nice, system, _, _, *interrupts = map(int, first.split()[1:8])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def run(command: Sequence[str], **changes: str) -> tuple[Times, str]:
    """Run it with `changes` to the environment. Return the times of the whole process, and its standard output.

    Raises Failed if it cannot be started, or ends with another exit code than 0.
    """
    begin = time.perf_counter()
    try:
        process = subprocess.Popen(command, env=environment(**changes), stdout=subprocess.PIPE, text=True)
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    with process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"{' '.join(command)}: exit code {process.returncode}")
    return Times(wall, usage.ru_utime + usage.ru_stime), output
