"""The modes of a session, and the engine's policy for each."""

from __future__ import annotations

from dataclasses import replace

from kaleido.jit import Policy

__all__ = ["MODES", "policy_for"]

MODES = ("tiered", "sync", "O0", "O3")
"""Two tiers with compilation in the background; two tiers while the program waits; one tier alone."""


def policy_for(jit: str, threshold: int | None = None, stack_size: int | None = None) -> Policy:
    """The engine's policy for one of MODES.

    `threshold` is for both calls and loop iterations, `stack_size` is in bytes; None keeps the policy's default. Raises
    ValueError for an unknown mode, and for values that the policy does not allow.
    """
    policy = {
        "tiered": Policy(),
        "sync": Policy(background=False),
        "O0": Policy(optimize=False),
        "O3": Policy(baseline=False),
    }.get(jit)
    if policy is None:
        raise ValueError(f"jit is one of {', '.join(MODES)}, not {jit!r}")
    if threshold is not None:
        policy = replace(policy, call_threshold=threshold, iteration_threshold=threshold)
    if stack_size is not None:
        policy = replace(policy, stack_size=stack_size)
    return policy
