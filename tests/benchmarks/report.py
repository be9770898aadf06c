"""The block of README.md that has the last results, and the machine that they are from."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import llvmlite
from llvmlite.binding import llvm_version_info

from tests.benchmarks.processes import ROOT, Clock

__all__ = ["CHART", "block", "machine", "merged", "updated"]

CHART = ROOT / "tests/benchmarks/chart.svg"

_BEGIN, _END = "<!-- benchmarks: begin -->\n", "<!-- benchmarks: end -->\n"


def machine(versions: Mapping[str, str]) -> str:
    """One line: the date, the processor, and what else decides about speed; `versions` are those of the peers."""
    library, library_version = platform.libc_ver()
    llvm = ".".join(map(str, llvm_version_info))
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"{_processor()}, {os.cpu_count()} cores",
        f"{library} {library_version}",
        f"Python {platform.python_version()}",
        f"llvmlite {llvmlite.__version__} (LLVM {llvm})",
        *(f"{name} {version}" for name, version in versions.items()),
    ]
    return "; ".join(parts)


def _processor() -> str:
    try:
        names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def block(tables: Sequence[str], clock: Clock, where: str, note: str = "") -> str:
    """The tables, with the machine above them, as Markdown."""
    seconds = "seconds" if clock == "wall" else "seconds of the processor, with all threads"
    return "\n".join([f"{where}. Minima of alternating runs, in {seconds}.{note}\n", *tables])


def merged(old: str, tables: Sequence[str], stays: Callable[[str, str], bool] = lambda table, row: True) -> list[str]:
    """The tables of the text `old`, with the rows of the new `tables`. A row that is not among them stays if `stays`
    says so for the first cells of its table and of itself.

    A new row replaces the one with the same first cell, in the table with the same columns. Where a table of the same
    first column has other columns, the new one replaces it if it has all of its rows. All others stay.
    """
    kept = {_name(table): table for table in re.findall(r"(?:^\|.*\n)+", old, re.MULTILINE)}
    for new in tables:
        name = _name(new)
        head, rule, *lines = new.splitlines(keepends=True)
        before = kept.get(name, new).splitlines(keepends=True)
        rows, old_rows = ({_name(line): line for line in each} for each in (lines, before[2:]))
        if before[0] == head:
            old_rows = {row: line for row, line in old_rows.items() if row in rows or stays(name, row)}
            kept[name] = "".join([head, rule, *(old_rows | rows).values()])
        elif rows.keys() >= old_rows.keys():
            kept[name] = new
    return list(kept.values())


def _name(table: str) -> str:
    """The first cell of a row, or of a table's head. The worst of several is the same row, whichever it is."""
    cell = table.split("|")[1].strip()
    return cell.partition(": ")[0] if "the worst" in cell else cell


def updated(
    readme: str,
    tables: Sequence[str],
    clock: Clock,
    where: str,
    stays: Callable[[str, str], bool] = lambda table, row: True,
) -> str:
    """README.md with the rows of `tables` in its block, see :func:`merged`. Raises ValueError without a block."""
    before, begin, rest = readme.partition(_BEGIN)
    old, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"README.md has no {_BEGIN.strip()} … {_END.strip()}")
    found = merged(old, tables, stays)
    note = "" if sorted(found) == sorted(tables) else " Rows that were not measured then are of earlier runs."
    return f"{before}{begin}{block(found, clock, where, note)}{end}{after}"
