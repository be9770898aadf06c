"""Rounds of random examples, and what they found, each as small as Hypothesis could make it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from kaleido.language.nodes import Item
from tests.fuzz.programs import programs
from tests.fuzz.reader import check_reader, texts
from tests.fuzz.running import MODES, Difference, Mode, TooLong, compare
from tests.fuzz.trees import check_printer
from tests.fuzz.vocabulary import TABLE

__all__ = ["Case", "Finding", "Search", "check"]


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
        self._modes: tuple[Mode, ...] = MODES
        self._smallest: Finding | None = None

    def tiers(self, examples: int, seed: int) -> Finding | None:
        """Run `examples` random programs in every mode."""
        return self._round(st.tuples(programs(), st.integers(0, 2**32 - 1)), self._program, examples, seed)

    def reader(self, examples: int, seed: int) -> Finding | None:
        """Read `examples` random texts."""
        return self._round(texts(), lambda data: self._try(Case("reader", data)), examples, seed)

    def _round(
        self, strategy: st.SearchStrategy[Any], try_: Callable[[Any], None], examples: int, seed: int
    ) -> Finding | None:
        self._modes, self._smallest = MODES, None
        settings = hypothesis.settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        # A function of its own each time: Hypothesis writes on it.
        test = hypothesis.seed(seed)(settings(hypothesis.given(strategy)(lambda example: try_(example))))
        try:
            test()
        except Exception:
            # Or Hypothesis' own complaint, where threads make a failure come and go.
            if self._smallest is None:
                raise
        return self._smallest

    def _program(self, example: tuple[list[Item], int]) -> None:
        items, seed = example
        self._try(Case("tiers", check_printer(items, TABLE).encode(), seed))

    def _try(self, case: Case) -> None:
        self._running(case)
        self.counts[case.kind] += 1
        try:
            check(case, self._modes, self.counts)
        except TooLong:
            self.counts["too long"] += 1
        except Exception as error:
            if isinstance(error, Difference) and error.modes:
                # Making it smaller is quicker where only what differs is run.
                self._modes = error.modes
            if self._smallest is None or len(case.data) <= len(self._smallest.case.data):
                self._smallest = Finding(case, f"{type(error).__name__}: {error}")
            raise
