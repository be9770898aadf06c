"""A compilation in another process, for IR that may end the process.

LLVM verifies modules, but not the text of inline assembly, and not whether this machine has an instruction for each
intrinsic and type. Where it finds that out, in the code generator, it ends the process. So units with such IR, which
are few, are compiled in a process of their own first. That takes some tenths of a second.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from kaleido.jit.compiling.llvm import Target, parse_alone
from kaleido.jit.policy import Policy
from kaleido.jit.unit import Tier

__all__ = ["needs_rehearsal", "rehearse"]

_RISKY = re.compile(
    r" asm |addrspace\(|vscale|section \"|llvm\.x86\.|llvm\.experimental|x86_amx|ppc_fp128| cc ?\d| prefix | prologue "
)

# Seconds.
_TIMEOUT = 60.0


def needs_rehearsal(text: str) -> bool:
    """Whether a module, as LLVM prints it, may end the process that compiles it."""
    return _RISKY.search(text) is not None


def rehearse(ir: str) -> str:
    """Compile a module in both tiers in another process. Returns why that has failed; empty if it has not."""
    if not sys.executable:
        return ""
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=ir.encode(),
            capture_output=True,
            timeout=_TIMEOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    except subprocess.TimeoutExpired:
        return f"compiling it takes more than {_TIMEOUT:.0f} seconds"
    if done.returncode == 0:
        return ""
    lines = done.stderr.decode(errors="replace").splitlines()
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [f"the compiler ended with {done.returncode}"])[0]


def _compile(ir: str) -> None:
    target = Target(Policy())
    for tier in Tier:
        with parse_alone(ir) as module:
            if tier is Tier.OPTIMIZED:
                target.optimize(module)
            target.emit(module, tier)


if __name__ == "__main__":
    _compile(sys.stdin.buffer.read().decode())
