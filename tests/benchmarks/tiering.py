"""The cost of tiering: whole processes, tiered, against the better of -O0 alone and -O3 alone.

They are first runs, without the object cache: with it, a second run compiles nothing at -O3 either, see ``waiting.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kaleido import Session
from tests.benchmarks.figures import Figure, markdown, ratio, timed
from tests.benchmarks.kernels import KERNELS
from tests.benchmarks.peak import geometric_mean
from tests.benchmarks.processes import ROOT, Clock, kaleido, run, undisturbed

__all__ = ["Program", "Tiering", "counters", "figures", "programs", "table", "tiering"]

_ALONE = ("O0", "O3")
_MODES = ("tiered", *_ALONE)

# A mode that took so many times as long as another in the first run is not run again.
_HOPELESS = 1.5

# Programs that differ by less are equal: so much is lost in what a busy machine does beside.
_SECONDS, _GOAL = 0.010, 1.05

# A limit that nothing reaches: all runs are counted, and no code is hot.
_NEVER = 1 << 60


@dataclass(frozen=True)
class Program:
    group: str
    path: Path

    @property
    def title(self) -> str:
        """Its name; unique, although examples have the names of kernels."""
        return f"{self.path.stem} ({self.group})" if self.group == "examples" else self.path.stem


@dataclass(frozen=True)
class Tiering:
    """The seconds of one program in each mode."""

    program: Program
    seconds: dict[str, float]

    @property
    def ratio(self) -> float:
        """The time of the tiered run, relative to the better of the other two; 1 where they differ by 10 ms or less."""
        return 1.0 if abs(self.more) <= _SECONDS else self.seconds["tiered"] / self.seconds[self.better]

    @property
    def more(self) -> float:
        """The seconds that the tiered run takes longer than the better of the other two."""
        return self.seconds["tiered"] - self.seconds[self.better]

    @property
    def better(self) -> str:
        """The faster one of the modes with one tier."""
        return min(_ALONE, key=self.seconds.__getitem__)

    @property
    def verdict(self) -> str:
        return "" if self.ratio <= _GOAL else "✗"


def programs(build: Path, names: Sequence[str] | None = None) -> list[Program]:
    """Kernels, examples and two workloads of code that stays cold, which are written into the folder `build`.

    `names` are the names of files, without their endings; None is for all.
    """
    twice = build / "called_twice.kal"
    twice.write_text(_definitions(500) + "\n".join(f"f{number % 500}({number})" for number in range(1_000)) + "\n")
    once = build / "one_of_many.kal"
    once.write_text(_definitions(10_000) + "f5000(1)\n")
    found = [Program("kernels", kernel.path(".kal")) for kernel in KERNELS]
    found += [Program("examples", path) for path in sorted((ROOT / "tutorials/examples").glob("*.kal"))]
    found += [Program("cold code", path) for path in (twice, once)]
    return [program for program in found if names is None or program.path.stem in names]


def _definitions(count: int) -> str:
    return "".join(f"def f{number}(x) if x < {number} then x + {number} else x * 2 - 1\n" for number in range(count))


def tiering(program: Program, repeat: int, clock: Clock) -> Tiering:
    """Run a program in the three modes, by turns."""

    def command(mode: str) -> list[str]:
        return kaleido("-q", "--no-cache", f"--jit={mode}", str(program.path))

    seconds = {mode: run(command(mode))[0].of(clock) for mode in _MODES}
    modes = [mode for mode in _MODES if mode == "tiered" or _may_be_better(mode, seconds)]
    for _ in range(repeat - 1):
        for mode in modes:
            seconds[mode] = min(seconds[mode], undisturbed(command(mode)).of(clock))
    return Tiering(program, seconds)


def _may_be_better(mode: str, seconds: Mapping[str, float]) -> bool:
    return seconds[mode] <= _HOPELESS * min(seconds[each] for each in _ALONE)


def table(found: Sequence[Tiering]) -> str:
    """A row for each program, as Markdown."""
    rows = [
        [
            each.program.title,
            *(f"{each.seconds[mode]:.2f}" for mode in (*_ALONE, "tiered")),
            f"{each.ratio:.2f}",
            each.verdict,
        ]
        for each in found
    ]
    return markdown(["program, seconds", "-O0", "-O3", "tiered", f"/ better, goal {_GOAL}", ""], rows)


def figures(found: Sequence[Tiering]) -> Iterator[Figure]:
    """The worst program of each group, and the mean."""
    for group in dict.fromkeys(each.program.group for each in found):
        results = [each for each in found if each.program.group == group]
        worst = max(results, key=lambda each: each.ratio)
        yield Figure(f"tiered / better of -O0 and -O3, {group}, mean", geometric_mean(each.ratio for each in results))
        note = f"{worst.more * 1000:.0f} ms: -O0 code runs until -O3 code has been compiled"
        yield Figure(f"… {group}, the worst of {len(results)}: `{worst.program.path.stem}`", worst.ratio, _GOAL, note)


def counters(repeat: int, clock: Clock) -> Iterator[Figure]:
    """Baseline code with counters, relative to that without."""
    cases = [
        ("fib", "def f(n) if n < 3 then 1 else f(n - 1) + f(n - 2)", 34, 1.5),
        ("a loop", "def f(n) var s in (for i = 1, i < n in s = s + i * i) : s", 20_000_000, 1.1),
    ]
    for name, definition, argument, goal in cases:
        with Session(threshold=_NEVER) as counting, Session(jit="O0") as plain:
            sides = []
            for session in (counting, plain):
                session.run(definition)
                sides.append(timed(partial(session["f"], argument)))
            yield Figure(f"-O0 with counters / without, {name}", ratio(sides[0], sides[1], repeat, clock), goal)
