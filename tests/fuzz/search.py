"""Rounds of random cases, and what they find, made small."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from kaleido.diagnostics import Source
from kaleido.language.nodes import Item
from kaleido.language.parser import parse
from kaleido.language.printer import program
from tests.fuzz.programs import programs
from tests.fuzz.reader import check_reader, texts
from tests.fuzz.reduction import reduced
from tests.fuzz.running import MODES, Difference, Mode, TooLong, compare
from tests.fuzz.trees import check_printer
from tests.fuzz.vocabulary import TABLE

__all__ = ["Case", "Finding", "Search", "check", "made_small"]

# For making a finding small.
REDUCTION_SECONDS = 120.0
# Threads may make a difference come and go.
ATTEMPTS = 3


@dataclass(frozen=True)
class Case:
    """Something to try. `kind` is "tiers" (a program, run in every mode) or "reader" (bytes, read)."""

    kind: str
    data: bytes
    seed: int = 0


@dataclass(frozen=True)
class Finding:
    """A case that fails, and how."""

    case: Case
    message: str


def check(case: Case, modes: tuple[Mode, ...] = MODES, counts: Counter[str] | None = None) -> None:
    """Try a case; raises whatever is wrong, and TooLong where nothing can be said."""
    if case.kind == "reader":
        check_reader(case.data)
    else:
        compare(case.data.decode(), case.seed, modes, counts)


class Search:
    """Tries random cases. `running` is told of each before it is tried: it may be the last that is heard of us."""

    def __init__(self, running: Callable[[Case], None] = lambda case: None) -> None:
        self.counts: Counter[str] = Counter()
        self._running = running
        self._found: tuple[Case, Exception] | None = None

    def tiers(self, examples: int, seed: int) -> Finding | None:
        """Run `examples` random programs in every mode; ends with the first that fails."""
        found = self._round(programs(), self._program, examples, seed, (Phase.generate,))
        if found is None:
            return None
        case, error = found
        if isinstance(error, Difference) and error.modes:
            modes = error.modes
            case = made_small(case, lambda smaller: self._differs(smaller, modes), REDUCTION_SECONDS)
            error = self._found[1] if self._found is not None else error
        return Finding(case, f"{type(error).__name__}: {error}")

    def reader(self, examples: int, seed: int) -> Finding | None:
        """Read `examples` random texts; ends with the first that fails, which Hypothesis then makes smaller."""
        phases = (Phase.generate, Phase.shrink)
        found = self._round(texts(), lambda data: self._try(Case("reader", data)), examples, seed, phases)
        return Finding(found[0], f"{type(found[1]).__name__}: {found[1]}") if found is not None else None

    def _round(
        self, strategy: st.SearchStrategy[Any], try_: Callable[[Any], None], examples: int, seed: int,
        phases: tuple[Phase, ...],
    ) -> tuple[Case, Exception] | None:  # fmt: skip
        settings = hypothesis.settings(
            max_examples=examples, database=None, deadline=None, phases=phases, report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        # A function of its own each time: Hypothesis writes on it.
        test = hypothesis.seed(seed)(settings(hypothesis.given(strategy)(lambda example: try_(example))))
        self._found = None
        try:
            test()
        except Exception:
            # Or Hypothesis' own complaint, where threads make a failure come and go.
            if self._found is None:
                raise
        return self._found

    def _program(self, items: list[Item]) -> None:
        data = check_printer(items, TABLE).encode()
        self._try(Case("tiers", data, zlib.crc32(data)))

    def _try(self, case: Case) -> None:
        self._running(case)
        self.counts[case.kind] += 1
        try:
            check(case, counts=self.counts)
        except TooLong:
            self.counts["too long"] += 1
        except Exception as error:
            self._found = case, error
            raise

    def _differs(self, case: Case, modes: tuple[Mode, ...]) -> bool:
        for _ in range(ATTEMPTS if any(mode.scheduled for mode in modes) else 1):
            self._running(case)
            try:
                check(case, modes)
            except TooLong:
                return False
            except Difference as difference:
                if difference.modes:
                    self._found = case, difference
                return bool(difference.modes)
        return False


def made_small(case: Case, fails: Callable[[Case], bool], seconds: float) -> Case:
    """A smaller program that fails as well; `fails` says whether one does."""

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
