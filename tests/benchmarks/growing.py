"""Growth: time and memory of each item, in a large input relative to a small one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from kaleido import Session
from kaleido.terminal.streams import discarded
from tests.benchmarks.figures import Figure, timed
from tests.growth import KEPT_BY_LLVMLITE, allocated, growth, resident
from tests.repl import latency
from tests.scaling import definitions, hot_at_once, one_long_text

__all__ = ["figures"]


# The definitions of a text, and how often it is measured.
_TEXTS = {1_000: 5, 10_000: 3, 80_000: 1}


def figures() -> Iterator[Figure]:
    """Seconds are those of the processor, except for entries. It takes some minutes."""
    yield from _long_texts()
    each = [min(hot_at_once(count) for _ in range(2)) / count for count in (250, 4_000)]
    yield Figure("a unit of 4,000 hot at once / of 250", each[1] / each[0], 1.2)
    yield from _redefinitions(100_000)
    yield from _calls()
    with discarded():
        milliseconds = latency.measure((10, 10_000), 300)
    for kind, (few, many) in milliseconds.items():
        yield Figure(f"{kind}, Enter to prompt, with 10,000 definitions / with 10", many / few, 1.1)
    yield Figure("memory of 60,000 functions, each first called by itself / 1 GiB", _functions(60_000) / 2**30, 1.0)


def _long_texts() -> Iterator[Figure]:
    """Time and memory of a definition, from one size to the next."""
    seconds, sizes = [], []
    for count, repeat in _TEXTS.items():
        seconds.append(min(one_long_text(count) for _ in range(repeat)) / count)
        sizes.append(_allocated_by(count) / count)
    for title, each in (("a definition", seconds), ("memory of a definition", sizes)):
        for (small, large), (before, after) in zip(pairwise(_TEXTS), pairwise(each), strict=True):
            yield Figure(f"{title} in a text of {large:,} / of {small:,}", after / before, 1.2)


def _allocated_by(count: int) -> int:
    """Bytes that a session has allocated after a text of so many definitions."""
    before = allocated()
    with Session(jit="O0") as session:
        session.run(definitions(count))
        return allocated() - before


def _redefinitions(count: int) -> Iterator[Figure]:
    # Each is that of a tenth of all.
    times = [time.process_time()]
    found = growth("called once", count, report=lambda *_: times.append(time.process_time()))
    seconds = [end - begin for begin, end in pairwise(times)]
    kept = found.pipelines * KEPT_BY_LLVMLITE
    title = f"after {count:,} redefinitions"
    yield Figure(f"memory {title} / after 1,000", (found.end - kept) / found.settled, 1.05)
    yield Figure(f"a redefinition {title} / at the beginning", min(seconds[-2:]) / min(seconds[:2]), 1.2)


def _calls() -> Iterator[Figure]:
    """Deep recursion, and tail calls: that they work, and that each costs the same, however many there are."""
    deep = "def f(n) if n < 1 then 0 else 1 + f(n - 1)"
    tail = "def f(n m) if n < 1 then m else f(n - 1, m + 1)"
    for title, definition, few, many, rest in (
        ("a recursive call, 1,000,000 deep / 10,000 deep", deep, 10_000, 1_000_000, ()),
        ("one of 100,000,000 tail calls / of 1,000,000", tail, 1_000_000, 100_000_000, (0.0,)),
    ):
        with Session(jit="O0") as session:
            session.run(definition)
            each = []
            for count in (few, many):
                times = [timed(partial(session["f"], count, *rest))().cpu for _ in range(3)]
                assert session["f"](count, *rest) == count
                each.append(min(times) / count)
        yield Figure(title, each[1] / each[0], 2.0)


def _functions(count: int) -> int:
    """Bytes that a session of so many functions takes."""
    before = resident()
    with Session() as session:
        session.run("".join(f"def f{number}(x) x + {number}\n" for number in range(count)))
        for number in range(count):
            assert session[f"f{number}"](1) == number + 1
        return resident() - before
