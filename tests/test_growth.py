"""Memory is flat over redefinitions: the short version of ``python -m tests.growth``."""

from __future__ import annotations

import ctypes

import pytest

from tests.growth import PERIOD, growth


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc tells")
@pytest.mark.parametrize(
    ("name", "settled", "redefinitions"),
    [("called once", 300, 400), ("entered once", 300, 400), ("with a loop, in both tiers", 100, 150)],
)
def test_nothing_stays_of_what_was_redefined(name: str, settled: int, redefinitions: int) -> None:
    found = growth(name, settled + redefinitions + PERIOD, settled)
    # Less than a version, its code or its text would take.
    assert found.unexplained < 400 * redefinitions
