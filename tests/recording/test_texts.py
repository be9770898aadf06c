"""Recordings in words: advice, and the report in text."""

from __future__ import annotations

import re
from itertools import count
from typing import Any
from unittest import mock

import pytest

from kaleido.codegen import lowering
from kaleido.jit import NotInlined
from kaleido.recording.account import account, from_cache
from kaleido.recording.advice import advice
from kaleido.report.recording_text import LEAST_COLUMNS, MOST_LINES, recording_text
from kaleido.session import Session
from kaleido.terminal.text import width
from tests.recording.test_recorder import PROGRAM, recording

TEXT = """\
demo.kal · tiered, hot at 1,000 calls or 10,000 iterations · 10…

f     ··············▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒█████████████╳▒▒▒▒
f.for ··············▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
g     ··············▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▒▒▒▒
      0                                                 100.0 ms
  · no code  ▒ ○ -O0  ▓ inlined at ● -O3  █ ● -O3  ╳ deoptimized
  f.for is a loop in f

What happened
  70.0 ms  f swapped: it waited 10.0 ms, compiling took 20.0 ms

Inlined
  f ← g

Where the time went
       9  f ● -O3   (of 10 samples)
"""


def unit(symbol: str, *codes: dict[str, Any], counter: str = "calls", **details: Any) -> dict[str, Any]:
    version = {"version": 1, "defined": 0.0, "replaced": details.pop("replaced", None), "codes": list(codes)}
    kind = "loop" if counter == "iterations" else "function"
    common = {"symbol": symbol, "name": symbol, "kind": kind, "counter": counter, "origin": "program"}
    return common | details | {"versions": [version]}


def code(tier: str, since: float, until: float | None = None, *inlined: str) -> dict[str, Any]:
    return {"tier": tier, "from": since, "until": until, "inlined": [[each, 1] for each in inlined]}


def event(kind: str, symbol: str, time: float, **details: Any) -> dict[str, Any]:
    return {"kind": kind, "symbol": symbol, "time": time, "version": 1, "sentence": f"{symbol} {kind}"} | details


def made(units: list[Any], events: list[Any], counts: dict[str, Any] | None = None) -> dict[str, Any]:
    program = {"name": "demo.kal", "mode": "tiered", "thresholds": {"calls": 1000, "iterations": 10000}}
    samples = {"total": 10, "shares": [{"symbol": units[0]["symbol"], "tier": "O3", "count": 9}]}
    return {
        "program": program, "length": 100.0, "live": False, "units": units, "events": events, "counts": counts or {},
        "samples": samples, "measured": None, "advice": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("units", "events", "counts", "text"),
    [
        ([unit("p", code("O0", 1))], [], {"p": [[1, 1, 3], [2, 1, 41]]}, "p was never hot: 41 calls, of 1,000"),
        ([unit("f", code("O0", 1))], [], {"f": [[1, 1, 999]]}, "f was never hot: 999 calls, of 1,000"),
        ([unit("f"), unit("g", code("O0", 1))], [], {}, "f never ran"),
        (
            [unit("f", code("O0", 1), code("O3", 20, 50), code("O3", 80))],
            [
                event("deoptimized", "f", 50, message="g has changed"),
                event("compiled", "f", 70, tier="O3", began=62.5),
            ],
            {},
            "f was deoptimized once: g has changed; compiling it again took 7.5 ms",
        ),
        (
            [unit("loop", code("O0", 1), counter="iterations", replaced=60.0)],
            [event("hot", "loop", 40, threshold=10_000)],
            {},
            "loop ended before its -O3 code was ready: it was hot at 10,000 iterations, 20.0 ms before its end"
            "; the recompiler was busy. In a longer run it gets -O3 code",
        ),
        ([unit("f", code("O3", 97.5))], [], {}, "f became fast too late to matter: 2.5 ms before the end"),
        ([unit("f", code("O0", 1))], [event("failed", "f", 5)], {}, "f failed"),
    ],
)  # fmt: skip
def test_advice(units: list[Any], events: list[Any], counts: dict[str, Any], text: str) -> None:
    assert text in [each["text"] for each in advice(made(units, events, counts))]


def test_a_hot_unit_waits_until_its_compilation_pays() -> None:
    recorded = made([unit("f", code("O0", 1))], [event("hot", "f", 40, threshold=1000)])
    recorded["program"]["patience"] = 100.0
    (told,) = advice(recorded)
    assert (
        "60.0 ms before its end; hot code is compiled when it has run enough to pay for that, or after 100 ms."
        in (told["text"])
    )


def test_a_compilation_that_the_end_overtook_is_told() -> None:
    units = [unit("f", code("O0", 1)), unit("f.for", code("O0", 1), counter="iterations")]
    started = event("started", "f.for", 92, inlined=["f"])
    (told,) = advice(made(units, [event("hot", "f", 40, threshold=1000), started]))
    assert "; with f.for, its compilation had begun 8.0 ms before the end" in told["text"]


