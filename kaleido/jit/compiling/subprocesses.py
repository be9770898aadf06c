"""Compilations in another process, where LLVM has other settings: its options are settings of the process.

What LLVM prints goes to the standard error of that process, and its result to standard output. It takes about as long
as Kaleido takes to start.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kaleido.jit.policy import Policy
from kaleido.jit.unit import Unit

__all__ = ["TIMEOUT", "given", "run_elsewhere"]

TIMEOUT = 60.0
"""Seconds after which the subprocess is given up."""

# Isolated, so that nothing is imported from the current folder; then with the path of this process.
_PROGRAM = "import sys; sys.path[:] = sys.argv[2:]; import importlib; importlib.import_module(sys.argv[1]).main()"


def run_elsewhere(module: str, units: Sequence[Unit], policy: Policy, limit: int = -1) -> tuple[Any, bytes]:
    """Call ``main`` of a module in a subprocess, for the units of an inline group.

    Returns what it has written with ``pickle``, and the first `limit` bytes that LLVM has printed. Raises OSError where
    the subprocess cannot run or does not succeed.
    """
    command = [sys.executable, "-I", "-c", _PROGRAM, module, *filter(None, sys.path)]
    # Without their debug information: it has a whole source text, and the code is the same.
    task = pickle.dumps(([replace(unit, debug=None, nested_units=()) for unit in units], policy))
    with tempfile.TemporaryFile() as printed:
        try:
            done = subprocess.run(
                command, input=task, stdout=subprocess.PIPE, stderr=printed, timeout=TIMEOUT, check=True
            )
        except subprocess.CalledProcessError as error:
            raise OSError(f"the subprocess ended with {error.returncode}") from None
        except subprocess.TimeoutExpired:
            raise OSError(f"the subprocess took longer than {TIMEOUT:.0f} seconds") from None
        printed.seek(0)
        return pickle.loads(done.stdout), printed.read(limit)


def given() -> tuple[list[Unit], Policy]:
    """In the subprocess: what :func:`run_elsewhere` was called with."""
    units, policy = pickle.load(sys.stdin.buffer)
    return units, policy
