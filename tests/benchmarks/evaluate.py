"""Run one program, and print its last value and the seconds of its evaluation: python -m tests.benchmarks.evaluate.

The evaluation begins with the text, and includes parsing and all compilation. Not included is the start: Python,
imports, and the prelude.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from kaleido import Session


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.evaluate")
    parser.add_argument("--jit", default="tiered")
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    text = options.file.read_text(encoding="utf-8")
    with Session(jit=options.jit) as session:
        wall, cpu = time.perf_counter(), time.process_time()
        value = session.run(text)
        found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps({"value": value, **found}))


if __name__ == "__main__":
    main()
