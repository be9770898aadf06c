"""Recordings of other programs: events alone, and what `kaleido report` makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kaleido import cli
from kaleido.page import document, summary
from kaleido.recording import read
from kaleido.report.recording_text import recording_text
from kaleido.terminal import streams

TEXT = "def f(x) x\ndef g(x) f(x)\n"


def event(time: float, kind: str, symbol: str, **more: Any) -> dict[str, Any]:
    return {"time": time, "kind": kind, "symbol": symbol, **more}


EVENTS = [
    event(1, "defined", "f", span=[0, 10]),
    event(2, "compiled", "f", tier="O0", began=1),
    event(3, "defined", "g", span=[11, 24]),
    event(4, "compiled", "g", tier="O0", began=3),
    event(5, "hot", "g", threshold=1000, runs=1000),
    event(9, "compiled", "g", tier="O3", began=6, inlined=["f"], runs=1500),
    event(10, "swapped", "g", runs=1600),
    event(20, "defined", "f"),
    event(21, "compiled", "f", tier="O0", began=20),
    event(22, "deoptimized", "g", message="f has changed"),
    event(30, "hot", "printd"),
]


def text(**more: Any) -> str:
    events = {"events": EVENTS, "sources": [{"name": "my.kal", "text": TEXT}]}
    return json.dumps({"format": "kaleido-recording", "version": 1} | events | more)


def test_units_are_made_from_events() -> None:
    recording = read(text())
    f, g, printd = recording["units"]
    assert [version["defined"] for version in f["versions"]] == [1, 20]
    assert f["versions"][0]["place"] == {"source": 0, "start": [1, 1], "end": [1, 11]}
    assert g["versions"][0]["place"] == {"source": 0, "start": [2, 1], "end": [2, 14]}
    baseline, optimized = g["versions"][0]["codes"]
    assert (baseline["tier"], baseline["from"], baseline["until"]) == ("O0", 4, None)
    assert (optimized["began"], optimized["ended"], optimized["from"], optimized["until"]) == (6, 9, 10, 22)
    assert optimized["inlined"] == [["f", 1]]
    assert recording["redefinitions"] == [
        {"time": 20, "symbol": "f", "version": 2, "deoptimized": ["g"], "recompiled": 0}
    ]
    assert recording["counts"]["g"] == [[5, 1, 1000], [9, 1, 1500], [10, 1, 1600]]
    assert (printd["origin"], recording["length"]) == ("prelude", 30)


def test_the_page_and_the_text_tell_the_story() -> None:
    recording = read(text(program={"name": "my.kal"}))
    told = " ".join(summary(recording))
    assert "`g` was hot at 5.0 ms, after 1,000 calls; it waited 1.0 ms, compiling took 3.0 ms" in told
    assert "`g` was deoptimized at 22.0 ms, because f has changed." in told
    assert "g runs its -O3 code 5.0 ms later, after 1,600 calls" in document(recording)
    lines = recording_text(recording, 140).splitlines()
    assert lines[0] == "my.kal · tiered · 30.0 ms"
    assert (
        "  10.0 ms  g runs its -O3 code 5.0 ms later, after 1,600 calls: it waited 1.0 ms, compiling took 3.0 ms"
        in lines
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "my.json is not a recording: it is not JSON"),
        ("[1]", 'my.json is not a recording: its "format" is not "kaleido-recording"'),
        (text(version=2), 'my.json is not a recording: its "version" is not 1'),
        (text(events=[{"time": 1}]), "my.json is not a recording: a part is missing or wrong: KeyError: 'symbol'"),
    ],
)
def test_what_is_no_recording_is_an_error(
    content: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my.json").write_text(content, "utf-8")
    assert outcome("my.json") == 2
    assert message in capsys.readouterr().err
    assert not Path("my.html").exists()


def test_a_recording_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my.json").write_text(text(), "utf-8")
    assert outcome("my.json") == 0
    assert Path("my.html").read_text("utf-8").startswith("<!doctype html>")
    assert outcome("--compare", "my.json") == outcome("--json", "my.json") == outcome("other.json") == 2


def outcome(*arguments: str) -> int:
    """The exit code, in this process."""
    with streams.discarded():
        try:
            return cli.run(["report", *arguments])
        except SystemExit as end:
            return int(end.code or 0)
