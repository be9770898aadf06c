"""Growth: time and memory of each item, in a large input relative to a small one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from kaleido import Session
from kaleido.terminal.streams import discarded
from tests.benchmarks.figures import Figure
from tests.growth import KEPT_BY_LLVMLITE, growth, resident
from tests.repl import latency
from tests.scaling import hot_at_once, one_long_text

__all__ = ["figures"]


def figures() -> Iterator[Figure]:
    """Seconds are those of the processor, except for entries. It takes some minutes."""
    sizes = (1_000, 10_000, 80_000)
    each = [min(one_long_text(size) for _ in range(3)) / size for size in sizes]
    for (small, large), (before, after) in zip(pairwise(sizes), pairwise(each), strict=True):
        yield Figure(f"a definition in a text of {large:,} / of {small:,}", after / before, 1.2)
    yield Figure("a unit of 4,000 hot at once / of 250", hot_at_once(4_000) / 4_000 / (hot_at_once(250) / 250), 1.2)
    found = growth("called once", 100_000)
    kept = found.optimized * KEPT_BY_LLVMLITE
    yield Figure("memory after 100,000 redefinitions / after 1,000", (found.end - kept) / found.settled, 1.05)
    with discarded():
        milliseconds = latency.measure((10, 10_000), 300)
    for kind, (few, many) in milliseconds.items():
        yield Figure(f"{kind}, Enter to prompt, with 10,000 definitions / with 10", many / few, 1.1)
    yield Figure("memory of 60,000 functions, each first called by itself / 1 GiB", _functions(60_000) / 2**30, 1.0)


def _functions(count: int) -> int:
    """Bytes that a session of so many functions takes."""
    before = resident()
    with Session() as session:
        session.run("".join(f"def f{number}(x) x + {number}\n" for number in range(count)))
        for number in range(count):
            assert session[f"f{number}"](1) == number + 1
        return resident() - before
