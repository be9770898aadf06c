"""Functions of a random program over arrays: `map`, `reduce` and `accumulate`, against one call after the other."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from kaleido.session import Session
from tests.fuzz.vocabulary import SPECIAL
from tests.reference import OutOfSteps, Reference

__all__ = ["Over", "possible"]

# How an array lies in memory. A map has a loop for each combination of the first, the last, and any other.
LAYOUTS = ("contiguous", "contiguous", "backwards", "wide", "one number")

# LLVM vectorizes a loop for at least four elements, and mostly for sixteen.
LENGTHS = (1, 2, 7, 20, 40)

# So many of a program: each has a kernel to compile.
FUNCTIONS = 2

# For all elements of an array, by the reference evaluator. What takes longer is left out.
STEPS = 5_000

_NUMBER = re.compile(r"(?<![\wé])\d[\d.]*(?:e[+-]?\d+)?")


@dataclass(frozen=True)
class Over:
    """A function over arrays. `kind` is the name of a method of :class:`kaleido.session.Function`.

    Each array has one of the LAYOUTS. `in_place`, the result of a map is written into the first.
    """

    name: str
    kind: str
    arrays: tuple[tuple[float, ...], ...]
    layouts: tuple[str, ...]
    in_place: bool

    def by_reference(self, reference: Reference) -> list[float]:
        """The values, from one call after the other. Raises OutOfSteps."""
        steps = STEPS // len(self.arrays[0])

        def call(*arguments: float) -> float:
            return reference.call(self.name, *arguments, steps=steps)

        if self.kind == "map":
            return [call(*each) for each in zip(*self.arrays, strict=True)]
        values = list(accumulate(self.arrays[0], call))
        return values if self.kind == "accumulate" else values[-1:]

    def by_engine(self, session: Session) -> list[float]:
        import numpy as np

        arrays = [_laid_out(np.array(each), layout) for each, layout in zip(self.arrays, self.layouts, strict=True)]
        result: Any = getattr(session[self.name], self.kind)(*arrays, **({"out": arrays[0]} if self.in_place else {}))
        return [float(each) for each in np.atleast_1d(result)]

    def line(self, values: Sequence[float]) -> str:
        return f"{self.name}.{self.kind}: {values!r}\n"


def possible(text: str, reference: Reference, choices: random.Random) -> Iterator[Over]:
    """Functions that a program has defined, over arrays. Their output, and :meth:`Over.line`, are the reference's."""
    values = [*SPECIAL, float("nan"), *(float(each) for each in _NUMBER.findall(text))]
    values += [-each for each in values]
    functions = _callable(reference)
    for name, arity in choices.sample(functions, min(len(functions), FUNCTIONS)):
        kind = choices.choice(("map", "reduce", "accumulate") if arity == 2 else ("map",))
        length = choices.choice(LENGTHS)
        count = arity if kind == "map" else 1
        layouts = choices.choices(LAYOUTS if kind == "map" else LAYOUTS[:-1], k=count)
        if all(each == "one number" for each in layouts):
            layouts[0] = "contiguous"
        arrays = [
            choices.choices(values, k=1) * length if each == "one number" else choices.choices(values, k=length)
            for each in layouts
        ]
        in_place = kind == "map" and layouts[0] != "one number" and choices.random() < 0.3
        over = Over(name, kind, tuple(map(tuple, arrays)), tuple(layouts), in_place)
        before = len(reference.output)
        try:
            values_of_calls = over.by_reference(reference)
        except OutOfSteps:
            del reference.output[before:]
            continue
        # A map may take elements in the order of memory.
        if "backwards" in layouts and kind == "map" and len(reference.output) > before:
            del reference.output[before:]
            continue
        reference.output += over.line(values_of_calls).encode()
        yield over


def _laid_out(array: Any, layout: str) -> Any:
    """The same numbers with a layout."""
    match layout:
        case "backwards":
            return array[::-1].copy()[::-1]
        case "wide":
            return array.repeat(3)[::3]
        case "one number":
            return float(array[0])
    return array


def _callable(reference: Reference) -> list[tuple[str, int]]:
    """The functions with one to three parameters that a program has defined, with the numbers of these."""
    heads = [each.definition.prototype for each in reference.defined()]
    return [(head.name, head.arity) for head in heads if head.operator is None and 0 < head.arity <= 3]
