"""All checks in one command: format, lint, types, tests. CI runs this command only.

python tests/check.py [arguments for pytest]

The tests run in one process for each core. ``-n0`` runs them in one process, as ``python -m pytest`` does, where a
debugger can be used.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

ROOT = Path(__file__).parents[1]

LINTERS = [["ruff", "format", "--check", "."], ["ruff", "check", "."]]
TYPES = ["mypy"]
# Each process starts with neighboring tests, which share fixtures, and takes tests of other processes at the end.
TESTS = ["pytest", "-n", "auto", "--dist", "worksteal"]

# Where Python may write no bytecode, as in many containers, each of the hundreds of processes that the tests start
# would compile all of Kaleido: it would take three times as long.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main(arguments: list[str]) -> int:
    """Run the linters, which take a second; then the tests, with mypy beside them."""
    for each in LINTERS:
        if code := subprocess.run(_command(each), cwd=ROOT).returncode:
            return code
    with TemporaryFile() as output:
        types = subprocess.Popen(_command(TYPES), cwd=ROOT, env=ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT)
        code = subprocess.run(_command([*TESTS, *arguments]), cwd=ROOT, env=ENVIRONMENT).returncode
        code = types.wait() or code
        output.seek(0)
        print(f"$ python -m {' '.join(TYPES)}", output.read().decode(), sep="\n", end="", flush=True)
    return code


def _command(options: list[str]) -> list[str]:
    print("$ python -m", *options, flush=True)
    return [sys.executable, "-m", *options]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
