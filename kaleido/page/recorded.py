"""What Python reads of a recording: names, states, and numbers as text. The scripts have the same for each moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = [
    "MARKS",
    "Recording",
    "codes",
    "enumeration",
    "final_tier",
    "is_told",
    "milliseconds",
    "names",
    "runs_text",
    "units_of_program",
]

Recording = Mapping[str, Any]

MARKS = {"O0": "○ -O0", "O3": "● -O3"}
"""Each tier with its mark, as at the prompt."""

_TOLD = {"hot", "requested", "swapped", "covered", "discarded", "deoptimized", "failed", "faulted"}


def names(recording: Recording) -> dict[str, str]:
    """The name of each unit by its symbol."""
    return {unit["symbol"]: unit["name"] for unit in recording.get("units", ())}


def units_of_program(recording: Recording) -> list[Mapping[str, Any]]:
    """The functions and loops that the program itself defines."""
    return [
        unit
        for unit in recording.get("units", ())
        if unit.get("origin") != "prelude" and unit.get("kind") in ("function", "loop")
    ]


def codes(unit: Mapping[str, Any], tier: str) -> Iterator[Mapping[str, Any]]:
    """The machine codes of a tier that a unit has had, of all versions."""
    for version in unit["versions"]:
        yield from (code for code in version["codes"] if code["tier"] == tier)


def final_tier(unit: Mapping[str, Any]) -> str | None:
    """The tier of the code that is in use at the end: ``"O0"``, ``"O3"`` or None."""
    if not unit["versions"] or unit["versions"][-1].get("replaced") is not None:
        return None
    version = unit["versions"][-1]
    used = [code for code in version["codes"] if code.get("from") is not None]
    if any(code["tier"] == "O3" and code.get("until") is None for code in used):
        return "O3"
    return "O0" if any(code["tier"] == "O0" for code in used) else None


def is_told(event: Mapping[str, Any]) -> bool:
    """Whether an event is part of the program's story; the others only say how each of them was done."""
    return event["kind"] in _TOLD or (event["kind"] == "defined" and event.get("version", 1) > 1)


def milliseconds(value: float) -> str:
    """A duration or a moment, such as ``0.84 ms``, ``12.3 ms``, ``1,234 ms`` and ``12.3 s``."""
    if value == 0:
        return "0 ms"
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.{2 if value < 1 else 1 if value < 1000 else 0}f} ms"


def runs_text(runs: int, counter: str) -> str:
    """``1 call``, ``3,239 iterations``."""
    noun = {"calls": "call", "iterations": "iteration"}.get(counter, "run")
    return f"{runs:,} {noun}" if runs == 1 else f"{runs:,} {noun}s"


def enumeration(words: Sequence[str], most: int = 6) -> str:
    """``a``, ``a and b``, ``a, b and c``; what is above the limit is only counted."""
    named = list(words) if len(words) <= most else [*words[: most - 1], f"{len(words) - most + 1:,} more"]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}" if named else ""
