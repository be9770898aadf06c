"""Recordings made by hand, so that tests of the page need no engine and are the same each time."""

from __future__ import annotations

from typing import Any

__all__ = ["empty", "many", "redefinition"]

Recording = dict[str, Any]

_LONG_NAME = "/a/path/as/long/as/paths/of/programs/are/edit.kal"
_SOURCE = """\
# square is redefined while the loop runs.
def square(x) x * x

def total(n) var sum in
    (for i = 1, i < n in sum = sum + square(i)) : sum

total(1000000)
"""


def empty() -> Recording:
    """A session that has not run anything yet."""
    return {
        "format": "kaleido-recording",
        "version": 1,
        "producer": {"kaleido": "0.1.0", "llvm": "22.1.0", "machine": "x86_64 Linux"},
        "program": {"name": "nothing.kal", "mode": "tiered", "thresholds": {"calls": 1000, "iterations": 10000}},
        "length": 0.0,
        "live": False,
        "left_out": {"events": 0, "units": 0, "versions": 0},
        "sources": [],
        "units": [],
        "views": [],
        "events": [],
        "counts": {},
        "stubs": {},
        "jumps": {"before": [], "after": []},
        "samples": {"interval": 1.0, "total": 0, "times": [], "shares": []},
        "measured": None,
        "advice": [],
    }


def redefinition() -> Recording:
    """A loop inlines `square`, which is redefined while it runs; with every part of the format."""
    return empty() | {
        "program": {"name": "square.kal", "mode": "tiered", "thresholds": {"calls": 1000, "iterations": 10000}},
        "length": 100.0,
        "sources": [{"name": "square.kal", "text": _SOURCE}, {"name": _LONG_NAME, "text": "def square(x) x + <b>"}],
        "units": [_square(), _unit("total", "function", "calls", _version(_place(0, 4, 1, 5, 54), [_code("O0", 2, 4)])),
                  _loop(), _unit("binary:", "function", "calls", _version(None, [_code("O0", 2, 4)]), "prelude")],
        "views": _views(),
        "events": _events(),
        "counts": {"square": [[4.0, 1, 0], [6.0, 1, 1000], [10.0, 1, 3000], [50.0, 2, 0], [60.0, 2, 10_000]],
                   "total.for": [[4.0, 1, 0], [10.0, 1, 3000], [14.0, 1, 10_000], [20.0, 1, 22_000]]},
        "stubs": {"square": [_stub(4.0, "prologue", 0, 1000), _stub(10.0, "body", 3000, 1000),
                             _stub(50.0, "prologue", 0, 1000)],
                  "total.for": [_stub(4.0, "prologue", 0, 10_000), _stub(20.0, "body", 22_000, 10_000)]},
        "jumps": {"before": ["stub:", "  jmp *slot(%rip)", "prologue:", "  incq runs(%rip)"],
                  "after": ["stub:", "  jmp *slot(%rip)", "body:", "  mulsd %xmm0, %xmm0"]},
        "samples": _samples(),
        "measured": {"O0": {"run": 310.0, "compile": 3.0}, "O3": {"run": 80.0, "compile": 25.0},
                     "tiered": {"run": 96.0, "compile": 4.0}},
        "advice": [{"symbol": "total", "text": "`total` was never hot: 1 call"},
                   {"symbol": None, "text": "one <redefinition> deoptimized one unit"}],
    }  # fmt: skip


def _square() -> Recording:
    first = _version(
        _place(0, 2, 1, 2, 20), [_code("O0", 2, 4), _code("O3", 6.5, 10, view=0, until=50.0)], replaced=50.0
    )
    second = _version(_place(1, 1, 1, 1, 22), [_code("O0", 48, 50)], number=2, defined=50.0)
    return _unit("square", "function", "calls", first) | {"versions": [first, second]}


def _loop() -> Recording:
    codes = [
        _code("O0", 2, 4, view=1),
        _code("O3", 14, 20, view=2, until=50.0, inlined=[["square", 1]]),
        _code("O3", 62, 70, view=2, inlined=[["square", 2]]),
    ]
    return _unit("total.for", "loop", "iterations", _version(_place(0, 5, 6, 5, 47), codes)) | {"parent": "total"}


def _unit(symbol: str, kind: str, counter: str, version: Recording, origin: str = "program") -> Recording:
    return {"symbol": symbol, "name": symbol, "kind": kind, "counter": counter, "origin": origin, "parent": None,
            "versions": [version]}  # fmt: skip


def _version(
    place: Any, codes: list[Recording], number: int = 1, defined: float = 1.0, replaced: float | None = None
) -> Recording:
    return {"version": number, "defined": defined, "replaced": replaced, "place": place, "calls": [], "codes": codes}


def _place(source: int, line: int, column: int, end_line: int, end_column: int) -> Recording:
    return {"source": source, "start": [line, column], "end": [end_line, end_column]}


