"""Memory is flat over redefinitions: the short version of ``python -m tests.growth``. And functions take little."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from kaleido import Session
from kaleido.jit.native.code_memory import is_available
from tests.growth import PERIOD, allocated, growth, resident
from tests.jit.helpers import in_new_process

only_glibc = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc tells")


@only_glibc
@pytest.mark.parametrize("size", [30, 3_000])
def test_small_and_large_objects_of_python_are_counted(size: int) -> None:
    before = allocated()
    kept = [bytes(size) for _ in range(10_000)]
    assert len(kept) * size <= allocated() - before <= len(kept) * (size + 100)


@only_glibc
@pytest.mark.parametrize(
    ("name", "settled", "redefinitions"),
    [("called once", 300, 400), ("entered once", 300, 400), ("with a loop, in both tiers", 100, 150)],
)
def test_nothing_stays_of_what_was_redefined(name: str, settled: int, redefinitions: int) -> None:
    # Less than a version, its code or its text would take. A leak shows in each run; a hash table of Python's that
    # doubles, such as that of interned strings, in one.
    runs = (growth(name, settled + redefinitions + PERIOD, settled).unexplained for _ in range(2))
    assert any(unexplained < 400 * redefinitions for unexplained in runs)


def call_one_by_one() -> None:
    """Call a thousand functions for the first time, each by itself."""
    with Session(jit="O0") as session:
        session.run("".join(f"def f{number}(x) x + {number}\n" for number in range(2_000)))
        for number in range(2_000):
            if number == 1_000:
                memory, mappings = resident(), _mappings()
            assert session[f"f{number}"](1) == number + 1
        assert resident() - memory <= 1_000 * 5_000
        assert _mappings() - mappings <= 20


def _mappings() -> int:
    return len(Path("/proc/self/maps").read_text().splitlines())


@pytest.mark.skipif(not is_available(), reason="this platform has no code memory")
def test_a_function_that_is_called_takes_little_more_than_one_that_is_not() -> None:
    in_new_process(call_one_by_one)
