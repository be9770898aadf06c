"""Kaleido against other compilers, and against its goals. All results are ratios; less is better.

The parts are `kernels` (against C and others), `executables`, `tiering`, `waiting`, `output`, `numpy` and `growth`;
`goals` is all of them but the kernels. Without a name, all parts run, which takes more than an hour.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks import array_maps, executables, growing, output, report, tiering, waiting
from tests.benchmarks.chart import chart
from tests.benchmarks.figures import FIGURES, Figure, figure_table
from tests.benchmarks.kernels import KERNELS
from tests.benchmarks.peak import OVER_KERNELS, Disagreement, Result, measured, summary, table
from tests.benchmarks.peers import contestants
from tests.benchmarks.processes import ROOT, Failed

README = ROOT / "README.md"

GOALS = ("executables", "tiering", "waiting", "output", "numpy", "growth")

# What --quick measures.
QUICK_KERNELS = ("fib", "mandelbrot_loops", "operators", "collatz", "trial_division")
QUICK_PROGRAMS = (*QUICK_KERNELS, "primes", "called_twice", "one_of_many")


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    try:
        with tempfile.TemporaryDirectory() as build:
            return _Benchmark(options, Path(build)).run()
    except (Disagreement, Failed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="what to measure (default: everything)")
    parser.add_argument("--kernels", type=_names, metavar="NAMES", help="these kernels only, as in fib,tak")
    parser.add_argument("--peers", type=_names, metavar="NAMES", help="these contestants only, as in kaleido,gcc")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each side (default: 5)")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: on a machine that does other work"
    )
    parser.add_argument("--quick", action="store_true", help="a few kernels and programs, two runs of each, no growth")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times and figures")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="write a picture of the kernels (SVG)")
    parser.add_argument(
        "--update", action="store_true", help="put the results into README.md: the rows that were measured"
    )
    options = parser.parse_args(arguments)
    wanted = set(options.parts or ("kernels", *GOALS))
    options.parts = wanted - {"goals"} | (set(GOALS) if "goals" in wanted else set())
    if unknown := options.parts - {"kernels", *GOALS}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if unknown := set(options.kernels or ()) - {kernel.name for kernel in KERNELS}:
        parser.error(f"no such kernel: {', '.join(sorted(unknown))}")
    if options.quick:
        options.repeat, options.kernels = 2, options.kernels or QUICK_KERNELS
        options.parts -= {"growth"}
    return options


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


class _Benchmark:
    def __init__(self, options: argparse.Namespace, build: Path) -> None:
        self._options, self._build = options, build
        self._results: list[Result] = []
        self._tiering: list[tiering.Tiering] = []
        self._figures: list[Figure] = []
        # Means and the worst of some of the kernels or programs only: they are not comparable with those of all.
        self._of_some: list[Figure] = []
        self._peers: list[str] = []
        self._versions: dict[str, str] = {}

    def run(self) -> int:
        """Measure the parts; print and write the results."""
        parts: dict[str, Callable[[], Iterator[Figure]]] = {
            "kernels": self._kernels,
            "executables": self._executables,
            "tiering": self._cost_of_tiering,
            "waiting": self._waiting,
            "output": lambda: output.figures(self._build, self._options.repeat, self._options.clock),
            "numpy": self._arrays,
            "growth": growing.figures,
        }
        for name, figures in parts.items():
            if name in self._options.parts:
                for figure in figures():
                    _say(f"{figure.title}: {figure.result:.2f}")
                    self._figures.append(figure)
        self._write()
        return 0

    def _kernels(self) -> Iterator[Figure]:
        options = self._options
        peers, self._versions, missing = contestants(self._build)
        peers = [peer for peer in peers if not options.peers or peer.name in options.peers]
        self._peers = [peer.name for peer in peers]
        for message in missing:
            _say(message)
        for kernel in KERNELS:
            if not options.kernels or kernel.name in options.kernels:
                self._results.append(measured(kernel, peers, options.repeat))
                _say(f"{kernel.name}: {self._results[-1].ratio('kaleido', options.clock) or 0:.2f}")
        yield from self._over_all(summary(self._results, options.clock), bool(options.kernels))

    def _executables(self) -> Iterator[Figure]:
        options = self._options
        kernels = [each for each in KERNELS if not options.kernels or each.name in options.kernels]
        yield from executables.figures(self._build, kernels, options.repeat, options.clock, _say)

    def _cost_of_tiering(self) -> Iterator[Figure]:
        options = self._options
        names = (options.kernels or ()) + QUICK_PROGRAMS if options.quick else None
        for program in tiering.programs(self._build, names):
            found = tiering.tiering(program, options.repeat, options.clock)
            _say(f"{program.path.stem}: {found.ratio:.2f} {found.verdict}")
            self._tiering.append(found)
        yield from self._over_all(tiering.figures(self._tiering), options.quick)
        yield from tiering.counters(options.repeat, options.clock)

    def _over_all(self, figures: Iterator[Figure], some: bool) -> Iterator[Figure]:
        for figure in figures:
            self._of_some += [figure] * some
            yield figure

    def _waiting(self) -> Iterator[Figure]:
        repeat, clock = self._options.repeat, self._options.clock
        yield from waiting.starts(self._build, repeat, clock)
        yield from waiting.prompts(repeat, clock)
        yield from waiting.entries(repeat, clock)
        yield from () if self._options.quick else waiting.many_entries(repeat, clock)
        yield from waiting.calls(repeat, clock)
        yield from waiting.optimizing(repeat, clock)
        yield from waiting.emission(repeat, clock)

    def _arrays(self) -> Iterator[Figure]:
        if message := array_maps.missing():
            _say(message)
        yield from array_maps.figures(self._build, self._options.repeat, self._options.clock)

    def _write(self) -> None:
        options = self._options
        where = report.machine(self._versions)
        print(report.block(self._tables(self._figures), options.clock, where), end="")
        if options.json:
            options.json.write_text(json.dumps(self._as_json(where), indent=1) + "\n")
        # A picture of some kernels would have a mean of its own.
        picture = report.CHART if options.update and self._results and not options.kernels else None
        for path in filter(None, (options.chart, picture)):
            path.write_text(chart(self._results, options.clock), encoding="utf-8")
        if options.update:
            tables = self._tables(
                [each for each in self._figures if each not in self._of_some], means=not options.kernels
            )
            text = report.updated(README.read_text("utf-8"), tables, options.clock, where, self._stays)
            README.write_text(text, "utf-8")

    def _stays(self, table: str, row: str) -> bool:
        """Whether a row of README.md stays that was not measured: a figure that no part has any more does not."""
        has_all = self._options.parts >= set(GOALS) and not self._options.quick
        return table != FIGURES or not has_all or row.startswith(OVER_KERNELS)

    def _tables(self, figures: list[Figure], *, means: bool = True) -> list[str]:
        tables = [table(self._results, self._peers, self._options.clock, means=means)] if self._results else []
        tables += [tiering.table(self._tiering)] if self._tiering else []
        return tables + ([figure_table(figures)] if figures else [])

    def _as_json(self, where: str) -> dict[str, object]:
        return {
            "machine": where,
            "clock": self._options.clock,
            "kernels": {
                result.kernel.name: {name: [each._asdict() for each in times] for name, times in result.times.items()}
                for result in self._results
            },
            "tiering": {each.program.path.stem: each.seconds for each in self._tiering},
            "figures": [asdict(figure) for figure in self._figures],
        }


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