def _code(
    tier: str, began: float, used: float, view: int | None = None, until: float | None = None, inlined: Any = ()
) -> Recording:
    return {"tier": tier, "began": began, "ended": used - 0.5, "from": used, "until": until, "size": 64,
            "address": "0x7f0000001000", "batch": 3 if tier == "O0" else 1, "inlined": list(inlined),
            "view": view}  # fmt: skip


def _stub(time: float, target: str, runs: int, limit: int) -> Recording:
    return {"time": time, "slot": "0x7f0000002000", "target": target, "runs": runs, "limit": limit,
            "body": "0x7f0000001000", "number": 7}  # fmt: skip


def _events() -> list[Recording]:
    return [
        _event(1.0, "defined", "square", "square was defined"),
        _event(4.0, "compiled", "square", "square was compiled at -O0 in 1.5 ms", tier="O0", began=2.0),
        _event(6.0, "hot", "square", "square was hot at 1,000 calls", runs=1000, threshold=1000),
        _event(10.0, "swapped", "square", "square was hot at 1,000 calls; -O3 4.0 ms later", tier="O3", runs=3000),
        _event(14.0, "hot", "total.for", "total.for was hot at 10,000 iterations", runs=10_000, threshold=10_000),
        _event(20.0, "swapped", "total.for", "total.for was hot at 10,000 iterations; -O3 6.0 ms later", tier="O3",
               inlined=["square"]),
        _event(50.0, "defined", "square", "square was redefined: version 2", version=2),
        _event(50.1, "deoptimized", "total.for", "total.for was deoptimized to -O0: square has changed",
               message="square has changed"),
        _event(61.0, "hot", "total.for", "total.for was hot at 10,000 iterations", runs=10_000, threshold=10_000),
        _event(70.0, "swapped", "total.for", "", tier="O3", inlined=["square"]),
        _event(80.0, "compiled", "total", "total was compiled at -O3 in vain", tier="O3", began=75.0),
        _event(80.0, "discarded", "total", "total was compiled at -O3 in vain: square has changed", tier="O3"),
    ]  # fmt: skip


def _event(time: float, kind: str, symbol: str, sentence: str, **more: Any) -> Recording:
    return {"time": time, "kind": kind, "symbol": symbol, "version": 1, "sentence": sentence, **more}


def _views() -> list[Recording]:
    square = ["define double @square.impl(double %x) {", "  %1 = fmul double %x, %x", "  ret double %1", "}"]
    loop = ["define double @for.impl(double %n) {", "loop:", "  %1 = call double @square(double %i)",
            "  %2 = fadd double %sum, %1", "  ret double %2", "}"]  # fmt: skip
    inlined = [*loop[:2], "  %1 = fmul double %i, %i", *loop[3:]]
    places = [[0, 5, 6], None, [0, 5, 38], [0, 5, 32], [0, 5, 6], None]
    passes = [
        {"name": "SROAPass", "function": "for.impl", "ir": loop, "assembly": None},
        {"name": "InlinerPass", "function": "for.impl", "ir": inlined, "assembly": None},
    ]
    assembly = {"assembly": ["  mulsd %xmm0, %xmm0", "  ret"], "assembly_lines": [[0, 2, 15], [0, 2, 1]]}
    return [
        {"ir": square, "ir_lines": [[0, 2, 1], [0, 2, 17], [0, 2, 15], None], **assembly},
        {"ir": loop, "ir_lines": places, **assembly},
        {"ir": inlined, "ir_lines": [*places[:2], [0, 2, 17, "square"], *places[3:]], **assembly, "passes": passes},
    ]


def _samples() -> Recording:
    times: list[list[Any]] = [
        [float(time), "total.for", "O0" if time < 20 or 50 <= time < 70 else "O3"] for time in range(4, 94)
    ]
    times += [[float(time), None, "other"] for time in range(94, 100)]
    shares = [{"symbol": "total.for", "tier": "O3", "count": 54}, {"symbol": "total.for", "tier": "O0", "count": 36},
              {"symbol": None, "tier": "other", "count": 6}]  # fmt: skip
    return {"interval": 1.0, "total": 96, "times": times, "shares": shares}


def many(number: int) -> Recording:
    """A program of so many functions, of which each tenth becomes fast."""
    text = "".join(f"def f{index}(x) x + {index}\n" for index in range(number))
    units, events = [], []
    for index in range(number):
        began = 1.0 + index // 10
        codes = [_code("O0", began, began + 1)]
        if index % 10 == 0:
            codes.append(_code("O3", began + 5, began + 7))
            events.append(_event(began + 4, "hot", f"f{index}", f"f{index} was hot at 1,000 calls", runs=1000))
            events.append(_event(began + 7, "swapped", f"f{index}", f"f{index}: -O3 3 ms later", tier="O3"))
        place = _place(0, index + 1, 1, index + 1, 17)
        units.append(_unit(f"f{index}", "function", "calls", _version(place, codes)))
    return empty() | {
        "program": {"name": "many.kal", "mode": "tiered", "thresholds": {"calls": 1000}},
        "length": number / 10 + 20,
        "sources": [{"name": "many.kal", "text": text}],
        "units": units,
        "events": sorted(events, key=lambda event: event["time"]),
    }
