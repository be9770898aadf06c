"""Values of :class:`Policy`: which are refused, and how they compare."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any, cast

import pytest

from kaleido.jit import Policy, RunCounter


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"baseline": False, "optimize": False}, "needs a tier"),
        ({"call_threshold": 0}, "at least 1"),
        ({"iteration_threshold": 0}, "at least 1"),
        ({"call_threshold": -5}, "at least 1"),
        ({"patience": -0.1}, "0 or more"),
        ({"patience": float("nan")}, "0 or more"),
    ],
)
def test_a_policy_needs_a_tier_and_positive_thresholds(options: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Policy(**cast(Any, options))


def test_a_policy_is_a_value() -> None:
    assert Policy() == Policy()
    assert hash(Policy()) == hash(Policy())
    assert Policy(call_threshold=7).thresholds == {RunCounter.CALLS: 7, RunCounter.ITERATIONS: 10_000}
    assert Policy().tiered
    assert not Policy(baseline=False).tiered
    assert not Policy(optimize=False).tiered
    with pytest.raises(FrozenInstanceError):
        Policy().baseline = False  # type: ignore[misc]
