"""One program in every mode: what it wrote, by the engine and by the reference evaluator."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

from kaleido.build.linker_driver import link
from kaleido.build.native_code import executable_code
from kaleido.build.static_program import static_program
from kaleido.diagnostics import KaleidoError, Source
from kaleido.jit import Event, EventKind, Tier
from kaleido.jit.ahead_of_time import HOST
from kaleido.language import parser
from kaleido.language.nodes import Item
from kaleido.language.operators import OperatorTable
from kaleido.session import Session
from kaleido.terminal import streams
from tests.fuzz.arrays import Over, possible
from tests.fuzz.sessions import Sessions
from tests.reference import OutOfSteps, Reference
from tests.test_language import PRELUDE

__all__ = ["MODES", "Difference", "Mode", "TooLong", "compare", "parsed"]

# Programs that take the reference evaluator longer are not run: some never end.
STEPS = 60_000

# Seconds for an executable.
_TIMEOUT = 60.0


class TooLong(Exception):
    """The program takes too many steps."""


class Difference(Exception):
    """A mode does not do what the reference evaluator does. The message says what; `modes` are those to try again."""

    def __init__(self, message: str, modes: Sequence[Mode] = ()) -> None:
        super().__init__(message)
        self.modes = modes


@dataclass(frozen=True)
class Mode:
    """How to run. `thresholds` are those to choose from; `scheduled` has the recompiler held and released; `speculate`
    takes arguments that never changed for constants; `debug` has code described for debuggers.

    One program in `every` is run so. Without `jit`, it is built as an executable, at one of the tiers: to link and
    start that takes longer than a short program does in all other modes. With `arrays`, its functions are then called
    over arrays.
    """

    name: str
    jit: str
    thresholds: tuple[int | None, ...] = (None,)
    scheduled: bool = False
    every: int = 1
    speculate: bool = False
    debug: bool = False
    arrays: bool = False


MODES = (
    Mode("O0", "O0"),
    Mode("O3", "O3"),
    Mode("sync at 1", "sync", (1,)),
    Mode("sync", "sync", (2, 3, 4, 5)),
    Mode("tiered", "tiered", (1, 2, 3, 4, 5), scheduled=True),
    Mode("speculating", "sync", (1, 2, 3), every=4, speculate=True),
    Mode("debug", "sync", (1, 2), every=16, debug=True),
    *([Mode("arrays", "sync", (1, 25), every=5, arrays=True)] if find_spec("numpy") else ()),
    *([Mode("executable", "", every=16)] if shutil.which("cc") else ()),
)


@dataclass(frozen=True)
class Outcome:
    """What a run wrote, and the first line of the error that ended it."""

    output: bytes
    error: str = ""


def compare(text: str, seed: int, modes: Sequence[Mode], sessions: Sessions, counts: Counter[str]) -> None:
    """Run a program by the reference evaluator, and in every one of `modes` in one of `sessions`.

    `seed` decides on thresholds and on the recompiler's schedule. What the engine did is added to `counts`, by kind
    of event. Raises Difference at the first mode that differs, TooLong where the program is not worth running.
    """
    with mock.patch("kaleido.session.parsed_text.parse", parsed), mock.patch("tests.reference.parse", parsed):
        _compare(text, seed, modes, sessions, counts)


def _compare(text: str, seed: int, modes: Sequence[Mode], sessions: Sessions, counts: Counter[str]) -> None:
    reference, error = _by_reference(text)
    if error:
        raise Difference(f"the program was to be without errors: {error}")
    expected = Outcome(bytes(reference.output))
    for mode in modes:
        if seed % mode.every:
            continue
        over = list(possible(text, reference, random.Random(seed))) if mode.arrays else []
        wanted = Outcome(bytes(reference.output)) if over else expected
        outcome, trouble = _by_engine(text, over, mode, random.Random(seed), sessions, counts)
        if trouble:
            raise Difference(f"{mode.name}: {trouble}", (mode,))
        if outcome != wanted:
            raise Difference(f"{mode.name}: {_first_difference(outcome, wanted)}", (mode,))


def parsed(source: Source, operators: OperatorTable) -> list[Item]:
    """What the parser returns. Every mode reads the same texts, and reading takes longer than running."""
    return _parsed(source, tuple(operators.infix.items()), operators.prefix)


@lru_cache(maxsize=8)
def _parsed(source: Source, infix: tuple[tuple[str, int], ...], prefix: frozenset[str]) -> list[Item]:
    return parser.parse(source, OperatorTable(dict(infix), prefix))


def _by_reference(text: str) -> tuple[Reference, str]:
    """The evaluator that has run a program, and the error that ended it. Raises TooLong."""
    reference = Reference(Source("<prelude>", PRELUDE.read_text("utf-8")), STEPS)
    try:
        reference.run(Source("<program>", text))
    except OutOfSteps:
        raise TooLong from None
    except KaleidoError as error:
        return reference, error.diagnostic.title
    return reference, ""


def _by_engine(
    text: str, over: Sequence[Over], mode: Mode, choices: random.Random, sessions: Sessions, counts: Counter[str]
) -> tuple[Outcome, str]:
    """What a program did, and what went wrong in the engine without the program knowing."""
    if not mode.jit:
        return _by_executable(text, sessions, choices.choice(list(Tier))), ""
    failures: list[str] = []

    def watch(event: Event) -> None:
        counts[f"{event.kind} {event.tier}" if event.kind is EventKind.COMPILED else event.kind] += 1
        if event.kind is EventKind.FAILED:
            failures.append(f"{event.unit} was not recompiled: {event.message}")

    threshold = choices.choice(mode.thresholds)
    with (
        sessions.session(mode.jit, threshold, speculate=mode.speculate, debug=mode.debug) as session,
        captured() as output,
        watched(session, watch),
        Schedule(session, choices if mode.scheduled else None) as schedule,
    ):
        error = _execute(session, text, schedule.step)
        for each in over:
            streams.write(each.line(each.by_engine(session)))
        schedule.finish()
    return Outcome(output[0], error), "; ".join(failures)


def _by_executable(text: str, sessions: Sessions, tier: Tier) -> Outcome:
    with sessions.session("O0", None) as session:
        program = static_program(session, Source("<program>", text), quiet=False, functions=False)
    with tempfile.TemporaryDirectory() as folder:
        objects, executable = [Path(folder, "program.o"), Path(folder, "common.o")], Path(folder, "program")
        code = executable_code(program, HOST, cache=sessions.executables, tier=tier)
        for path, data in zip(objects, code, strict=True):
            path.write_bytes(data)
        link(objects, executable, [], None)
        done = subprocess.run([executable], capture_output=True, timeout=_TIMEOUT)
    return Outcome(done.stdout, "" if done.returncode == 0 else f"exit code {done.returncode}")


def _execute(session: Session, text: str, step: Callable[[], None]) -> str:
    try:
        for result in session.evaluate(Source("<program>", text)):
            if result.shown is not None:
                streams.write(f"{result.shown}\n")
            step()
    except KaleidoError as error:
        return error.diagnostic.title
    return ""


def _first_difference(outcome: Outcome, expected: Outcome) -> str:
    if outcome.error != expected.error:
        return f"error {outcome.error!r}"
    got, wanted = outcome.output.split(b"\n"), expected.output.split(b"\n")
    for line, (one, other) in enumerate(zip(got, wanted, strict=False), start=1):
        if one != other:
            return f"line {line} of the output is {one!r}, not {other!r}"
    return f"{len(got)} lines of output, not {len(wanted)}"


class Schedule:
    """Who goes first: decides, each time the recompiler has compiled something, when it may publish that.

    Either at once, or when the program has come some items further, as a definition that makes it stale. Between
    items, the program sometimes waits for the recompiler. Without `choices`, nobody is held.
    """

    def __init__(self, session: Session, choices: random.Random | None) -> None:
        self._engine = session.engine
        self._choices = choices
        # The recompiler's thread has its own: nothing says in which order threads come to ask.
        self._holds = random.Random(choices.random() if choices is not None else 0)
        self._items = 0
        self._finished = choices is None
        self._moved = threading.Condition()
        self._unsubscribe = session.subscribe(self._hold)

    def __enter__(self) -> Schedule:
        return self

    def __exit__(self, *_: object) -> None:
        with self._moved:
            self._finished = True
            self._moved.notify_all()
        self._unsubscribe()

    def step(self) -> None:
        """The program has come one item further."""
        if self._choices is None:
            return
        with self._moved:
            self._items += 1
            self._moved.notify_all()
            wait = self._choices.random() < 0.2
            self._finished = wait
        if wait:
            self.finish()
            self._finished = False

    def finish(self) -> None:
        """Let everything that is hot be recompiled."""
        with self._moved:
            self._finished = True
            self._moved.notify_all()
        self._engine.wait_until_idle()

    def _hold(self, event: Event) -> None:
        compiled = event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED
        if self._choices is None or not compiled or threading.current_thread().name != "kaleido-recompiler":
            return
        with self._moved:
            until = self._items + self._holds.choice((0, 0, 0, 1, 1, 2, 3))
            self._moved.wait_for(lambda: self._finished or self._items >= until)


@contextmanager
def watched(session: Session, listener: Callable[[Event], None]) -> Iterator[None]:
    """A block in which `listener` is called with each event."""
    unsubscribe = session.subscribe(listener)
    try:
        yield
    finally:
        unsubscribe()


@contextmanager
def captured() -> Iterator[list[bytes]]:
    """Everything that is written to standard output in the block, by C too; it is there when the block has ended."""
    output: list[bytes] = []
    streams.flush()
    with tempfile.TemporaryFile() as file:
        saved = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            yield output
        finally:
            streams.flush()
            os.dup2(saved, 1)
            os.close(saved)
        file.seek(0)
        output.append(file.read())
