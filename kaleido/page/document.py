"""One HTML file of a recording, which needs nothing else: no network, no server, no other file.

The scripts are ECMAScript modules without a build step. Here they are joined in the order of their imports, and their
imports and exports are dropped, so names at the top of a file are unique among all of them. The Content-Security-Policy
of the document permits these scripts and styles by their hashes, and nothing else.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template

from kaleido.page.recorded import Recording
from kaleido.page.static_tables import advice_list, event_rows, summary_paragraphs, unit_rows

__all__ = ["STYLES", "LiveParts", "document", "script"]

_FOLDER = Path(__file__).parent

STYLES = ("colors", "frame", "timeline", "listings", "panels", "media")
"""The style sheets, in the order in which they are joined."""

_IMPORT = re.compile(r"^import [^;]*?from \"\./(\w+)\.js\";\n", re.MULTILINE)
_START = 'start(JSON.parse(document.getElementById("recording").textContent));\n'


@dataclass(frozen=True)
class LiveParts:
    """What a live session adds to the page.

    `panels`       HTML before the summary, such as an editor
    `style`        CSS after that of the page
    `script`       JavaScript instead of the page's last line, which is a call of ``start``; see ``scripts/page.js``
    `connections`  what the script may connect to, as ``connect-src`` of a Content-Security-Policy has it
    """

    panels: str = ""
    style: str = ""
    script: str = _START
    connections: str = "'none'"


def document(recording: Recording, parts: LiveParts | None = None) -> str:
    """The HTML of a recording, of the format "kaleido-recording", version 1."""
    more = parts or LiveParts()
    style = "\n".join([*(_text(f"styles/{name}.css") for name in STYLES), more.style])
    code = script() + more.script
    program = recording.get("program", {})
    # `style` and `code` end with what the template has after them, so that the hashes are those of the elements.
    return Template(_text("page.html")).substitute(
        policy=_policy(style, code, more.connections),
        title=escape(str(program.get("name", "Kaleido"))),
        setting=escape(_setting(recording)),
        producer=escape(_producer(recording)),
        style=style,
        panels=more.panels,
        summary=summary_paragraphs(recording),
        advice=advice_list(recording),
        units=unit_rows(recording),
        events=event_rows(recording),
        recording=_data(recording),
        script=code,
    )


@cache
def script() -> str:
    """The modules as one, which exports nothing. Ends before the call of ``start``."""
    joined = "".join(_text(f"scripts/{name}.js") for name in _in_order("page"))
    return re.sub(r"^export (?=async|class|const|function)", "", _IMPORT.sub("", joined), flags=re.MULTILINE)


def _in_order(name: str) -> Iterable[str]:
    """A module after all that it imports, each once."""
    found: dict[str, None] = {}

    def visit(module: str) -> None:
        if module not in found:
            for imported in _IMPORT.findall(_text(f"scripts/{module}.js")):
                visit(imported)
            found[module] = None

    visit(name)
    return found


@cache
def _text(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _policy(style: str, code: str, connections: str) -> str:
    sources = {
        "default-src": "'none'",
        "script-src": _hash(code),
        "style-src": _hash(style),
        "img-src": "data:",
        "connect-src": connections,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in sources.items())


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _data(recording: Recording) -> str:
    """The recording as JSON that no HTML parser can take for markup."""
    return json.dumps(recording, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _setting(recording: Recording) -> str:
    """How the program ran: the mode and the thresholds."""
    program = recording.get("program", {})
    thresholds = program.get("thresholds", {})
    modes = {
        "tiered": "two tiers, recompiled in the background",
        "sync": "two tiers, the program waits for the recompiler",
        "O0": "only -O0",
        "O3": "only -O3",
    }
    hot = " or ".join(f"{number:,} {counter}" for counter, number in thresholds.items() if number)
    mode = program.get("mode", "")
    return " · ".join(filter(None, [modes.get(mode, mode), f"hot at {hot}" if hot else ""]))


def _producer(recording: Recording) -> str:
    producer = recording.get("producer", {})
    named = [f"{name.replace('llvm', 'LLVM').replace('kaleido', 'Kaleido')} {producer[name]}" for name in
             ("kaleido", "llvm") if producer.get(name)]  # fmt: skip
    left_out = [f"{number:,} {what} left out" for what, number in recording.get("left_out", {}).items() if number]
    form = f"{recording.get('format', 'kaleido-recording')} {recording.get('version', 1)}"
    return " · ".join([*named, *filter(None, [producer.get("machine")]), form, *left_out])
