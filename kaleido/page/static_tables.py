"""The parts of the page that are there without JavaScript: the summary, the tables of units and events, the advice."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from kaleido.page.recorded import MARKS, Recording, codes, final_tier, is_told, milliseconds, names
from kaleido.page.summary_sentences import summary

__all__ = ["advice_list", "event_rows", "prose", "summary_paragraphs", "unit_rows"]

_MOST_EVENTS = 2000


def prose(text: str) -> str:
    """HTML of a sentence: names between backquotes become code, tiers with their marks have their colors, and what is
    between two asterisks on each side is strong.
    """
    marked = re.sub(r"([○●] )?-(O[03])\b", _tier, escape(text, quote=False))
    return re.sub(r"^\*\*(.+?)\*\*", r"<strong>\1</strong>", re.sub(r"`([^`]+)`", r"<code>\1</code>", marked))


def _tier(found: re.Match[str]) -> str:
    return f'<span class="badge tier-{found[2] if found[1] else ""}">{found[0]}</span>'


def summary_paragraphs(recording: Recording) -> str:
    """HTML of the summary."""
    sentences = summary(recording) or ["Nothing has run yet."]
    return "\n".join(f"<p>{prose(each)}</p>" for each in sentences)


def unit_rows(recording: Recording) -> str:
    """HTML of the rows of the table of units, in the order of the recording."""
    units = recording.get("units", ())
    used = [code for unit in units if final_tier(unit) == "O3" for code in codes(unit, "O3") if code["until"] is None]
    inlined = {symbol for code in used for symbol, _ in code["inlined"]}
    return "\n".join(_unit_row(recording, unit, inlined) for unit in units)


def _unit_row(recording: Recording, unit: Mapping[str, Any], inlined: Container[str]) -> str:
    tier = final_tier(unit)
    ended = bool(unit["versions"]) and unit["versions"][-1].get("replaced") is not None
    state = MARKS.get(tier or "", "ended" if ended else "no code") + (
        ", inlined" if tier == "O0" and unit["symbol"] in inlined else ""
    )
    counts = recording.get("counts", {}).get(unit["symbol"], ())
    deoptimized = sum(
        event["kind"] == "deoptimized" and event["symbol"] == unit["symbol"] for event in recording.get("events", ())
    )
    cells = [
        f'<th scope="row">{escape(unit["name"])}</th>',
        f'<td class="tier-{tier or "none"}">{state}</td>',
        *_cells(
            f"{counts[-1][2]:,}" if counts else "",
            _compiling(codes(unit, "O0")),
            _compiling(codes(unit, "O3")),
            f"{len(unit['versions']):,}",
            f"{deoptimized:,}",
        ),
    ]
    return f'<tr data-symbol="{escape(unit["symbol"])}">{"".join(cells)}</tr>'


def _compiling(found: Iterable[Mapping[str, Any]]) -> str:
    """The time, in milliseconds; of a batch an equal share."""
    parts = [
        (code["ended"] - code["began"]) / (max(1, code.get("batch") or 1) if code["tier"] == "O0" else 1)
        for code in found
    ]
    return f"{sum(parts):,.1f}" if parts else ""


def event_rows(recording: Recording) -> str:
    """HTML of the rows of the table of events: those of the program's story; the last ones, if they are many."""
    known = names(recording)
    told = [event for event in recording.get("events", ()) if is_told(event)]
    return "\n".join(_event_row(event, known) for event in told[-_MOST_EVENTS:])


def _event_row(event: Mapping[str, Any], known: Mapping[str, str]) -> str:
    symbol = event["symbol"]
    cells = _cells(milliseconds(event["time"]), event["kind"], known.get(symbol, symbol))
    sentence = f"<td>{prose(event.get('sentence') or event.get('message') or '')}</td>"
    data = f'data-time="{event["time"]}" data-symbol="{escape(symbol)}"'
    return f'<tr class="event-{event["kind"]}" {data}>{"".join(cells)}{sentence}</tr>'


def _cells(*texts: str) -> Sequence[str]:
    return [f"<td>{escape(text)}</td>" for text in texts]


def advice_list(recording: Recording) -> str:
    """HTML of the items of the list of advice."""
    found = [f"<li>{prose(each['text'])}</li>" for each in recording.get("advice", ())]
    return "\n".join(found) or '<li class="absent">There is nothing to advise.</li>'
