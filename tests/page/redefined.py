"""Records a program whose functions are redefined while it runs, for the picture of that in README.md.

python -m tests.page.redefined redefinition.json
python -m tests.page.pictures redefinition.json --readme --theme dark --moment 650 --height 1240
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kaleido.session import Function, Session

PROGRAM = """\
# square and distance are redefined while total runs, again and again.
def square(x) x * x

def distance(x y) square(x) + square(y)

def total(n) var sum in
    (for i = 1, i < n in sum = sum + distance(i, 2)) : sum
"""

REDEFINITIONS = ("def square(x) 2 * x * x", "def square(x) x * x * x", "def distance(x y) square(x) - square(y)")
_SECONDS = 0.25


def main(path: str) -> None:
    """Python calls `total` on a thread: in a loop of Kaleidoscope, the loop would have all functions inlined."""
    with Session() as session, ThreadPoolExecutor() as pool:
        recorder = session.record("redefinition.kal")
        session.run(PROGRAM, "redefinition.kal")
        running = pool.submit(_call, session["total"], (len(REDEFINITIONS) + 1) * _SECONDS)
        for number, text in enumerate(REDEFINITIONS, 1):
            time.sleep(_SECONDS)
            session.run(text, f"<change {number}>")
        running.result()
        recorder.close()
        Path(path).write_text(json.dumps(recorder.report()), "utf-8")


def _call(function: Function, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        function(20_000)


if __name__ == "__main__":
    main(sys.argv[1])
