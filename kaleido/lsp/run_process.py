"""Runs a program in a process of its own, with a time limit: whatever it does, the server stays alive."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["RunResult", "run_program"]

# Isolated: the process imports what the server does, and nothing from the current folder.
_PROGRAM = """import sys
sys.path[:] = sys.argv[1:]
from kaleido.lsp.run_worker import main
main()"""

# Seconds for the start of the process, and for a program that does not stop when it is interrupted.
_GRACE = 5.0

# The longest result: the values of a long program.
_LONGEST = 64 << 20


class RunResult(NamedTuple):
    """What a run has shown.

    `text`       the program
    `values`     the start and end of each expression at top level, and its value as it is shown
    `variables`  the top-level variables at the end
    `tiers`      for each function and loop that has run: its tier at the end, and how often it ran at the baseline
    `output`     what the program has written, without the beginning if that is long
    `left_out`   how many characters of the output are left out
    `problem`    why it has ended early, as text; empty if it has not
    """

    text: str
    values: Sequence[tuple[int, int, str]] = ()
    variables: Mapping[str, str] = {}
    tiers: Mapping[str, str] = {}
    output: str = ""
    left_out: int = 0
    problem: str = ""


async def run_program(name: str, text: str, *, seconds: float, externs: bool) -> RunResult:
    """Run a program for at most so many seconds. `externs`: whether it may declare C functions beyond the prelude's.

    Raises OSError if no process can be started.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", _PROGRAM, *filter(None, sys.path),
        stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=_LONGEST,
    )  # fmt: skip
    request = {"name": name, "text": text, "seconds": seconds, "externs": externs}
    try:
        answer, _ = await asyncio.wait_for(process.communicate(json.dumps(request).encode()), seconds + _GRACE)
    except TimeoutError:
        return RunResult(text, problem=f"ended after {seconds:g} s")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not answer:
        return RunResult(text, problem=f"the program has ended its process, with the status {process.returncode}")
    return RunResult(text, **json.loads(answer))
