"""Lines about what the JIT did."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

import pytest

from kaleido import Session
from kaleido.codegen.mangling import top_level_symbol
from kaleido.jit import Event, EventKind, RunCounter, Signature, Tier, Unit
from kaleido.repl.line_editor.notices import Notices
from kaleido.report.event_lines import EventLines


class Engine:
    """Stands for a session: it tells what a test wants told."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []
        self.engine = self

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, *events: Event) -> None:
        for event in events:
            for listener in self._listeners:
                listener(event)


def event(
    kind: EventKind,
    unit: str = "f",
    *,
    version: int = 1,
    runs: int = 0,
    counter: RunCounter = RunCounter.CALLS,
    size: int = 0,
    message: str = "",
    time: float = 0.0,
    tier: Tier | None = None,
    threshold: int = 0,
) -> Event:
    return Event(
        kind,
        unit,
        f"kal.{unit}",
        time,
        0,
        tier,
        version,
        runs,
        counter,
        seconds=0.0024,
        size=size,
        message=message,
        threshold=threshold,
    )


def hot_event(unit: str = "f", *, threshold: int = 1_000, **details: Any) -> Event:
    return event(HOT, unit, threshold=threshold, **details)


def lines(*events: Event) -> list[str]:
    engine = Engine()
    notices = Notices(cast(Session, engine), changed=lambda: None)
    engine.tell(*events)
    return notices.take()


SWAPPED, DEOPTIMIZED, FREED, HOT = EventKind.SWAPPED, EventKind.DEOPTIMIZED, EventKind.FREED, EventKind.HOT


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (event(DEOPTIMIZED, size=30, message="g has changed"), "f deoptimized, ● -O3 → ○ -O0: g has changed"),
        (
            event(SWAPPED, message="argument 2 of f is 7"),
            "f: ● -O3 on request, in 2.4 ms, if argument 2 of f is 7",
        ),
        (
            event(EventKind.DISCARDED, tier=Tier.OPTIMIZED, size=30, message="g has changed"),
            "f: 30 bytes of ● -O3 code discarded: g has changed meanwhile",
        ),
        (event(EventKind.FAILED, message="too large"), "f stays at ○ -O0: too large"),
        (event(FREED, version=2, size=1_234), "f: 1,234 bytes of version 2 freed"),
        (event(FREED, size=19, tier=Tier.BASELINE), "f: 19 bytes of ○ -O0 code of version 1 freed"),
    ],
)
def test_lines(told: Event, line: str) -> None:
    assert lines(told) == [line]


def test_a_swap_is_told_once_with_what_made_the_unit_hot() -> None:
    hot = hot_event(runs=1_204, time=1.0)
    later = "f: hot at 1,000 calls; ● -O3 8.6 ms later"
    assert lines(hot, event(SWAPPED, runs=482_763, time=1.0086)) == [f"{later}, after 482,763"]
    # The program waits meanwhile.
    assert lines(hot, event(SWAPPED, runs=1_000, time=1.0086)) == [later]
    loop = RunCounter.ITERATIONS
    assert lines(
        hot_event("f.for@1:2", runs=10_000, threshold=10_000, counter=loop),
        event(SWAPPED, "f.for@1:2", runs=10_001, counter=loop, time=1.5),
    ) == ["f.for@1:2: hot at 10,000 iterations; ● -O3 1,500.0 ms later, after 10,001"]


def test_what_is_hot_may_be_swapped_after_the_next_prompt() -> None:
    engine = Engine()
    notices = Notices(cast(Session, engine), changed=lambda: None)
    engine.tell(hot_event(runs=1_000, time=1.0))
    assert notices.take() == []
    engine.tell(event(SWAPPED, runs=1_000, time=1.002))
    assert notices.take() == ["f: hot at 1,000 calls; ● -O3 2.0 ms later"]


def test_a_caller_is_compiled_because_of_what_it_inlines() -> None:
    callee = Unit("kal.f", Signature("double", ("double",)), "", name="f")
    assert lines(event(SWAPPED, "sum", runs=5)._replace(hot_callee=callee)) == [
        "sum: ● -O3 in 2.4 ms, because f was hot"
    ]


@pytest.mark.parametrize(
    "before",
    [
        (),
        (hot_event(runs=3),),
        *((hot_event(runs=1_000), event(kind)) for kind in (EventKind.DEFINED, EventKind.COVERED)),
    ],
)
def test_what_was_not_hot_was_requested(before: tuple[Event, ...]) -> None:
    assert lines(*before, event(SWAPPED, runs=5)) == ["f: ● -O3 on request, in 2.4 ms"]


@pytest.mark.parametrize(
    "kind", [EventKind.DEFINED, EventKind.COMPILED, EventKind.HOT, EventKind.COVERED, EventKind.FAULTED]
)
def test_what_is_no_news(kind: EventKind) -> None:
    assert lines(event(kind, runs=5)) == []


def test_expressions_are_no_news() -> None:
    assert (
        lines(event(FREED, "entry-3:1:1", counter=RunCounter.NONE), event(SWAPPED, counter=RunCounter.NONE, runs=1))
        == []
    )


