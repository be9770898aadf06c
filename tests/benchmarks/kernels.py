"""The programs: ``kernels/NAME.kal``, the same algorithm in ``kernels/NAME.c``, some in other languages."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["FOLDER", "KERNELS", "Kernel"]

FOLDER = Path(__file__).parent / "kernels"


class Kernel(NamedTuple):
    """`title` is its label in tables; `remainder` says that it spends its time in `%`."""

    name: str
    title: str
    remainder: bool = False

    def path(self, suffix: str) -> Path:
        """The source file in a language, such as ``.c``; it need not exist."""
        return FOLDER / f"{self.name}{suffix}"


KERNELS = [
    Kernel("fib", "fib"),
    Kernel("tak", "tak"),
    Kernel("ackermann", "Ackermann"),
    Kernel("hofstadter", "Hofstadter"),
    Kernel("even_odd", "even/odd, tail calls"),
    Kernel("even_odd_deep", "even/odd, other calls"),
    Kernel("mandelbrot_recursion", "Mandelbrot, recursion"),
    Kernel("mandelbrot_loops", "Mandelbrot, loops"),
    Kernel("mandelbrot_operators", "Mandelbrot, operators"),
    Kernel("operators", "operators in a loop"),
    Kernel("variables", "several variables"),
    Kernel("layers", "layers of functions"),
    Kernel("collatz", "Collatz, functions"),
    Kernel("primes", "primes"),
    Kernel("newton", "Newton"),
    Kernel("leibniz", "Leibniz"),
    Kernel("pi_sum", "pi, a long sum"),
    Kernel("integration", "integration with libm"),
    Kernel("top_level_loop", "loop at top level"),
    Kernel("trial_division", "trial division, %", remainder=True),
    Kernel("euclid", "Euclid, %", remainder=True),
    Kernel("queens", "queens, % 2", remainder=True),
]
