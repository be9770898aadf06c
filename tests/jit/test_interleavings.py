"""Interleavings: calls, definitions, removals, recompilations and closing on several threads, in every order."""

from __future__ import annotations

import sys
from functools import partial

import pytest

from tests.jit.histories import HISTORIES, HUGE, play
from tests.jit.schedule import every_order, random_orders

# The least number of orders. Fewer would mean that a point is not reached.
ORDERS = {
    "a call against a redefinition of what it calls": 67,
    "a call against a redefinition of itself": 78,
    "two calls against a redefinition": 67,
    "calls of a function and of what it inlined": 540,
    "a requested recompilation of what was inlined": 360,
    "a call against a removal": 147,
    "a call against closing": 237,
    "a call from C against closing": 154,
    "a call and a call from C": 180,
    "a requested recompilation against the recompiler": 174,
    "two requested recompilations": 280,
    "two redefinitions of two functions": 57,
    "two threads that close": 188,
    "a deoptimization on request": 63,
    "the recompiler against -O0 only, for a while": 30,
    "a call against other modes": 219,
    "a requested recompilation against another mode": 68,
    "-O3 only": 105,
    "-O3 only, against closing": 21,
}


@pytest.mark.skipif(sys.platform != "linux", reason="files are counted in /proc")
@pytest.mark.parametrize("name", HISTORIES)
def test_in_every_order(name: str) -> None:
    assert every_order(partial(play, HISTORIES[name])) >= ORDERS[name]


@pytest.mark.skipif(sys.platform != "linux", reason="files are counted in /proc")
@pytest.mark.parametrize("name", HUGE)
def test_in_some_orders(name: str) -> None:
    assert random_orders(partial(play, HUGE[name]), 20, seed=1) == 20
