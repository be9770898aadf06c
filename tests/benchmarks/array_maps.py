"""Functions over arrays: against the same loop in C, and against ``numba.vectorize`` where that is installed.

All sides write into an array that exists, so that none waits for pages of the system. *Polynomial* waits for memory,
*Mandelbrot* computes: it counts the iterations of points, up to 200 each.
"""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from kaleido import Session
from tests.benchmarks.figures import Figure, Timed, ratio, timed
from tests.benchmarks.peak import Disagreement
from tests.benchmarks.peers import C_OPTIONS
from tests.benchmarks.processes import Clock, run

__all__ = ["figures", "missing"]

_POINTS = 10_000_000


class Body(NamedTuple):
    """A function of one number in three languages. `share` is the part of the elements that is enough for it."""

    name: str
    kaleido: str
    c: str
    python: str
    share: int


_BODIES = (
    Body(
        "polynomial",
        "def {name}(x) (x - 3) * x * x + 0.5 * x - 1",
        "static double f(double x) {{ return (x - 3) * x * x + 0.5 * x - 1; }}",
        "def f(x):\n    return (x - 3) * x * x + 0.5 * x - 1",
        1,
    ),
    Body(
        "Mandelbrot",
        """
        def {name}loop(re im cr ci n)
          if re*re + im*im > 4 | n >= 200 then n else {name}loop(re*re - im*im + cr, 2*re*im + ci, cr, ci, n + 1)
        def {name}(x) {name}loop(0, 0, 3*x - 2, 0.3, 0)
        """,
        """static double f(double x) {{
    double cr = 3 * x - 2, ci = 0.3, re = 0, im = 0, n = 0;
    while (!(re * re + im * im > 4 || n >= 200)) {{
        double t = re * re - im * im + cr; im = 2 * re * im + ci; re = t; n = n + 1;
    }}
    return n;
}}""",
        """def f(x):
    cr = 3.0 * x - 2.0
    ci = 0.3
    re = im = n = 0.0
    while not (re * re + im * im > 4.0 or n >= 200.0):
        re, im = re * re - im * im + cr, 2.0 * re * im + ci
        n = n + 1.0
    return n""",
        20,
    ),
)

_C_LOOP = """
void map(double *restrict out, const double *restrict x, long n) {
    for (long i = 0; i < n; i++) out[i] = f(x[i]);
}
"""


def missing() -> str:
    """What is not installed that this needs, or compares with, as a sentence; empty if all is there."""
    absent = [name for name in ("numpy", "numba") if not _is_installed(name)]
    absent += [] if _compilers() else ["a C compiler"]
    return f"{', '.join(absent)} not installed: left out" if absent else ""


def figures(build: Path, repeat: int, clock: Clock, points: int = _POINTS) -> Iterator[Figure]:
    """The figures for each body; none without NumPy."""
    if not _is_installed("numpy"):
        return
    for body in _BODIES:
        with Session() as session:
            yield from _Sides(session, body, points // body.share, build).figures(repeat, clock)


class _Sides:
    """One body, compiled by each side, with the arrays that all work on."""

    def __init__(self, session: Session, body: Body, points: int, build: Path) -> None:
        import numpy as np

        self._np, self._session, self._body, self._build = np, session, body, build
        self._x, self._out = np.random.default_rng(1).random(points), np.empty(points)
        self._names = (f"{body.name}{number}" for number in count())

    def figures(self, repeat: int, clock: Clock) -> Iterator[Figure]:
        title, own = self._body.name, self._kaleido()
        expected = self._values(own)
        for name, path in _compilers().items():
            native = self._c(name, path)
            self._compare(native, expected, name)
            result = ratio(timed(own), timed(native), repeat, clock)
            yield Figure(f"`f.map`, {title} / the loop in C by {name}", result, 1.1)
        # On two workers, the processor's time is that of both.
        result = ratio(timed(self._kaleido(workers=2)), timed(own), repeat, "wall")
        yield Figure(f"`f.map`, {title}, two workers / one", result, 0.6 if title == "Mandelbrot" else None)
        if _is_installed("numba"):
            peer = self._numba()
            self._compare(peer, expected, "numba")
            first = ratio(self._first(self._kaleido), self._first(self._numba), repeat, clock)
            yield Figure(f"`f.map`, {title}, definition and first call / numba.vectorize", first, 1.0)
            tenth = ratio(timed(own), timed(peer), repeat, clock)
            yield Figure(f"`f.map`, {title}, a later call / numba.vectorize", tenth, 1.0)

    def _kaleido(self, workers: int = 1) -> Callable[[], object]:
        name = next(self._names)
        self._session.run(self._body.kaleido.format(name=name))
        function = self._session[name]
        return lambda: function.map(self._x, out=self._out, workers=workers)

    def _numba(self) -> Callable[[], object]:
        from numba import vectorize

        names: dict[str, Any] = {}
        exec(self._body.python, names)
        function = vectorize(["float64(float64)"])(names["f"])
        return lambda: function(self._x, out=self._out)

    def _c(self, name: str, path: str) -> Callable[[], object]:
        source, library = (self._build / f"{self._body.name}.{name}{suffix}" for suffix in (".c", ".so"))
        source.write_text(self._body.c.format() + _C_LOOP)
        run([path, *C_OPTIONS, "-shared", "-fPIC", "-o", str(library), str(source), "-lm"])
        loop = ctypes.CDLL(str(library)).map
        loop.argtypes, loop.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long], None
        return lambda: loop(self._out.ctypes.data, self._x.ctypes.data, len(self._x))

    def _first(self, make: Callable[[], Callable[[], object]]) -> Timed:
        return timed(lambda: make()())

    def _values(self, run_once: Callable[[], object]) -> Any:
        run_once()
        return self._out.copy()

    def _compare(self, run_once: Callable[[], object], expected: Any, name: str) -> None:
        self._out[:] = -1
        if not self._np.array_equal(self._values(run_once), expected):
            raise Disagreement(f"{self._body.name}: {name} computes other values")


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _compilers() -> dict[str, str]:
    """The C compilers of this machine."""
    found = {name: shutil.which(name) for name in ("gcc", "clang")}
    return {name: path for name, path in found.items() if path is not None}
