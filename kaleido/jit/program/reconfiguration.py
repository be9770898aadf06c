"""Tiers that change from outside, while the program runs: a unit that is deoptimized on request, and another policy.

What a new policy means for code that exists:

==============================  ========================================================================================
no more -O3                     optimized code is deoptimized; runs are no longer counted, and pending requests dropped
no more baseline                baseline code stays until its unit is looked up for its next call from Python: then the
                                unit is compiled at -O3, with everything it reaches
baseline, where there was none  units at -O3 stay there; they get the baseline code that they may return to
other thresholds                each count goes on: a unit that has already run as often is hot at its next run
thresholds again, after none    units at their baseline are counted from zero
in the background, or not       requests that are pending, or on the way, are handled as the sender expects
==============================  ========================================================================================

In all of these, code that is running goes on in the tier it is in, until its next call through a stub.

With a baseline in the policy, every version that has optimized code has baseline code, too: deoptimization relies on
that.
"""

from __future__ import annotations

from collections.abc import Iterable

from kaleido.jit.policy import Policy
from kaleido.jit.program.program import Program
from kaleido.jit.program.versions import Version

__all__ = ["check_change", "configure", "deoptimize"]

_CHANGEABLE = ("baseline", "optimize", "background", "call_threshold", "iteration_threshold", "patience")


def deoptimize(program: Program, name: str) -> frozenset[str]:
    """Return a unit and its nested units to their baseline. Returns the symbols of those that were optimized.

    Raises KeyError where it is not defined, ValueError where the policy has no baseline.
    """
    version = program.symbols.defined(name)
    if not program.policy.baseline:
        raise ValueError("the policy has no baseline to return to")
    return _deoptimize(program, version.with_nested(), "on request")


def _deoptimize(program: Program, versions: Iterable[Version], reason: str) -> frozenset[str]:
    optimized = [version for version in versions if version.optimized is not None]
    for version in optimized:
        program.publisher.deoptimize(version, reason)
    program.reclaimer.collect()
    return frozenset(version.unit.symbol for version in optimized)


def check_change(before: Policy, policy: Policy) -> None:
    """Raise ValueError where two policies differ in more than tiers and thresholds."""
    # Here, because a plain run does without its import.
    from dataclasses import fields

    for field in fields(Policy):
        if field.name not in _CHANGEABLE and getattr(policy, field.name) != getattr(before, field.name):
            raise ValueError(f"{field.name} is set when the engine is created, and cannot change")


def configure(program: Program, policy: Policy) -> None:
    """Make `policy` the program's. Raises ValueError and MemoryError; then the policy is what it was."""
    before, versions = program.policy, list(program.symbols.versions.values())
    program.set_policy(policy)
    try:
        if policy.baseline and not before.baseline:
            _compile_baseline(program, versions)
    except BaseException:
        program.set_policy(before)
        raise
    if not policy.baseline:
        program.symbols.mark_reachable_missing()
    if not policy.optimize:
        _deoptimize(program, versions, "-O3 is switched off")
    if policy.tiered != before.tiered or policy.thresholds != before.thresholds:
        for version in versions:
            program.publisher.renew_limit(version)


def _compile_baseline(program: Program, versions: Iterable[Version]) -> None:
    """Compile baseline code for the versions that have only optimized code, and for what it calls."""
    missing = [version for version in versions if version.optimized is not None and version.baseline is None]
    program.compiler.compile(missing, {}, complete=False, again=frozenset(missing))
