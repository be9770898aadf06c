"""The toolbar's text."""

from __future__ import annotations

import threading

from kaleido import Session
from kaleido.jit import Event, EventKind, Tier
from kaleido.repl.line_editor.status import Status


def status(session: Session) -> Status:
    return Status(session, changed=lambda: None)


def test_units_are_counted_by_tier() -> None:
    with Session(jit="sync", threshold=10) as session:
        toolbar = status(session)
        assert toolbar.text() == "0 at ○ -O0 · 0 at ● -O3 · recompiler idle"
        session.run("def f(x) x + 1; def g(x) f(x) * 2; g(1)")
        assert toolbar.text() == "2 at ○ -O0 · 0 at ● -O3 · recompiler idle"
        session.run("for i = 1, i < 100 in g(i)")
        assert toolbar.text() == "0 at ○ -O0 · 2 at ● -O3 · recompiler idle"
        session.run("def f(x) x + 2")
        assert toolbar.text() == "2 at ○ -O0 · 0 at ● -O3 · recompiler idle"


def test_loops_come_and_go_with_their_functions() -> None:
    with Session(jit="sync") as session:
        session.run("def f(n) for i = 0, i < n in i; f(1)")
        toolbar = status(session)
        assert toolbar.text().startswith("2 at ○ -O0")
        session.run("def f(n) n")
        assert toolbar.text().startswith("1 at ○ -O0")


def test_one_tier_has_no_recompiler() -> None:
    with Session(jit="O3") as session:
        toolbar = status(session)
        session.run("def f(x) x + 1; def g(x) f(x); g(1)")
        session.run("def f(x) x + 2; g(1)")
        numbers = [unit.tier for unit in session.stats() if unit.name in ("f", "g")]
        assert toolbar.text() == f"0 at ○ -O0 · {numbers.count(Tier.OPTIMIZED)} at ● -O3"


def test_what_the_recompiler_is_doing() -> None:
    with Session(jit="tiered", threshold=10) as session:
        compiled, go_on = threading.Event(), threading.Event()

        def hold(event: Event) -> None:
            if event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED:
                compiled.set()
                go_on.wait()

        session.subscribe(hold)
        toolbar = status(session)
        session.run("def f(x) x + 1; f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)")
        compiled.wait()
        assert toolbar.text() == "1 at ○ -O0 · 0 at ● -O3 · recompiling f"
        go_on.set()
        session.engine.wait_until_idle()
        assert toolbar.text() == "0 at ○ -O0 · 1 at ● -O3 · recompiler idle"


def test_changes_are_told_until_it_is_closed() -> None:
    told: list[None] = []
    with Session() as session:
        toolbar = Status(session, changed=lambda: told.append(None))
        session.run("def f(x) x")
        assert told
        toolbar.close()
        told.clear()
        session.run("def f(x) x + 1")
        assert not told


def test_what_hot_callers_have_inlined_does_not_wait() -> None:
    with Session(jit="tiered", threshold=10) as session:
        compiled, go_on = threading.Event(), threading.Event()

        def hold(event: Event) -> None:
            if event.kind is EventKind.COMPILED and event.tier is Tier.OPTIMIZED and event.unit == "first":
                compiled.set()
                go_on.wait()

        session.subscribe(hold)
        toolbar = status(session)
        session.run("def first(x) x + 1; for i = 1, i < 10 in first(i)")
        compiled.wait()
        # Both become hot while the recompiler is busy. It compiles `twice`, with `square` inlined.
        session.run("def square(x) x * x; def twice(x) square(x) + square(x); for i = 1, i < 10 in twice(i)")
        assert toolbar.text().endswith("recompiling first")
        go_on.set()
        session.engine.wait_until_idle()
        assert toolbar.text().endswith("recompiler idle")
