"""The passes of LLVM's that have changed a unit, with its IR after each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kaleido.jit import Engine, Tier, Unit
from kaleido.report.listing import ir_rows

__all__ = ["passes"]


def passes(engine: Engine, units: Sequence[Unit], tier: Tier) -> list[dict[str, Any]]:
    """For each pass its `name`, the name of the `function` and that one's `ir`, a list of lines; `assembly` is None.

    The first entry is the function before all passes. At the baseline there are none. A recursive function has copies
    of itself, which are functions of their own until they are inlined. If there are too many changes, the last entry
    says how many are left off, and has no lines. Raises OSError where LLVM cannot be asked.
    """
    if tier is Tier.BASELINE:
        return []
    changes, left_off = engine.pass_changes(units)
    shown = [_entry(each.name, each.function, [line for line, _ in ir_rows(each.ir.split("\n"))]) for each in changes]
    last = [_entry(f"{left_off:,} more changes", units[0].body, [])] if left_off else []
    return [*_visible(shown), *last]


def _visible(entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Those that differ from the function's entry before: a pass may change only what a listing leaves out."""
    before: dict[str, list[str]] = {}
    for entry in entries:
        if before.get(entry["function"]) != entry["ir"]:
            before[entry["function"]] = entry["ir"]
            yield entry


def _entry(name: str, function: str, ir: list[str]) -> dict[str, Any]:
    return {"name": name, "function": function, "ir": ir, "assembly": None}
