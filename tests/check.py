"""All checks in one command: format, lint, types, tests. CI runs this command only.

python tests/check.py [arguments for pytest]

The tests run in one process for each core. ``-n0`` runs them in one process, as ``python -m pytest`` does, where a
debugger can be used.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

CHECKS = [
    ["ruff", "format", "--check", "."],
    ["ruff", "check", "."],
    ["mypy"],
    # Each process starts with neighboring tests, which share fixtures, and takes tests of other processes at the end.
    ["pytest", "-n", "auto", "--dist", "worksteal"],
]


def main(arguments: list[str]) -> int:
    for tool, *options in CHECKS:
        command = [sys.executable, "-m", tool, *options, *(arguments if tool == "pytest" else [])]
        print("$", " ".join(["python", *command[1:]]), flush=True)
        code = subprocess.run(command, cwd=ROOT).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
