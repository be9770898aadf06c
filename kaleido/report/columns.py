"""What the columns of ``:tiers`` and ``--stats`` contain: the same words below both tables and in the help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap

__all__ = ["COLUMNS", "legend"]

COLUMNS: Mapping[str, str] = {
    "runs at -O0": "calls or iterations while it ran at -O0; code at -O3 counts nothing",
    "-O0 ms": "its equal share of the time to compile the units of one module",
    "-O3 ms": "the time to compile it together with what it inlines",
    "bytes": "the size of the code that runs now",
    "-O0 bytes": "the size of its last code at -O0",
    "-O3 bytes": "the size of the code last compiled for it at -O3, with what it inlines",
    "dependents": "units whose code at -O3 inlined it",
    "versions": "how often it was defined",
    "deoptimized": "how often its code at -O3 was dropped: what it inlined has changed, or on request",
}
"""The definition of each column that needs one, by its heading."""


def legend(headings: Iterable[str], columns: int | None = None) -> str:
    """The definitions of the columns under `headings`, as lines that are at most `columns` wide."""
    width = columns if columns is not None else 100
    defined = [f"{heading}: {COLUMNS[heading]}." for heading in headings if heading in COLUMNS]
    return "".join(f"{line}\n" for text in defined for line in wrap(text, width, subsequent_indent="  "))
