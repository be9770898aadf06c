"""Tables of tiers, reports and notices as HTML, each with the same as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from kaleido.jit import Tier
from kaleido.report.tables import table
from kaleido.report.tier_marks import pieces
from kaleido.report.tier_table import tier_rows
from kaleido.session import Session

__all__ = ["notices", "report", "tiers"]

Data = Mapping[str, str]
"""A text by its MIME type."""

# As in the page of a report, on white and on black.
_COLORS = {Tier.BASELINE: "#b26b00", Tier.OPTIMIZED: "#2b8a3e"}

_TEXT = ("unit", "tier", "dependents", "source")

_HEIGHT = 720
"""Of a report in a notebook, in pixels."""


def tiers(session: Session) -> Data:
    """Each function and loop that has machine code, with its tier."""
    headings, rows = tier_rows(session.stats(), session.engine.policy, lambda name: _loop(session, name))
    if not rows:
        return {"text/plain": "nothing is compiled yet: a function is compiled when it is first called"}
    html = ["<table><thead><tr>", *(f"<th{_side(name)}>{escape(name)}</th>" for name in headings), "</tr></thead>"]
    for row in rows:
        cells = zip(headings, row, strict=True)
        html += ["<tr>", *(f"<td{_side(name)}>{_painted(cell)}</td>" for name, cell in cells), "</tr>"]
    return {"text/plain": table(headings, rows, left=_TEXT), "text/html": "".join([*html, "</table>"])}


def _loop(session: Session, name: str) -> str:
    """The source of a loop of a function; empty for other units."""
    owner = name.rpartition(".for@")[0]
    return session[owner].loops.get(name, "") if owner in session else ""


def _side(heading: str) -> str:
    style = f"text-align:{'left' if heading in _TEXT else 'right'}"
    # A tier, such as -O3, is one word.
    return f' style="{style};white-space:nowrap"' if heading in ("unit", "tier") else f' style="{style}"'


def report(page: str) -> Data:
    """The page of a report, in a frame that may run its scripts and reach nothing else."""
    frame = f'<iframe sandbox="allow-scripts" style="width:100%;height:{_HEIGHT}px;border:0" srcdoc="{escape(page)}">'
    return {"text/plain": "a report, which needs HTML", "text/html": f"{frame}</iframe>"}


def notices(lines: Sequence[str]) -> Data:
    """What the JIT did, a line each."""
    html = "<br>".join(map(_painted, lines))
    return {"text/plain": "\n".join(lines), "text/html": f'<div style="opacity:.7;font-size:90%">{html}</div>'}


def _painted(text: str) -> str:
    return "".join(
        escape(piece) if tier is None else f'<span style="color:{_COLORS[tier]}">{escape(piece)}</span>'
        for tier, piece in pieces(text)
    )
