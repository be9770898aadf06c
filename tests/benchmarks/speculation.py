"""Speculation on arguments, on and off: python -m tests.benchmarks.speculation [NAME ...].

Every kernel, every example and the programs in ``constants/``, which are built so that it should gain. The two are run
by turns, and the minima are compared; they must compute the same. Output: a row
for each program, with the seconds of its evaluation.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.kernels import KERNELS
from tests.benchmarks.peak import geometric_mean
from tests.benchmarks.processes import ROOT, Clock, python, run

__all__ = ["main"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.speculation")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("names", nargs="*", help="names of programs without their endings; by default all")
    options = parser.parse_args()
    ratios = []
    for path in _programs():
        if not options.names or path.stem in options.names:
            off, on = _seconds(path, options.repeat, options.clock)
            ratios.append(on / off)
            print(f"{path.stem:22}{off:8.3f}{on:8.3f}{on / off:7.2f}", flush=True)
    if ratios:
        print(f"{'geometric mean':38}{geometric_mean(ratios):7.2f}")


def _programs() -> Iterator[Path]:
    yield from (kernel.path(".kal") for kernel in KERNELS)
    yield from sorted((ROOT / "tutorials/examples").glob("*.kal"))
    yield from sorted((Path(__file__).parent / "constants").glob("*.kal"))


def _seconds(path: Path, repeat: int, clock: Clock) -> tuple[float, float]:
    """Without speculation and with it. Raises AssertionError where the two compute different values or outputs."""
    times: dict[bool, list[float]] = {False: [], True: []}
    outputs = set()
    for _ in range(repeat):
        for speculate, found in times.items():
            _, output = run(python("-m", "tests.benchmarks.evaluate", *["--speculate"] * speculate, str(path)))
            # C's output may come after Python's.
            [line] = (each for each in output.splitlines() if each.startswith('{"value"'))
            result = json.loads(line)
            found.append(result[clock])
            outputs.add((output.replace(line, ""), repr(result["value"])))
    assert len(outputs) == 1, f"{path.stem}: speculation changes what it computes"
    return min(times[False]), min(times[True])


if __name__ == "__main__":
    main()
