"""How long one waits: from Enter to the value and to the next prompt, with few definitions and with many.

python -m tests.repl.latency [--definitions 10000] [--entries 300]

Two REPLs in this process are given entries as lines, one with ten definitions and one with many, a few entries each by
turns: so whatever else the machine does happens to both. An entry's time is from its line to when the next one is asked
for, or to when its value has been written out. The medians are shown, and how many times as long it takes with many
definitions.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from statistics import median

from kaleido import Session
from kaleido.repl import Repl
from kaleido.repl.display.console import Console
from kaleido.repl.settings import Settings
from kaleido.session import Result

__all__ = ["KINDS", "Timed", "measure"]

KINDS = ("a definition", "its first call", "another call")

# How many functions are entered before it is the other REPL's turn.
_TURN = 10


class _TimedConsole(Console):
    """Calls `shown` when a value has been written out."""

    def __init__(self, shown: Callable[[], None]) -> None:
        super().__init__(Settings(), interactive=False)
        self._shown = shown

    def write_value(self, result: Result) -> None:
        super().write_value(result)
        self._shown()


class Timed:
    """A session with so many definitions, and how long entries in it took: seconds of `clock`, by KINDS.

    `seconds` are those to the next prompt, and `value_seconds` those to the value.
    """

    def __init__(self, definitions: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self.session, self._clock = Session(), clock
        self.seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
        self.value_seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
        self._shown = 0.0
        self._repl(f"def f{number}(x) x * {number} + 1\n".encode() for number in range(definitions))

    def enter(self, numbers: Iterable[int]) -> None:
        """Define functions of these numbers, and call each twice."""
        self._repl(self._timed(numbers))

    def _timed(self, numbers: Iterable[int]) -> Iterator[bytes]:
        for number in numbers:
            call = f"g{number}({number})"
            for kind, line in zip(KINDS, (f"def g{number}(x) f{number % 10}(x) + {number}", call, call), strict=True):
                begin = self._clock()
                yield f"{line}\n".encode()
                self.seconds[kind].append(self._clock() - begin)
                if self._shown > begin:
                    self.value_seconds[kind].append(self._shown - begin)

    def _repl(self, lines: Iterable[bytes]) -> None:
        Repl(self.session, lines=lines, run_init=False, console=_TimedConsole(self._note_shown)).run()

    def _note_shown(self) -> None:
        self._shown = self._clock()


def measure(sizes: tuple[int, ...], entries: int) -> dict[str, list[float]]:
    """The median in milliseconds for each kind of entry, by how many definitions there are: one for each of `sizes`."""
    timed = [Timed(size) for size in sizes]
    for start in range(0, entries, _TURN):
        for each in timed:
            each.enter(range(start, start + _TURN))
    for each in timed:
        each.session.close()
    return {kind: [median(each.seconds[kind]) * 1000 for each in timed] for kind in KINDS}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.repl.latency")
    parser.add_argument("--definitions", type=int, default=10_000)
    parser.add_argument("--entries", type=int, default=300)
    options = parser.parse_args()
    # Values go to standard output, which is not what is wanted from this.
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    print(f"milliseconds from Enter to the next prompt, with 10 and with {options.definitions:,} definitions")
    for kind, (few, many) in measure((10, options.definitions), options.entries).items():
        print(f"{kind:16} {few:6.2f} {many:6.2f}   {many / few:.2f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
