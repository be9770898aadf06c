"""Executables: relative to the JIT's optimized code, and how long they take to build.

Both sides are code at -O3 of one program. The executable is a whole process; of the JIT, only an evaluation counts for
which all functions are compiled already.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.benchmarks.kernels import Kernel
from tests.benchmarks.peak import Result, geometric_mean, measured
from tests.benchmarks.peers import Outcome, Peer
from tests.benchmarks.processes import ROOT, Clock, Times, kaleido, python, run

__all__ = ["figures"]

_EXECUTABLE, _JIT = "executable", "JIT"

# A build may take three compilations of hello.c, and one start of Kaleido. With the object cache, which has the part of
# executables that is the same in all of them, a start does not load LLVM; the build of a program that has changed does.
_COMPILATIONS = 3

_PROGRAM = ROOT / "tutorials" / "examples" / "mandelbrot.kal"


def figures(
    build: Path, kernels: Sequence[Kernel], repeat: int, clock: Clock, say: Callable[[str], None]
) -> Iterator[Figure]:
    """A figure for each kernel, their mean, and the time of a build. `say` reports progress. It needs a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        say("there is no C compiler: no executables")
        return
    results = []
    for kernel in kernels:
        result = measured(kernel, [_executable(build), Peer(_JIT, _warm)], repeat)
        results.append(_ratio(result, clock))
        say(f"{kernel.name}, executable: {results[-1]:.2f}")
    if results:
        yield Figure("executables / the JIT's optimized code, geometric mean", geometric_mean(results), 1.0)
        worst = max(range(len(results)), key=results.__getitem__)
        title = f"executables / the JIT's optimized code, the worst: {kernels[worst].title}"
        yield Figure(title, results[worst], 1.0, "ratios vary by 0.01: LIMITS.md")
    yield from _building(build, compiler, repeat, clock)


def _ratio(result: Result, clock: Clock) -> float:
    executable, jit = result.least(_EXECUTABLE, clock), result.least(_JIT, clock)
    assert executable is not None and jit is not None, result.kernel.name
    return executable / jit


def _executable(build: Path) -> Peer:
    def prepare(kernel: Kernel) -> Callable[[], Outcome]:
        program = build / f"{kernel.name}.kaleido"
        run(kaleido("build", str(kernel.path(".kal")), "-o", str(program)))

        def once() -> Outcome:
            times, output = run([str(program)])
            return Outcome(float(output), times)

        return once

    return Peer(_EXECUTABLE, prepare)


def _warm(kernel: Kernel) -> Callable[[], Outcome]:
    command = python("-m", "tests.benchmarks.evaluate", "--jit=O3", "--again", str(kernel.path(".kal")))

    def once() -> Outcome:
        found = json.loads(run(command)[1])
        return Outcome(found["value"], Times(found["wall"], found["cpu"]))

    return once


def _building(build: Path, compiler: str, repeat: int, clock: Clock) -> Iterator[Figure]:
    source, changing = build / "hello.c", build / "changing.kal"
    source.write_text('#include <stdio.h>\nint main(void) { puts("hello"); }\n')
    sides = (
        kaleido("build", str(changing), "-o", str(build / "program")),
        kaleido("build", str(_PROGRAM), "-o", str(build / "program")),
        [compiler, str(source), "-o", str(build / "hello")],
        kaleido("-c", "4+5"),
        kaleido("--no-cache", "-c", "4+5"),
    )
    times = []
    for number in range(repeat + 1):
        # A constant that no earlier run had: the cache does not have this program.
        changing.write_text(f"{_PROGRAM.read_text('utf-8')}\ndef changed() {time.time_ns() + number}\nchanged()\n")
        times.append([run(side)[0].of(clock) for side in sides])
    changed, again, hello, cached, start = (min(column) for column in zip(*times[1:], strict=True))
    limit, without_llvm = (_COMPILATIONS * hello + each for each in (start, cached))
    yield Figure("`kaleido build` / three times `cc hello.c`, and `kaleido --no-cache -c 4+5`", changed / limit, 1.0)
    title = "… / three times `cc hello.c`, and `kaleido -c 4+5`"
    yield Figure(title, changed / without_llvm, 1.0, "that does not load LLVM")
    yield Figure("… of a program that has not changed", again / without_llvm, 1.0)
