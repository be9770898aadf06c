"""LLVM's own reasons for not inlining calls: its optimization remarks.

llvmlite has no interface for remarks. LLVM prints them where an option asks for it, and options are settings of the
process. So the units are optimized once more in a subprocess, which takes about as long as Kaleido takes to start.
"""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence

import llvmlite.binding as llvm

from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.llvm import Target
from kaleido.jit.compiling.recursion import original
from kaleido.jit.events import NotInlined
from kaleido.jit.policy import Policy
from kaleido.jit.unit import Tier, Unit

__all__ = ["main", "missed_inlining"]

TIMEOUT = 60.0
"""Seconds after which the subprocess is given up."""

# Isolated, so that nothing is imported from the current folder; then with the path of this process.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from kaleido.jit.compiling.remarks import main; main()"

_REMARK = re.compile(r"^remark: [^ ]+ '(.+?)' not inlined into '(.+?)' because (.+)$", re.MULTILINE)
_COST = re.compile(r"too costly to inline \(cost=(-?\d+), threshold=(-?\d+)\)")
_NEVER = re.compile(r"it should never be inlined \(cost=never\): (.+)")


def missed_inlining(units: Sequence[Unit], policy: Policy) -> list[NotInlined]:
    """The calls between the units of an inline group that LLVM does not inline, with its reasons.

    A transform of the engine is not applied. Raises OSError where the subprocess cannot run or does not succeed.
    """
    command = [sys.executable, "-I", "-c", _PROGRAM, *filter(None, sys.path)]
    try:
        done = subprocess.run(
            command, input=pickle.dumps((units, policy)), capture_output=True, timeout=TIMEOUT, check=True
        )
    except subprocess.CalledProcessError as error:
        raise OSError(f"the subprocess ended with {error.returncode}") from None
    except subprocess.TimeoutExpired:
        raise OSError(f"the subprocess took longer than {TIMEOUT:.0f} seconds") from None
    calls: set[tuple[str, str]] = pickle.loads(done.stdout)
    # The inliner runs several times. The last reason for a call counts, if it is still a call at the end.
    reasons = {
        (original(caller), original(callee)): reason
        for callee, caller, reason in _REMARK.findall(done.stderr.decode("utf-8"))
    }
    labels = {unit.body: unit.label for unit in units}
    return [
        NotInlined(labels.get(caller, caller), labels.get(callee, callee), _in_words(reason))
        for (caller, callee), reason in reasons.items()
        if (caller, callee) in calls
    ]


def _in_words(reason: str) -> str:
    if cost := _COST.fullmatch(reason):
        return f"LLVM estimates its cost at {int(cost[1]):,}, and inlines up to {int(cost[2]):,}"
    if never := _NEVER.fullmatch(reason):
        return f"LLVM never inlines it: {never[1]}"
    return f"LLVM: {reason}"


def main() -> None:
    """The subprocess: optimize the units on standard input, and write the calls that are left to standard output.

    LLVM writes its remarks to standard error.
    """
    units, policy = pickle.load(sys.stdin.buffer)
    llvm.set_option("", "-pass-remarks-missed=inline")
    with Compiler(Target(policy), None).module(units, Tier.OPTIMIZED) as module:
        pickle.dump(set(_calls(module)), sys.stdout.buffer)


def _calls(module: llvm.ModuleRef) -> Iterator[tuple[str, str]]:
    """The names of each function that calls another, and of that one."""
    for function in module.functions:
        for block in function.blocks:
            for instruction in block.instructions:
                if instruction.opcode == "call":
                    *_, callee = instruction.operands
                    yield original(function.name), original(callee.name)
