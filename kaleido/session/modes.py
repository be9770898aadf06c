"""The modes of a session, and the engine's policy for each."""

from __future__ import annotations

from dataclasses import replace

from kaleido.jit import Policy

__all__ = ["MODES", "mode_of", "policy_for", "with_tiers"]

MODES = ("tiered", "sync", "O0", "O3")
"""Two tiers with compilation in the background; two tiers while the program waits; one tier alone."""

CHECK_UNITS = False
"""Whether engines check the units of Kaleido itself: in its tests they do."""


_POLICIES = {
    "tiered": Policy(),
    "sync": Policy(background=False),
    "O0": Policy(optimize=False),
    "O3": Policy(baseline=False),
}


def mode_of(policy: Policy) -> str:
    """The mode whose tiers a policy has."""
    if not policy.tiered:
        return "O0" if policy.baseline else "O3"
    return "tiered" if policy.background else "sync"


def policy_for(
    jit: str,
    threshold: int | None = None,
    stack_size: int | None = None,
    *,
    debug: bool = False,
    speculate: bool = False,
) -> Policy:
    """The engine's policy for one of MODES.

    `threshold` is for both calls and loop iterations, `stack_size` is in bytes; None keeps the policy's default. With
    `debug`, code has debug information; with `speculate`, arguments that never changed are taken for constants. Raises
    ValueError for an unknown mode, and for values that the policy does not allow.
    """
    policy = replace(_POLICIES[jit], check=CHECK_UNITS, debug=debug, speculate=speculate) if jit in _POLICIES else None
    if policy is None:
        raise ValueError(f"jit is one of {', '.join(MODES)}, not {jit!r}")
    if threshold is not None:
        policy = replace(policy, call_threshold=threshold, iteration_threshold=threshold)
    if stack_size is not None:
        policy = replace(policy, stack_size=stack_size)
    return policy


def with_tiers(policy: Policy, other: Policy) -> Policy:
    """`policy` with the mode of another one."""
    return replace(policy, baseline=other.baseline, optimize=other.optimize, background=other.background)
