"""A compilation in another process, for IR that may end the process: see ``ir_words`` and ``intrinsics`` for which.

It takes some tenths of a second, and few units need it.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from kaleido.jit.compiling.compiler import valid
from kaleido.jit.compiling.llvm import Target, parse_alone, parse_as_it_is
from kaleido.jit.compiling.object_code import undefined_names
from kaleido.jit.policy import Policy
from kaleido.jit.unit import Tier

__all__ = ["Failure", "parse_elsewhere", "rehearse"]

# Seconds, of the processor and on the clock; and bytes.
_SECONDS, _TIMEOUT, _MEMORY = 10, 60.0, 4 << 30


class Failure(Exception):
    """Why a module cannot be compiled."""


def rehearse(ir: str) -> set[str]:
    """Compile a module in both tiers in another process. Returns what its code needs that is not in the IR.

    Raises Failure.
    """
    return _run(ir, _compile)


def parse_elsewhere(ir: str) -> None:
    """Parse a module in another process. Raises Failure if LLVM ends that, but not for an error in the text."""
    _run(ir, _parse)


def _run(ir: str, task: Callable[[str], set[str]]) -> set[str]:
    if not sys.executable:
        return set()
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(_SECONDS), task.__name__],
            input=ir.encode(),
            capture_output=True,
            timeout=_TIMEOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"compiling it takes more than {_TIMEOUT:.0f} seconds") from None
    if done.returncode == 0:
        return set(done.stdout.decode().splitlines())
    if done.returncode == -signal.SIGXCPU:
        raise Failure(f"compiling it takes more than {_SECONDS} seconds")
    lines = done.stderr.decode(errors="replace").splitlines()
    errors = [line for line in lines if "error" in line.lower()]
    raise Failure((errors or lines or [f"the compiler ends with {done.returncode}"])[0])


def _compile(ir: str) -> set[str]:
    """What :func:`rehearse` returns."""
    target = Target(Policy())
    needed: set[str] = set()
    for tier in Tier:
        module = parse_alone(ir)
        named = {each.name for each in (*module.functions, *module.global_variables)}
        if tier is Tier.OPTIMIZED:
            target.optimize(module)
            module = valid(module)
        with module:
            needed |= undefined_names(target.emit(module, tier).data) - named
    return needed


def _parse(ir: str) -> set[str]:
    with suppress(ValueError):
        parse_as_it_is(ir).close()
    return set()


def _limit(resource_: int, most: int) -> None:
    _, hard = resource.getrlimit(resource_)
    resource.setrlimit(resource_, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    _limit(resource.RLIMIT_AS, _MEMORY)
    _limit(resource.RLIMIT_CPU, int(sys.argv[1]))
    try:
        task = {each.__name__: each for each in (_compile, _parse)}[sys.argv[2]]
        sys.stdout.writelines(f"{name}\n" for name in task(sys.stdin.buffer.read().decode()))
    except ValueError as error:
        sys.exit(str(error).removeprefix("LLVM IR parsing error\n"))
