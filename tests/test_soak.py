"""A few seconds of ``python -m tests.soak``, which is meant to run much longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_nothing_goes_wrong_in_a_few_seconds_of_everything() -> None:
    command = [sys.executable, "-m", "tests.soak", "--seconds", "4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
