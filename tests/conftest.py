"""Options of the tests, and settings for all of them."""

from __future__ import annotations

import gc
import os
import signal

import hypothesis
import pytest

from kaleido.session import modes
from kaleido.terminal import streams
from tests.checked_once import check_once
from tests.compiled_once import CompiledOnce


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden files with the present output")


def pytest_configure(config: pytest.Config) -> None:
    modes.CHECK_UNITS = True
    check_once()
    # A deadline in time would depend on what else the machine does.
    hypothesis.settings.register_profile("tests", deadline=None)
    hypothesis.settings.load_profile("tests")
    if config.getoption("update") and config.getoption("numprocesses", None):
        raise pytest.UsageError("--update writes files that several tests share: run it without -n, or with -n0")
    # What a test compiles must not depend on earlier runs.
    os.environ["KALEIDO_CACHE"] = "off"
    # A shell without job control, and `nohup`, ignore these signals, and a program would inherit that.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    # The command, run in the process of the tests, would leave C's standard output with a buffer for all later ones.
    streams.buffer_as_c_does = lambda: None


@pytest.fixture(scope="module")
def compiled() -> CompiledOnce:
    """The object code that the tests of a module share, for one program in several modes."""
    return CompiledOnce()


def pytest_collection_finish() -> None:
    """Exclude the tests themselves from garbage collection: some tests collect garbage very often."""
    gc.collect()
    gc.freeze()
