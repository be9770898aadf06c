"""What each redefinition has deoptimized, and what compiling it again has cost: from the units of a recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

__all__ = ["redefinitions"]

Json = dict[str, Any]


def redefinitions(units: Sequence[Json]) -> list[Json]:
    """A row for each version but the first of each unit, by time.

    `deoptimized` are the symbols of the units whose optimized code had inlined the version before, and `recompiled` are
    the milliseconds that their next optimized compilations took, 0 where there were none.
    """
    optimized = {unit["symbol"]: list(_optimized(unit)) for unit in units}
    dependents: dict[tuple[str, int], list[tuple[str, Json]]] = {}
    for symbol, codes in optimized.items():
        for code in codes:
            for name, version in code["inlined"]:
                dependents.setdefault((name, version), []).append((symbol, code))
    rows = []
    for unit in units:
        for before, after in pairwise(unit["versions"]):
            if after["version"] == before["version"] + 1 and after["defined"] is not None:
                inlining = dependents.get((unit["symbol"], before["version"]), [])
                rows.append(_row(unit["symbol"], after, inlining, optimized))
    return sorted(rows, key=lambda row: float(row["time"]))


def _optimized(unit: Json) -> Iterator[Json]:
    return (code for version in unit["versions"] for code in version["codes"] if code["tier"] == "O3")


def _row(
    symbol: str, after: Json, inlining: Sequence[tuple[str, Json]], optimized: Mapping[str, Sequence[Json]]
) -> Json:
    lost = {name: code for name, code in inlining if code["until"] is not None and code["until"] >= after["defined"]}
    again = [_next(optimized[name], code["until"]) for name, code in lost.items()]
    cost = round(sum(code["ended"] - code["began"] for code in again if code is not None), 4)
    return {
        "time": after["defined"],
        "symbol": symbol,
        "version": after["version"],
        "deoptimized": list(lost),
        "recompiled": cost,
    }


def _next(codes: Sequence[Json], time: float) -> Json | None:
    """The optimized code that came into use next."""
    later = (code for code in codes if code["from"] is not None and code["from"] > time)
    return min(later, key=lambda code: float(code["from"]), default=None)
