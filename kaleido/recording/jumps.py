"""The jump that a call of a unit makes, before and after its unit was optimized: code in memory, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

from kaleido.jit import StubCode

__all__ = ["NO_JUMPS", "example", "jumps"]

Json = dict[str, Any]

_INDENT = "    "


NO_JUMPS: Json = {"symbol": None, "before": [], "after": []}


def example(stubs: Mapping[str, Sequence[Json]]) -> str:
    """The unit to show, by the records of all: the one that was optimized first, or one that counts; else empty."""
    counting = [symbol for symbol, records in stubs.items() if any(each["target"] == "prologue" for each in records)]

    def optimized(symbol: str) -> float:
        return next((each["time"] for each in stubs[symbol] if each["target"] == "body"), inf)

    return min(counting, key=optimized, default="")


def jumps(symbol: str, code: StubCode, records: Sequence[Json]) -> Json:
    """The stub of a unit and where it leads; `records` are those of its stub over time.

    Before: by way of the counter prologue. After: to the body, if it ever led there.
    """
    counted = next((each for each in records if each["target"] == "prologue"), None)
    direct = next((each for each in reversed(records) if each["target"] == "body"), None)
    return {
        "symbol": symbol,
        "before": [*_stub(code, counted), *_prologue(code, counted)] if counted is not None else [],
        "after": [*_stub(code, direct)] if direct is not None else [],
    }


def _stub(code: StubCode, record: Json) -> Iterator[str]:
    where = "the counter prologue" if record["target"] == "prologue" else "the body"
    yield f"stub at {code.stub:#x}: {code.stub_bytes.hex(' ')}".rstrip(": ")
    yield from _commented(code.stub_assembly, {"slot": f"slot at {code.record:#x}"}, f"{record['slot']}, {where}")


def _prologue(code: StubCode, record: Json) -> Iterator[str]:
    limit = f"{record['limit']:,}" if record["limit"] is not None else "none"
    comments = {"limit": f"limit: {limit}", "body": f"body: {record['body']}", "hot": "calls the hook"}
    yield f"prologue at {code.prologue:#x}: {code.prologue_bytes.hex(' ')}".rstrip(": ")
    yield from _commented(code.prologue_assembly, comments, "the body; hot, if runs have reached the limit")


def _commented(instructions: Sequence[str], comments: dict[str, str], jump: str) -> Iterator[str]:
    """Instructions, one a line, with a comment where they first use a field; `jump` is for the last one."""
    left = dict(comments)
    for number, instruction in enumerate(instructions, 1):
        text = instruction.replace("\t", " ")
        field = next((name for name in left if f"{name}(" in text), None)
        comment = jump if number == len(instructions) else left.pop(field) if field is not None else ""
        yield f"{_INDENT}{text:<28}# {comment}" if comment else _INDENT + text
