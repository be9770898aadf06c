"""Everything that is checked, in one command: format, lint, types, tests. CI runs this and nothing else.

python tests/check.py [arguments for pytest]
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
    ["pytest"],
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