def test_the_account_of_a_run_adds_up_to_its_length() -> None:
    units = [unit("f", code("O0", 15) | {"began": 5.0, "ended": 12.0}, code("O3", 60) | {"began": 30.0, "ended": 59.0})]
    recorded = made(units, [event("ran", "top", 95.0, began=20.0)])
    times = [[25.0, "f", "O0"], [29.0, "f", "O0"], [64.0, "f", "O3"], [68.0, None, "other"]]
    recorded["samples"] |= {"times": times, "interval": 4.0}
    found = {each["part"]: each["time"] for each in account(recorded)}
    assert sum(found.values()) == recorded["length"]
    assert found == {"start": 5.0, "compile": 7.0, "load": 13.0, "O0": 9.0, "O3": 8.0, "other": 12.0, "wait": 46.0}
    assert account(recorded | {"live": True}) == []
    assert account(recorded | {"events": []}) == []


class _Cache(dict[str, bytes]):
    """An object cache in memory."""

    put = dict.__setitem__


def test_code_from_the_object_cache_is_told() -> None:
    cache, told, reports = _Cache(), [], []
    for _ in range(2):
        # As in another process.
        serials = mock.patch.object(lowering, "_serials", count(1))
        with serials, Session(jit="sync", threshold=1, cache=cache) as session:
            recorder = session.record("demo.kal")
            session.run("def f(x) x + 1\nf(2)")
            reports.append(recorder.report())
    for report in reports:
        sentences = [each["sentence"] for each in report["events"] if each["kind"] == "compiled"]
        told.append([len(sentences), sum("from the object cache" in each for each in sentences), from_cache(report)])
    sentence = "All code came from the object cache, in the time that reading takes; with --no-cache, all is compiled."
    assert told == [[3, 0, []], [3, 3, [sentence]]]
    assert any("from the object cache" in line for line in recording_text(reports[1], 80).splitlines())


def test_a_unit_that_waits_for_the_recompiler_is_hot() -> None:
    assert advice(made([unit("f", code("O0", 1))], [], {"f": [[1, 1, 1000]]})) == []


def test_a_unit_in_optimized_code_of_its_caller_is_fast() -> None:
    units = [unit("plot", code("O0", 1)), unit("loop", code("O0", 1), code("O3", 20, None, "plot"))]
    assert advice(made(units, [], {"plot": [[1, 1, 426]]})) == []


def test_a_loop_that_goes_on_in_old_code_is_told() -> None:
    recorded = made(
        [unit("loop", code("O0", 1), code("O3", 20, 50))], [event("deoptimized", "loop", 50, message="g has changed")]
    )
    recorded["samples"]["times"] = [[time, "loop", "O3"] for time in (49, 60, 95)]
    assert advice(recorded)[1]["text"].startswith("loop went on in its old code for 45.0 ms: ")


def test_advice_says_why_a_call_is_not_inlined() -> None:
    told = advice(made([unit("f", code("O0", 1), code("O3", 5))], []), [("f", NotInlined("f", "g", "it is recursive"))])
    assert told[0] == {"symbol": "f", "text": "g is not inlined in f: it is recursive"}


def test_a_report_has_the_advice_of_llvm() -> None:
    with Session(jit="sync", threshold=2) as session:
        recorder = session.record("demo.kal")
        session.run("extern sin(x) def f(x) if x < 1 then 1 else f(x - 1) * f(x - 2); f(20)")
        recorder.close()
        told = [each["text"] for each in recorder.report()["advice"]]
        assert any(text.startswith("f is not inlined in f: ") for text in told)
        assert '"kaleido-recording"' in session.report()


def test_the_text_has_lanes_and_what_happened() -> None:
    units = [
        unit("f", code("O0", 25.0), code("O3", 70.0, 93.0, "g") | {"began": 45.0, "ended": 65.0}),
        unit("f.for", code("O0", 25.0), counter="iterations", parent="f"),
        unit("g", code("O0", 25.0)),
    ]
    hot = event("hot", "f", 35.0, threshold=1000)
    assert recording_text(made(units, [hot, event("swapped", "f", 70.0)]), 64) == TEXT


@pytest.fixture(scope="module")
def many() -> dict[str, Any]:
    recorded = recording(PROGRAM, *(f"def f{number}(x) x * {number}; f{number}(1)" for number in range(40)))
    return recorded | {"advice": advice(recorded)}


@pytest.mark.parametrize("columns", [20, 60, 80, 200])
def test_the_text_fits_in_colors_too(columns: int, many: dict[str, Any]) -> None:
    plain = recording_text(many, columns)
    colored = recording_text(many, columns, colored=True)
    assert len(plain.splitlines()) <= MOST_LINES
    assert max(map(width, plain.splitlines())) <= max(columns, LEAST_COLUMNS)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
    assert colored != plain


def test_a_report_has_views_of_the_code_with_places() -> None:
    with Session(jit="sync", threshold=2) as session:
        recorder = session.record("demo.kal")
        session.run("def g(x) x * x\ndef f(x) g(x) + 1\nf(1); f(2); f(3)\ndef g(x) x", "demo.kal")
        recorder.close()
        recorded = recorder.report()
    [f] = [each for each in recorded["units"] if each["name"] == "f"]
    [code] = [code for code in f["versions"][0]["codes"] if code["tier"] == "O3"]
    view = recorded["views"][code["view"]]
    assert len(view["assembly"]) == len(view["assembly_lines"])
    # The version of g that was inlined is no longer current.
    inlined = [
        line for line, place in zip(view["ir"], view["ir_lines"], strict=True) if place and place[3:] == ["kal.g"]
    ]
    assert any("fmul" in line for line in inlined)
