"""What the prompt costs: processor time from Enter to the next prompt, beside a bare loop over prompt_toolkit.

python -m tests.repl.prompt_latency [--entries 40] [--rounds 3]

Both run in this process, by turns, with keys from a pipe and an output that is dropped. The time includes running the
entry. The lowest times and the medians are compared: `times` is how many times as long it takes as the bare loop.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from io import StringIO
from statistics import median

from prompt_toolkit import PromptSession
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from kaleido import Session
from kaleido.repl import Repl
from tests.repl.conftest import CTRL_D, ENTER

__all__ = ["ENTRIES", "bare", "prompt"]

ENTRIES: dict[str, Callable[[int], str]] = {
    "a command": lambda number: ":set theme",
    "an expression": lambda number: f"{number} + 0.25",
    "a call": lambda number: f"f({number})",
}

# How many entries are not measured: caches fill, and code is compiled.
_FIRST = 5


class _Screen(StringIO):
    """A terminal that drops what is written."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def write(self, text: str) -> int:
        return len(text)


class _Output(Vt100_Output):
    """Types the next entry whenever a prompt is about to be drawn, and takes the time since the one before."""

    def __init__(self, keyboard: PipeInput, entries: list[str]) -> None:
        super().__init__(_Screen(), lambda: Size(rows=24, columns=80), enable_cpr=False)
        self._keyboard, self._entries = keyboard, iter(entries)
        self.times: list[float] = []

    def write_raw(self, data: str) -> None:
        if data.startswith("\x1b[7m%"):
            self.times.append(time.process_time())
            entry = next(self._entries, None)
            self._keyboard.send_text(CTRL_D if entry is None else entry + ENTER)
        super().write_raw(data)


def bare(number: int) -> list[float]:
    """Seconds of processor time for each of so many prompts of prompt_toolkit alone."""
    times = [time.process_time()]
    with create_pipe_input() as keyboard:
        session: PromptSession[str] = PromptSession("kal> ", input=keyboard, output=_Output(keyboard, []))
        for each in range(number):
            keyboard.send_text(ENTRIES["an expression"](each) + ENTER)
            session.prompt()
            times.append(time.process_time())
    return _differences(times)


def prompt(entry: Callable[[int], str], number: int) -> list[float]:
    """The same for Kaleido's prompt, with `entry` run at each."""
    with create_pipe_input() as keyboard, Session() as session:
        session.run("def f(x) x + 1")
        output = _Output(keyboard, [entry(each) for each in range(number)])
        Repl(session, input=keyboard, output=output, color="always", save_history=False, run_init=False).run()
    return _differences(output.times)


def _differences(times: list[float]) -> list[float]:
    return [after - before for before, after in zip(times[_FIRST:], times[_FIRST + 1 :], strict=False)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.repl.prompt_latency")
    parser.add_argument("--entries", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    # Values go to standard output, and the banner to standard error; neither is wanted from this.
    sys.stdout = os.fdopen(os.dup(1), "w")
    for descriptor in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    alone: list[float] = []
    found: dict[str, list[float]] = {name: [] for name in ENTRIES}
    for _ in range(options.rounds):
        alone += bare(options.entries)
        for name, entry in ENTRIES.items():
            found[name] += prompt(entry, options.entries)
    print("milliseconds of processor time from Enter to the next prompt: lowest, median")
    for name, seconds in {"prompt_toolkit alone": alone, **found}.items():
        times = f"{min(seconds) / min(alone):.2f} and {median(seconds) / median(alone):.2f} times"
        print(f"{name:20} {min(seconds) * 1000:6.2f} {median(seconds) * 1000:6.2f}   {times}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
