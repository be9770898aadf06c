"""The block of README.md that has the last results, and the machine that they are from."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import llvmlite
from llvmlite.binding import llvm_version_info

from tests.benchmarks.processes import ROOT, Clock

__all__ = ["CHART", "block", "machine", "replaced"]

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


def block(tables: Sequence[str], clock: Clock, where: str) -> str:
    """The tables, with the machine above them, as Markdown."""
    seconds = "seconds" if clock == "wall" else "seconds of the processor, with all threads"
    return "\n".join([f"{where}. Minima of alternating runs, in {seconds}.\n", *tables])


def replaced(readme: str, new: str) -> str:
    """README.md with a new block between the two marks. Raises ValueError without them."""
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"README.md has no {_BEGIN.strip()} … {_END.strip()}")
    return f"{before}{begin}{new}{end}{after}"
