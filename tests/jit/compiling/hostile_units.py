"""Odd and hostile units, each in a process of its own: ``python -m tests.jit.compiling.hostile_units [TEXT]``.

`hostile_units.txt` has them, as what LLVM's language reference describes was tried one by one. The line above each
says what is right: the value for 5, the same in both tiers; or that a UnitError refuses it; or either of these, where
that is up to the machine. It prints what is something else, and exits with 1 then. With a text, only the rows with it
in their names are tried, and all outcomes printed. It takes a minute, so it is not part of the tests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kaleido.jit import Engine, Policy, Signature, Unit, UnitError

INTEGER = Signature("i64", ("i64",))
G = Unit("g", INTEGER, "define tailcc i64 @g.impl(i64 %x) nounwind {\n%r = mul i64 %x, 2\nret i64 %r\n}\n")

# In seconds, for LLVM and for a second process.
TIMEOUT = 60


class Row(NamedTuple):
    name: str
    right: str
    ir: str


def rows() -> Iterator[Row]:
    text = Path(__file__).with_suffix(".txt").read_text()
    for block in text.removeprefix("### ").split("\n### "):
        title, _, ir = block.partition("\n")
        name, _, right = title.rpartition(": ")
        yield Row(name, right, ir)


def outcome(ir: str) -> str:
    """What becomes of a unit, in this process."""
    with Engine(Policy(background=False)) as engine:
        try:
            engine.define(G, Unit("bad", INTEGER, ir, {"g": INTEGER}))
        except UnitError as error:
            return f"refused: {error}"
        try:
            baseline = engine.call("bad", 5)
            engine.optimize("bad")
            optimized = engine.call("bad", 5)
        except Exception as error:
            return f"late: {type(error).__name__}: {error}"
        return str(baseline) if baseline == optimized else f"{baseline} at -O0, {optimized} at -O3"


def outcome_elsewhere(ir: str) -> str:
    """What becomes of a unit, in a process forked from this one."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        import signal

        signal.alarm(TIMEOUT)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(writing, outcome(ir).encode()[:4000])
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as result:
        found = result.read().decode(errors="replace")
    _, status = os.waitpid(process, 0)
    return found or f"the process has ended with {os.waitstatus_to_exitcode(status)}"


def is_right(row: Row, found: str) -> bool:
    refused = found.startswith("refused: ")
    return {"refused": refused, "either": refused or found.isdecimal()}.get(row.right, found == row.right)


def main(arguments: list[str]) -> int:
    # Once, before the processes are forked.
    outcome("define tailcc i64 @bad.impl(i64 %x) nounwind { ret i64 %x }")
    tried = wrong = 0
    for row in rows():
        if all(each in row.name for each in arguments):
            found = outcome_elsewhere(row.ir)
            tried, wrong = tried + 1, wrong + (not is_right(row, found))
            if arguments or not is_right(row, found):
                print(f"{row.name}: {row.right}\n    {found.splitlines()[0]}", flush=True)
    print(f"{tried} tried, {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