def test_a_loop_at_top_level_ends_unnoticed() -> None:
    name, loop = "entry-3.for@1:1", RunCounter.ITERATIONS
    freed, swapped = (event(kind, name, runs=10, counter=loop) for kind in (FREED, SWAPPED))
    assert lines(freed._replace(symbol=top_level_symbol(name))) == []
    assert len(lines(swapped._replace(symbol=top_level_symbol(name)))) == 1


def test_the_code_of_a_version_is_freed_at_once() -> None:
    assert lines(
        event(FREED, size=30),
        event(SWAPPED, "g"),
        event(FREED, size=12),
        event(FREED, version=2, size=5),
    ) == [
        "f: 42 bytes of version 1 freed",
        "g: ● -O3 on request, in 2.4 ms",
        "f: 5 bytes of version 2 freed",
    ]


def test_code_of_both_tiers_is_freed_in_one_line() -> None:
    baseline, optimized = (event(FREED, tier=tier, size=10) for tier in (Tier.BASELINE, Tier.OPTIMIZED))
    assert lines(baseline, optimized) == ["f: 20 bytes of version 1 freed"]
    assert lines(optimized, optimized) == ["f: 20 bytes of ● -O3 code of version 1 freed"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("stack overflow in f after 1,000 calls", "stack overflow after 1,000 calls"),
        ("stack overflow in fib after 1,000 calls", "stack overflow in fib after 1,000 calls"),
        ("interrupted in f", "interrupted"),
        ("interrupted", "interrupted"),
    ],
)
def test_the_line_of_a_fault_names_its_unit_once(message: str, shown: str) -> None:
    assert EventLines().line(event(EventKind.FAULTED, message=message)) == f"f: left before its end: {shown}"


def test_of_a_kind_six_are_shown() -> None:
    names = [f"f{number}" for number in range(8)]
    shown = lines(*(event(kind, name, message="g") for name in names for kind in (SWAPPED, DEOPTIMIZED)), event(FREED))
    assert [line.split()[0].rstrip(":") for line in shown[:12]] == [name for name in names[:6] for _ in range(2)]
    assert shown[12] == "f: 0 bytes of version 1 freed"
    assert [line[:7] for line in shown[13:]] == ["… and 2", "… and 2"]


def test_six_are_shown_in_full() -> None:
    assert len(lines(*(event(SWAPPED, f"f{number}") for number in range(6)))) == 6
    assert lines(*(event(SWAPPED, f"f{number}") for number in range(7)))[-1].startswith("… and 1 more ")


def test_code_that_is_freed_at_once_counts_once() -> None:
    freed = [event(FREED, f"f{number}", size=10) for number in range(2) for _ in range(2)]
    assert lines(*freed) == [f"f{number}: 20 bytes of version 1 freed" for number in range(2)]


def test_of_what_is_freed_two_are_shown() -> None:
    assert lines(*(event(FREED, f"f{number}") for number in range(5)))[2:] == ["… and 3 more freed"]


def test_news_is_told_once_and_until_the_end() -> None:
    engine, told = Engine(), list[None]()
    notices = Notices(cast(Session, engine), changed=lambda: told.append(None))
    engine.tell(event(EventKind.DEFINED))
    assert (told, notices.take()) == ([], [])
    engine.tell(event(SWAPPED))
    assert len(told) == 1
    assert (len(notices.take()), notices.take()) == (1, [])
    notices.close()
    engine.tell(event(SWAPPED))
    assert (len(told), notices.take()) == (1, [])


def test_a_swap_that_was_reported_is_dropped_once() -> None:
    with Session() as session:
        notices = Notices(session, changed=lambda: None)
        session.run("def f(x) x + 1 def g(x) x")
        for name in ("f", "g"):
            session.engine.optimize(session[name].unit.symbol)
        notices.drop(session["f"].unit.symbol, SWAPPED)
        assert [line.partition(":")[0] for line in notices.take()] == ["g"]
        session.run("def f(x) x + 2")
        session.engine.optimize(session["f"].unit.symbol)
        assert any(line.startswith("f: ● -O3 on request") for line in notices.take())
        notices.close()


def test_only_events_of_the_kind_that_was_reported_are_dropped() -> None:
    engine = Engine()
    notices = Notices(cast(Session, engine), changed=lambda: None)
    engine.tell(event(SWAPPED, runs=5), event(DEOPTIMIZED, message="on request"))
    notices.drop("kal.f", DEOPTIMIZED)
    assert notices.take() == ["f: ● -O3 on request, in 2.4 ms"]


def test_of_a_session() -> None:
    with Session(jit="sync", threshold=10) as session:
        notices = Notices(session, changed=lambda: None)
        session.run("def f(x) x; def g(x) 1 + f(x); f(1); g(1)")
        assert notices.take() == []
        session.engine.optimize(session["g"].unit.symbol)
        session.run("f(1) f(1) f(1) f(1) f(1) f(1) f(1) f(1)")
        swapped = notices.take()
        assert [re.sub(r"[\d.]+ ms", "# ms", line) for line in swapped] == [
            "g: ● -O3 on request, in # ms",
            "f: hot at 10 calls; ● -O3 # ms later",
        ]
        session.run("def f(x) x + 1")
        assert notices.take()[0] == "g deoptimized, ● -O3 → ○ -O0: f has changed"
        assert session["g"].tier is Tier.BASELINE
