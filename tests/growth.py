"""The cost of a long session: memory and time over 100,000 redefinitions, and time in proportion to the input.

python -m tests.growth [--count N] [name ...]

It prints a table for each way to redefine, for functions that are called one by one, and for each kind of large input.
It exits with 1 where memory at the end is more than 5 % above that after the first 1,000 redefinitions, not counting
what llvmlite keeps of each run of a pass pipeline: a pass builder's callbacks, which only llvmlite could free; where
60,000 functions that are called one by one need more than 1 GiB; and where an item of a large input takes longer than
one of a small input (see ``tests.scaling``). The table shows resident memory; the comparison after redefinitions is of
memory that was allocated and not freed.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import llvmlite.binding as llvm

from kaleido import Session
from tests.scaling import CASES

__all__ = ["KINDS", "PERIOD", "Growth", "allocated", "growth", "resident"]

# Bytes of each run of a pass pipeline.
KEPT_BY_LLVMLITE = 1_488

SETTLED = 1_000

# So many redefinitions fill an arena, with one library each, and so dispose of an older one.
PERIOD = 100


def resident() -> int:
    """Resident memory of this process in bytes (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class _MallocInfo(ctypes.Structure):
    # arena ordblks smblks hblks; then these two; then fordblks keepcost.
    _fields_ = [
        ("_", ctypes.c_size_t * 4),
        ("mapped", ctypes.c_size_t),
        ("_", ctypes.c_size_t * 2),
        ("used", ctypes.c_size_t),
        ("_", ctypes.c_size_t * 2),
    ]


def allocated() -> int:
    """Bytes of this process that are allocated and not freed: by ``malloc`` (glibc 2.33 or later), and by Python.

    It varies less than :func:`resident`, and counts every block. Python's own allocator has the objects of up to 512
    bytes, in memory that is not from ``malloc``.
    """
    info = ctypes.CDLL(None).mallinfo2
    info.restype = _MallocInfo
    gc.collect()
    found = info()
    return int(found.used + found.mapped) + _small_objects()


def _small_objects() -> int:
    """Bytes of the blocks that Python's own allocator has given; 0 where ``PYTHONMALLOC`` says that it is not used."""
    with tempfile.TemporaryFile() as file:
        # It writes to C's standard error.
        standard = os.dup(2)
        try:
            os.dup2(file.fileno(), 2)
            sys._debugmallocstats()
        finally:
            os.dup2(standard, 2)
            os.close(standard)
        file.seek(0)
        size = re.search(rb"# bytes in allocated blocks *= *([\d,]+)", file.read())
    return int(size[1].replace(b",", b"")) if size is not None else 0


def once(session: Session, number: int) -> None:
    session.run(f"def f(x) x + {number}")
    assert session["f"](1) == 1 + number


def loop(session: Session, number: int) -> None:
    session.run(f"def f(x) var sum = x in (for i = 1, i < 3 in sum = sum + i) : sum + {number}")
    f = session["f"]
    assert [f(1), f(2)] == [7 + number, 8 + number]


def caller(session: Session, number: int) -> None:
    session.run(f"def g(x) x * {number}")
    if number == 1:
        session.run("def f(x) g(x) + 1")
    f = session["f"]
    assert [f(2), f(3)] == [2 * number + 1, 3 * number + 1]


def entry(session: Session, number: int) -> None:
    if number == 1:
        session.run("def f(x) x")
    assert session.run(f"f({number}) + 1") == number + 1


KINDS: dict[str, tuple[Callable[[Session, int], None], str]] = {
    "called once": (once, "tiered"),
    "entered once": (entry, "O0"),
    "with a loop, in both tiers": (loop, "sync"),
    "with a caller, in both tiers": (caller, "sync"),
    "-O3 only": (loop, "O3"),
}


ONE_BY_ONE, FUNCTIONS, LARGEST = "called one by one", 60_000, 1 << 30


def called_one_by_one(count: int, report: Callable[[int, int, float], None]) -> int:
    """Define and call so many functions, each on its own; returns the resident memory. `report` is as for growth."""
    with Session(jit="O0") as session:
        begin = time.perf_counter()
        for number in range(1, count + 1):
            session.run(f"def f{number}(x) x + {number}")
            assert session[f"f{number}"](1) == 1 + number
            if number % (count // 10) == 0:
                report(number, resident(), (time.perf_counter() - begin) / (count // 10))
                begin = time.perf_counter()
        return resident()


class Growth(NamedTuple):
    """Bytes after the first redefinitions and at the end, and the number of runs of pass pipelines between."""

    settled: int
    end: int
    pipelines: int

    @property
    def unexplained(self) -> int:
        """Bytes by which memory has grown, without those that llvmlite keeps."""
        return self.end - self.settled - self.pipelines * KEPT_BY_LLVMLITE


def growth(
    name: str,
    count: int,
    settled: int = SETTLED,
    report: Callable[[int, int, float], None] = lambda *_: None,
) -> Growth:
    """Redefine `count` times in the way `name`. Ten times, `report` gets number, bytes and seconds for each.

    Memory rises and falls as arenas are filled and disposed of. So the least memory is taken over PERIOD redefinitions:
    of those after `settled`, and of the last ones.
    """
    redefine, jit = KINDS[name]
    first: list[int] = []
    last: list[int] = []
    pipelines = 0
    create = llvm.create_pass_builder

    def counted(machine: llvm.TargetMachine, options: llvm.PipelineTuningOptions) -> llvm.PassBuilder:
        nonlocal pipelines
        pipelines += 1
        return create(machine, options)

    counting = mock.patch.object(llvm, "create_pass_builder", counted)
    with counting, Session(jit=jit, threshold=1 if jit == "sync" else None) as session:
        before = between = 0
        begin = time.perf_counter()
        for number in range(1, count + 1):
            redefine(session, number)
            if number == settled:
                before = pipelines
            if number == count - PERIOD:
                between = pipelines - before
            for sizes, end in ((first, settled + PERIOD), (last, count)):
                if end - PERIOD <= number <= end and number % 10 == 0:
                    sizes.append(allocated())
            if number % (count // 10) == 0:
                report(number, resident(), (time.perf_counter() - begin) / (count // 10))
                begin = time.perf_counter()
    return Growth(min(first), min(last), between)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.growth", description=__doc__)
    names = [*KINDS, ONE_BY_ONE, *CASES]
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(names))
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in names]:
        parser.error(f"no {unknown[0]!r}; the names are {', '.join(names)}")
    if options.count < SETTLED + 2 * PERIOD:
        parser.error(f"--count is at least {SETTLED + 2 * PERIOD:,}")
    failed = False
    for name in options.names or names:
        print(f"\n{name}\n{'number':>9} {'MiB':>8} {'ms each':>8}")
        if name in CASES:
            failed |= not CASES[name].run(lambda size, each: print(f"{size:9,} {'':8} {each * 1000:8.2f}", flush=True))
        elif name == ONE_BY_ONE:
            failed |= called_one_by_one(FUNCTIONS, print_row) > LARGEST
        else:
            failed |= not print_growth(name, options.count)
    return int(failed)


def print_row(number: int, size: int, each: float) -> None:
    print(f"{number:9,} {size / 2**20:8.1f} {each * 1000:8.2f}", flush=True)


def print_growth(name: str, count: int) -> bool:
    """Redefine so often in the way `name`; returns whether memory stays within 5 %."""
    found = growth(name, count, report=print_row)
    percent = 100 * (found.end / found.settled - 1)
    kept = found.pipelines * KEPT_BY_LLVMLITE / 2**20
    print(f"{percent:+.1f} % since {SETTLED:,}, of which llvmlite keeps about {kept:.1f} MiB", flush=True)
    return found.unexplained <= found.settled * 0.05


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
