"""Run one program, and print its last value and the seconds of its evaluation: python -m tests.benchmarks.evaluate.

The evaluation begins with the text, and includes parsing and all compilation. Not included is the start: Python,
imports, the prelude, and what the first expression of a process loads once (entry points, stubs, signal handlers).

Time of the processor is that of the threads that the evaluation waits for: the thread that evaluates, and the one that
native code runs on. The recompiler works beside them, on another core where there is one. So its time is a part of
neither clock, except where the cores are busy.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path

from kaleido import Session


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.evaluate")
    parser.add_argument("--jit", default="tiered")
    parser.add_argument("--again", action="store_true", help="evaluate it twice, and measure the second time")
    parser.add_argument("--speculate", action="store_true", help="take arguments that never changed for constants")
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    text = options.file.read_text(encoding="utf-8")
    with Session(jit=options.jit, speculate=options.speculate) as session:
        session.run(text if options.again else "0")
        wall, cpu = time.perf_counter(), _cpu()
        value = session.run(text)
        found = {"wall": time.perf_counter() - wall, "cpu": _cpu() - cpu}
    print(json.dumps({"value": value, **found}))


def _cpu() -> float:
    """Seconds of the processor that this thread and the evaluation thread have used."""
    clocks = [time.CLOCK_THREAD_CPUTIME_ID]
    clocks += [
        time.pthread_getcpuclockid(thread.ident)
        for thread in threading.enumerate()
        if thread.name == "kaleido-evaluation" and thread.ident is not None
    ]
    return sum(map(time.clock_gettime, clocks))


if __name__ == "__main__":
    main()
