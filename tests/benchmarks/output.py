"""Output in a loop, relative to C: one character, or one number, at a time, into a pipe, a file and a terminal."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import Clock, Times, environment, kaleido, run

__all__ = ["figures"]

_GOAL = 1.5


class Printing(NamedTuple):
    """What is called how often: if each were a system call, that would take some ten seconds."""

    name: str
    kaleido: str
    c: str
    repeated: int


_PRINTING = (
    Printing("putchard", "putchard(65)", "putchar(65)", 20_000_000),
    Printing("printd", "printd(i)", 'printf("%f\\n", i)', 2_000_000),
)


def figures(build: Path, repeat: int, clock: Clock) -> Iterator[Figure]:
    """One figure for each function and destination, with and without PYTHONUNBUFFERED. It needs gcc."""
    if shutil.which("gcc") is None:
        return
    for printing in _PRINTING:
        for sink in _SINKS:
            native = _c(printing, build)
            for note, changes in (("", {}), (", PYTHONUNBUFFERED", {"PYTHONUNBUFFERED": "1"})):
                own = [_program(printing, each, build) for each in (printing.repeated, 1)]
                c = [[native, str(each)] for each in (printing.repeated, 1)]
                each = [[_written(command, sink, changes).of(clock) for command in own + c] for _ in range(repeat)]
                long, start, c_long, c_start = (min(column) for column in zip(*each, strict=True))
                result = (long - start) / (c_long - c_start)
                yield Figure(f"`{printing.name}` in a loop / C's, into a {sink}{note}", result, _GOAL)


def _program(printing: Printing, count: int, build: Path) -> list[str]:
    path = build / f"{printing.name}{count}.kal"
    path.write_text(f"for i = 1, i < {count} in {printing.kaleido}\n")
    return kaleido(str(path))


def _c(printing: Printing, build: Path) -> str:
    source, program = build / f"{printing.name}.c", build / printing.name
    source.write_text(
        "#include <stdio.h>\n#include <stdlib.h>\nint main(int argc, char **argv) {\n"
        f"    double n = atof(argv[1]);\n    for (double i = 1; i <= n; i += 1) {printing.c};\n}}\n"
    )
    run(["gcc", "-O3", "-o", str(program), str(source)])
    return str(program)


_SINKS = ("pipe", "file", "terminal")


def _written(command: Sequence[str], sink: str, changes: dict[str, str]) -> Times:
    """The times of a command whose output goes to `sink`, and is read there."""
    with _open(sink) as output:
        begin = time.perf_counter()
        process = subprocess.Popen(command, env=environment(**changes), stdout=output, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, command
        return Times(time.perf_counter() - begin, usage.ru_utime + usage.ru_stime)


@contextmanager
def _open(sink: str) -> Iterator[int]:
    if sink == "file":
        descriptor = os.open("/tmp", os.O_TMPFILE | os.O_WRONLY, 0o600)
        yield descriptor
        os.close(descriptor)
        return
    reading, writing = os.pipe() if sink == "pipe" else pty.openpty()
    reader = threading.Thread(target=_drain, args=(reading,))
    reader.start()
    yield writing
    os.close(writing)
    reader.join()
    os.close(reading)


def _drain(descriptor: int) -> None:
    # Linux raises an error at the end of a terminal.
    try:
        while os.read(descriptor, 1 << 16):
            pass
    except OSError:
        pass
