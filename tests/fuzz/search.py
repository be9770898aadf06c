"""Rounds of random cases, and what they find, made small."""

from __future__ import annotations

import math
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import hypothesis
from hypothesis import HealthCheck, Phase

from kaleido.diagnostics import Source
from kaleido.language.nodes import Item
from kaleido.language.parser import parse
from kaleido.language.printer import program
from tests.fuzz.programs import random_program
from tests.fuzz.reader import check_reader, texts
from tests.fuzz.reduction import reduced, shortened
from tests.fuzz.rewritings import counted_rewritings
from tests.fuzz.running import MODES, Difference, Mode, TooLong, compare, parsed
from tests.fuzz.sessions import Sessions
from tests.fuzz.trees import check_printer
from tests.fuzz.vocabulary import TABLE

__all__ = ["Case", "Finding", "Search", "check", "made_small"]

# For making a finding small.
REDUCTION_SECONDS = 120.0
# Programs with the same definitions: most of the time of one is that for compiling these.
VARIANTS = 4
# Threads may make a difference come and go.
ATTEMPTS = 3


@dataclass(frozen=True)
class Case:
    """Something to try. `kind` is "tiers" (a program, run in every mode) or "reader" (bytes, read).

    `earlier` are programs that run before it in the same sessions, which are reset after each. If there are none, each
    mode has a session of its own.
    """

    kind: str
    data: bytes
    seed: int = 0
    earlier: tuple[Case, ...] = ()


@dataclass(frozen=True)
class Finding:
    """A case that fails, and how."""

    case: Case
    message: str


def check(case: Case, modes: Sequence[Mode] = MODES) -> None:
    """Try a case; raises whatever is wrong, and TooLong where nothing can be said."""
    with Sessions(shared=bool(case.earlier)) as sessions:
        if case.kind == "reader":
            check_reader(case.data, sessions)
            return
        for each in case.earlier:
            with suppress(TooLong):
                _compare(each, modes, sessions)
        _compare(case, modes, sessions)


def _compare(case: Case, modes: Sequence[Mode], sessions: Sessions, counts: Counter[str] | None = None) -> None:
    compare(case.data.decode(), case.seed, modes, sessions, Counter() if counts is None else counts)


class Search:
    """Tries random cases. `running` is told of each before it is tried: it may be the last that is heard of us.

    From `end` on, a time of the monotonic clock, no program is tried.
    """

    def __init__(self, running: Callable[[Case], None] = lambda case: None, end: float = math.inf) -> None:
        self.counts: Counter[str] = Counter()
        self._running, self._end = running, end

    def tiers(self, examples: int, seed: int) -> Finding | None:
        """Run `examples` random programs in every mode, in the same sessions; ends with the first that fails."""
        earlier: list[Case] = []
        with Sessions() as sessions, counted_rewritings() as rewritings:
            for index in range(examples):
                if time.monotonic() > self._end:
                    break
                number, variant = divmod(index, VARIANTS)
                data = check_printer(random_program(f"{seed} {number}", variant), TABLE, parsed).encode()
                case = Case("tiers", data, zlib.crc32(data))
                self._begin(replace(case, earlier=tuple(earlier)))
                if variant == 0:
                    # Code that a variant shares with those before is compiled for the first of them.
                    rewritings.clear()
                try:
                    _compare(case, MODES, sessions, self.counts)
                    earlier.append(case)
                    self.counts.update(rewritings)
                except TooLong:
                    self.counts["too long"] += 1
                except Exception as error:
                    finding = self._small_finding(replace(case, earlier=tuple(earlier)), error)
                    return replace(finding, message=f"{finding.message} (program {index} of --seed {seed})")
        return None

    def _begin(self, case: Case) -> None:
        self._running(case)
        self.counts[case.kind] += 1

    def _small_finding(self, case: Case, error: Exception) -> Finding:
        modes, last = error.modes if isinstance(error, Difference) else MODES, error

        def fails(smaller: Case) -> bool:
            nonlocal last
            failure = self._failure(smaller, modes, type(error))
            last = failure or last
            return failure is not None

        if modes:
            case = made_small(case, fails, REDUCTION_SECONDS)
        return Finding(case, f"{type(last).__name__}: {last}")

    def _failure(self, case: Case, modes: Sequence[Mode], kind: type[Exception]) -> Exception | None:
        """How a case fails: by an exception of this kind, in one of `modes`."""
        for _ in range(ATTEMPTS if any(mode.scheduled for mode in modes) else 1):
            self._running(case)
            try:
                check(case, modes)
            except TooLong:
                return None
            except kind as failure:
                return failure if not isinstance(failure, Difference) or failure.modes else None
            except Exception:
                return None
        return None

    def reader(self, examples: int, seed: int) -> Finding | None:
        """Read `examples` random texts; ends with the first that fails, which Hypothesis then makes smaller."""
        found: Finding | None = None

        def read(data: bytes) -> None:
            nonlocal found
            case = Case("reader", data)
            self._begin(case)
            try:
                check_reader(data, sessions)
            except Exception as error:
                found = Finding(case, f"{type(error).__name__}: {error}")
                raise

        settings = hypothesis.settings(
            max_examples=examples, database=None, deadline=None, phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        with Sessions() as sessions:
            try:
                hypothesis.seed(seed)(settings(hypothesis.given(texts())(read)))()
            except Exception:
                if found is None:
                    raise
        return found


def made_small(case: Case, fails: Callable[[Case], bool], seconds: float) -> Case:
    """A smaller case that fails as well; `fails` says whether one does. At best, it is a program without earlier ones.

    A case that does not fail again is returned as it is.
    """
    if case.earlier:
        alone = replace(case, earlier=())
        case = alone if fails(alone) else _with_fewer_earlier(case, fails, seconds)
    return _with_smaller_program(case, fails, seconds)


def _with_fewer_earlier(case: Case, fails: Callable[[Case], bool], seconds: float) -> Case:
    if not fails(case):
        return case
    earlier = shortened(case.earlier, lambda fewer: bool(fewer) and fails(replace(case, earlier=tuple(fewer))), seconds)
    return replace(case, earlier=tuple(earlier))


def _with_smaller_program(case: Case, fails: Callable[[Case], bool], seconds: float) -> Case:
    def smaller(items: list[Item]) -> Case | None:
        try:
            return replace(case, data=program(items, TABLE).encode())
        except KeyError:
            # What is gone declared an operator that is still used.
            return None

    def still(items: list[Item]) -> bool:
        fewer = smaller(items)
        return fewer is not None and fails(fewer)

    items = parse(Source("<program>", case.data.decode()), TABLE)
    return smaller(reduced(items, still, seconds)) or case
