"""The process that runs a program for the language server.

It reads a request as JSON from standard input, and writes the result to what was its standard output, as one line of
JSON: see ``RunResult``. The program's own output is in it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

from kaleido.diagnostics import KaleidoError, Source
from kaleido.jit import Interrupted
from kaleido.lab.output_capture import OutputCapture
from kaleido.session import Session

__all__ = ["main"]


def main() -> None:
    """Run the program of the request, write the result, and end the process."""
    request = json.loads(sys.stdin.buffer.read())
    output = OutputCapture()
    result = _run(Source(request["name"], request["text"]), request["seconds"], externs=request["externs"])
    text, left_out = output.take()
    result |= {"output": text, "left_out": left_out}
    with open(output.original, "wb", closefd=False) as file:
        file.write(json.dumps(result).encode() + b"\n")
    os._exit(0)


def _run(source: Source, seconds: float, *, externs: bool) -> dict[str, Any]:
    session = Session(externs=externs)
    values: list[tuple[int, int, str]] = []
    problem = ""
    ended = threading.Event()
    threading.Thread(target=_limit, args=[session, seconds, ended], name="kaleido-limit", daemon=True).start()
    try:
        for result in session.evaluate(source):
            if result.shown is not None:
                span = result.item.span
                values.append((span.start, span.end, result.shown))
    except KaleidoError as error:
        problem = str(error)
    except Interrupted:
        problem = f"stopped after {seconds:g} s"
    except MemoryError:
        problem = "out of memory"
    finally:
        ended.set()
    return {
        "values": values,
        "variables": {name: repr(value) for name, value in session.variables.items()},
        "tiers": _tiers(session),
        "problem": problem,
    }


def _limit(session: Session, seconds: float, ended: threading.Event) -> None:
    """Interrupt the program after so many seconds: again and again, because it may be between two expressions."""
    if not ended.wait(seconds):
        session.interrupt()
        while not ended.wait(0.1):
            session.interrupt()


def _tiers(session: Session) -> dict[str, str]:
    """For each function and loop with machine code: its tier, and how often it has run at the baseline."""
    return {
        unit.name: f"-{unit.tier}, {unit.counter.of(unit.runs)} at -O0"
        for unit in session.stats()
        if unit.tier is not None and unit.runs
    }
