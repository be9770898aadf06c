"""Options of the tests, and what holds for all of them."""

from __future__ import annotations

import gc

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden files as things are now")


def pytest_collection_finish() -> None:
    """Spare the garbage collector the thousands of tests themselves: some tests collect very often."""
    gc.collect()
    gc.freeze()
