"""What recording costs a program: ``python -m tests.recording.cost [--rounds N] [PROGRAM …]``.

Each program runs with and without a recorder by turns, in a new session each time. The ratios are of the minima: of the
time until the program has ended, and of the processor time of the whole process, the recorder's own thread included.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

from kaleido.diagnostics import Source
from kaleido.session import Session
from kaleido.terminal import streams

EXAMPLES = Path(__file__).parents[2] / "tutorials" / "examples"

PROGRAMS = {
    "mandelbrot": (EXAMPLES / "mandelbrot.kal").read_text("utf-8"),
    "a loop at -O3": "def sum(n) var s in (for i = 1, i < n in s = s + 1 / (i * i)) : s\nsum(200000000)",
    "calls at -O0": "def f(x) x + 1\ndef g(n) var s in (for i = 1, i < n in s = f(s)) : s\ng(20000000)",
    "500 definitions": "".join(f"def f{n}(x) x * {n} + {f'f{n - 1}(x)' if n else 1}\n" for n in range(500)) + "f499(1)",
}
MODES = {"calls at -O0": "O0"}

Times = tuple[float, float]


def run(name: str, *, recorded: bool) -> Times:
    """The seconds that a program took, and those of the processor."""
    with Session(jit=MODES.get(name, "tiered")) as session:
        recorder = session.record(name) if recorded else None
        begin, used = time.perf_counter(), time.process_time()
        for _ in session.evaluate(Source(name, PROGRAMS[name])):
            pass
        times = time.perf_counter() - begin, time.process_time() - used
        if recorder is not None:
            recorder.close()
        return times


def ratios(measure: Callable[[bool], Times], rounds: int) -> Times:
    """With a recorder relative to without: of the minima of each time."""
    measure(True)
    pairs = [(measure(False), measure(True)) for _ in range(rounds)]
    wall, used = (min(on[k] for _, on in pairs) / min(off[k] for off, _ in pairs) for k in (0, 1))
    return wall, used


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(PROGRAMS)} (all)")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    if unknown := set(options.programs).difference(PROGRAMS):
        parser.error(f"there is no program {', '.join(sorted(unknown))}")
    print(f"{'recorded / not recorded':24}{'time':>8}{'processor':>12}")
    for name in options.programs or PROGRAMS:
        with streams.discarded():
            wall, used = ratios(lambda on, name=name: run(name, recorded=on), options.rounds)  # type: ignore[misc]
        print(f"{name:24}{wall:8.3f}{used:12.3f}", flush=True)


if __name__ == "__main__":
    main()
