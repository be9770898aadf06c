"""The modes of a session, and the engine's policy for each."""

from __future__ import annotations

from kaleido.jit import Policy

__all__ = ["MODES", "mode_of", "policy_for", "with_threshold", "with_tiers"]

MODES = ("tiered", "sync", "O0", "O3")
"""Two tiers with compilation in the background; two tiers while the program waits; one tier alone."""

CHECK_UNITS = False
"""Whether engines check the units of Kaleido itself: in its tests they do."""


_PATIENCE = 0.1
_TIERS = {"tiered": {}, "sync": {"background": False}, "O0": {"optimize": False}, "O3": {"baseline": False}}


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
    source_folder: str = "",
    frame_pointers: bool = False,
    speculate: bool = False,
) -> Policy:
    """The engine's policy for one of MODES.

    `threshold` is for both calls and loop iterations, and hot code does not wait then; `stack_size` is in bytes; None
    keeps the policy's default. With `debug`, code has debug information, and texts that are no files are
    written to `source_folder`; with `frame_pointers`, it keeps these; with `speculate`, arguments that never changed
    are taken for constants.

    Raises ValueError for an unknown mode, and for values that the policy does not allow.
    """
    if jit not in _TIERS:
        raise ValueError(f"jit is one of {', '.join(MODES)}, not {jit!r}")
    policy = Policy(
        **_TIERS[jit],
        patience=_PATIENCE,
        stack_size=Policy.stack_size if stack_size is None else stack_size,
        check=CHECK_UNITS,
        debug=debug,
        source_folder=source_folder,
        frame_pointers=frame_pointers,
        speculate=speculate,
    )
    return policy if threshold is None else with_threshold(policy, threshold)


def with_threshold(policy: Policy, threshold: int | None) -> Policy:
    """`policy` with one threshold for calls and iterations, and no patience; with Kaleido's own of all three for None.

    Raises ValueError for a threshold that the policy does not allow.
    """
    # Here, because a plain run does without its import.
    from dataclasses import replace

    if threshold is not None:
        return replace(policy, call_threshold=threshold, iteration_threshold=threshold, patience=0.0)
    calls, iterations, patience = Policy.call_threshold, Policy.iteration_threshold, _PATIENCE
    return replace(policy, call_threshold=calls, iteration_threshold=iterations, patience=patience)


def with_tiers(policy: Policy, other: Policy) -> Policy:
    """`policy` with the mode of another one."""
    from dataclasses import replace

    return replace(policy, baseline=other.baseline, optimize=other.optimize, background=other.background)
