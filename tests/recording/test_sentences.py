"""A sentence for each event."""

from __future__ import annotations

from kaleido.jit import Event, EventKind, RunCounter, Signature, Tier, Unit
from kaleido.recording.sentences import Sentences


def event(kind: EventKind, unit: str, time: float, runs: int = 0, inlined: tuple[str, ...] = ()) -> Event:
    tier = Tier.OPTIMIZED if kind is EventKind.SWAPPED else Tier.BASELINE
    return Event(
        kind, unit, unit, time, 1, tier, runs=runs, counter=RunCounter.CALLS, threshold=1_000, inlined=inlined
    )  # fmt: skip


def unit(symbol: str) -> Unit:
    return Unit(symbol, Signature("double", ("double",)), "")


def sentences(*events: Event) -> list[str]:
    made = Sentences(str)
    return [made.sentence(each) for each in events]


def test_a_unit_that_was_hot_itself() -> None:
    *_, swapped = sentences(event(EventKind.HOT, "f", 1.0, 1_000), event(EventKind.SWAPPED, "f", 1.0042, 5_000))
    assert swapped == "f was hot at 1,000 calls; -O3 4.2 ms later, after 5,000"


def test_a_caller_is_compiled_because_of_what_it_inlines() -> None:
    swapped = event(EventKind.SWAPPED, "sum", 1.01, 5, ("binary:", "square"))
    assert sentences(swapped._replace(hot_callee=unit("square")), swapped._replace(hot_callee=unit("deep"))) == [
        "sum runs its -O3 code, because square was hot, which it inlines",
        "sum runs its -O3 code, because deep was hot, which it calls",
    ]


def test_a_request() -> None:
    assert sentences(event(EventKind.SWAPPED, "f", 1.0)) == ["f runs its -O3 code, on request"]
