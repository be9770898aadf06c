"""A recording as a page of tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any

__all__ = ["document"]


def document(recording: dict[str, Any]) -> str:
    """The page, one self-contained HTML file, with the recording in it as JSON."""
    name = escape(recording["program"]["name"])
    data = json.dumps(recording, separators=(",", ":")).replace("<", "\\u003c")
    events = _table(("ms", "event"), ((f"{each['time']:,.1f}", each["sentence"]) for each in recording["events"]))
    codes = _table(("unit", "version", "tier", "from", "until", "bytes"), _codes(recording))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title><h1>{name}</h1>{codes}{events}'
        f'<script type="application/json" id="recording">{data}</script></html>\n'
    )


def _codes(recording: dict[str, Any]) -> Iterable[tuple[object, ...]]:
    for unit in recording["units"]:
        for version in unit["versions"]:
            for code in version["codes"]:
                columns = (code["tier"], code["from"], code["until"] or "", code["size"])
                yield unit["name"], version["version"], *columns


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    def row(cells: Iterable[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + row(heads, "th") + "".join(row(each, "td") for each in rows) + "</table>"
