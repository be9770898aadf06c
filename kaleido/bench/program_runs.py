"""A program from its text to its end, in each mode: at -O0 alone, at -O3 alone, and tiered.

Each run has a new session, whose start is not part of the times: it is the same in all modes. The modes take turns, so
that a change of the machine's speed affects all of them.

The time to compile is all but the time that the program's expressions run: it includes parsing. What the recompiler
compiles beside a tiered run is listed apart from both.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

from kaleido.bench.expression_runs import Clock, Disagreement
from kaleido.diagnostics import Source
from kaleido.jit import Event, EventKind, Tier
from kaleido.report.measurement import ProgramMeasurement, ProgramRun
from kaleido.session import Session

__all__ = ["MODES", "Open", "measure_program"]

MODES = ("O0", "O3", "tiered")

# A coarse clock may not see a short program at all.
_SHORTEST = 1e-9

Open = Callable[[str], Session]
"""Creates a session in a mode."""


def _in_mode(mode: str) -> Session:
    return Session(jit=mode)


def measure_program(
    source: Source, *, seconds: float = 5.0, open_session: Open = _in_mode, clock: Clock = time.perf_counter
) -> ProgramMeasurement:
    """Run a program in each of MODES, by turns for about `seconds`, and at least once. The caller discards its output.

    Raises KaleidoError as ``Session.run`` does; Interrupted; and Disagreement if the value of an expression depends on
    the mode. A value that varies in one mode, such as the time of a clock, is not compared.
    """
    # The first session of a process loads the grammar, and compiles what all sessions share.
    with open_session(MODES[0]) as session:
        session.run("1")
    runs = _Runs(source, open_session, clock)
    end, round_seconds = clock() + seconds, 0.0
    while not runs.count or clock() + round_seconds < end:
        begin = clock()
        runs.take()
        round_seconds = clock() - begin
    if runs.disagreement() and runs.count == 1:
        runs.take()
    if (found := runs.disagreement()) is not None:
        raise found
    return ProgramMeasurement({mode: tuple(each) for mode, each in runs.runs.items()})


class _Runs:
    def __init__(self, source: Source, open_session: Open, clock: Clock) -> None:
        self._source, self._open, self._clock = source, open_session, clock
        self.runs: dict[str, list[ProgramRun]] = {mode: [] for mode in MODES}
        self._values: dict[str, list[tuple[float, ...]]] = {mode: [] for mode in MODES}

    @property
    def count(self) -> int:
        """How often the program has run in each mode."""
        return len(self.runs[MODES[-1]])

    def take(self) -> None:
        """Run the program once in each mode."""
        for mode in MODES:
            with self._open(mode) as session:
                self._run(session, mode)

    def _run(self, session: Session, mode: str) -> None:
        beside: list[float] = []

        def listen(event: Event) -> None:
            if event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED:
                beside.append(event.seconds)

        if mode == "tiered":
            session.subscribe(listen)
        begin, running, values = self._clock(), 0.0, []
        for result in session.evaluate(self._source):
            running += result.run_seconds
            values += [] if result.value is None else [result.value]
        total = self._clock() - begin
        self.runs[mode].append(ProgramRun(max(total - running, _SHORTEST), running, sum(beside)))
        self._values[mode].append(tuple(values))

    def disagreement(self) -> Disagreement | None:
        """An error for the first value that is always the same in a mode, and another one in another mode."""
        columns = [list(zip(*self._values[mode], strict=True)) for mode in MODES]
        for each in zip(*columns, strict=True):
            steady = all(len(set(map(_bits, values))) == 1 for values in each)
            if steady and len({_bits(values[0]) for values in each}) > 1:
                return Disagreement(dict(zip(MODES, (values[0] for values in each), strict=True)))
        return None


def _bits(value: float) -> bytes:
    return struct.pack("d", value)
