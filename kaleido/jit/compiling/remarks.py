"""LLVM's own reasons for not inlining calls: its optimization remarks.

llvmlite has no interface for remarks. LLVM prints them where an option asks for it. So the units are optimized once
more in a subprocess.
"""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Iterator, Sequence

import llvmlite.binding as llvm

from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.llvm import Target
from kaleido.jit.compiling.recursion import original_name
from kaleido.jit.compiling.subprocesses import given, run_elsewhere
from kaleido.jit.events import NotInlined
from kaleido.jit.policy import Policy
from kaleido.jit.unit import Tier, Unit

__all__ = ["main", "missed_inlining"]

_REMARK = re.compile(r"^remark: [^ ]+ '(.+?)' not inlined into '(.+?)' because (.+)$", re.MULTILINE)
_COST = re.compile(r"too costly to inline \(cost=(-?\d+), threshold=(-?\d+)\)")
_NEVER = re.compile(r"it should never be inlined \(cost=never\): (.+)")


def missed_inlining(units: Sequence[Unit], policy: Policy) -> list[NotInlined]:
    """The calls between the units of an inline group that LLVM does not inline, with its reasons.

    A transform of the engine is not applied. Raises OSError where the subprocess cannot run or does not succeed.
    """
    calls: set[tuple[str, str]]
    calls, printed = run_elsewhere(__name__, units, policy)
    # The inliner runs several times. The last reason for a call counts, if it is still a call at the end.
    reasons = {(caller, callee): reason for callee, caller, reason in _REMARK.findall(printed.decode("utf-8"))}
    labels = {unit.body: unit.label for unit in units}
    found: dict[tuple[str, str], str] = {}
    for (caller, callee), reason in reasons.items():
        if (caller, callee) in calls:
            names = original_name(caller), original_name(callee)
            copied = callee != names[1] and names[0] == names[1]
            found[names] = _limits(policy) if copied else _in_words(reason)
    return [
        NotInlined(labels.get(caller, caller), labels.get(callee, callee), reason)
        for (caller, callee), reason in found.items()
    ]


def _limits(policy: Policy) -> str:
    """Why no more copies of a recursive function are inlined in it."""
    bodies, size = policy.recursion_bodies, policy.recursion_size
    return f"one frame holds at most {bodies} of its bodies, of at most {size} instructions together"


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
    units, policy = given()
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
                    yield function.name, callee.name
