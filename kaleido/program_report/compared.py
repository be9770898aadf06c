"""The time of a program that never tiers up, that has only optimized code, and tiered: runs in a subprocess.

The subprocess is ``kaleido bench --json``, which discards the program's output and gives each mode a new session.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from kaleido.command_line.options import Options

__all__ = ["compare"]

# Seconds: one run in each mode, if a run takes longer than a small part of this.
_SECONDS = "1"


def compare(text: str, options: Options) -> dict[str, Any] | None:
    """The median milliseconds of each mode: `run`, `compile`, and `beside`, in the background. None if a run fails.

    `text` is the program, and `options` are those of its recorded run.
    """
    arguments = [f"--load={library}" for library in options.load] + ([] if options.externs else ["--no-extern"])
    command = [sys.executable, "-m", "kaleido", "bench", "--json", "--seconds", _SECONDS, *arguments, "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        return None
    return {mode: _medians(runs) for mode, runs in json.loads(done.stdout)["seconds"].items()}


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {part: round(sorted(run[part] for run in runs)[len(runs) // 2] * 1000, 3) for part in runs[0]}
