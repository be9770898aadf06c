"""A compilation in another process, for IR that may end the process: see ``ir_words`` for which that is.

It takes some tenths of a second, and few units need it.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys

from kaleido.jit.compiling.llvm import Target, parse_alone
from kaleido.jit.policy import Policy
from kaleido.jit.unit import Tier

__all__ = ["rehearse"]

# Seconds, of the processor and on the clock; and bytes.
_SECONDS, _TIMEOUT, _MEMORY = 10, 60.0, 4 << 30


def rehearse(ir: str) -> str:
    """Compile a module in both tiers in another process. Returns why that has failed; empty if it has not."""
    if not sys.executable:
        return ""
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(_SECONDS)],
            input=ir.encode(),
            capture_output=True,
            timeout=_TIMEOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    except subprocess.TimeoutExpired:
        return f"compiling it takes more than {_TIMEOUT:.0f} seconds"
    if done.returncode == 0:
        return ""
    if done.returncode == -signal.SIGXCPU:
        return f"compiling it takes more than {_SECONDS} seconds"
    lines = done.stderr.decode(errors="replace").splitlines()
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [f"the compiler ends with {done.returncode}"])[0]


def _compile(ir: str) -> None:
    target = Target(Policy())
    for tier in Tier:
        with parse_alone(ir) as module:
            if tier is Tier.OPTIMIZED:
                target.optimize(module)
            target.emit(module, tier)


def _limit(resource_: int, most: int) -> None:
    _, hard = resource.getrlimit(resource_)
    resource.setrlimit(resource_, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    _limit(resource.RLIMIT_AS, _MEMORY)
    _limit(resource.RLIMIT_CPU, int(sys.argv[1]))
    _compile(sys.stdin.buffer.read().decode())
