"""Samples of what the evaluation thread runs."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from kaleido.jit import Engine, Policy, Sample
from kaleido.jit.native import faults, samples
from kaleido.jit.running import stacks
from tests.jit.helpers import TIMEOUT
from tests.jit.tiny import units

pytestmark = pytest.mark.skipif(bool(faults.missing_protection()), reason=faults.missing_protection())

SPIN = "(define (spin n) (let i 0 (do (while (< i n) (set i (+ i 1))) i)))"


def test_samples_are_addresses_in_the_code_that_runs() -> None:
    with Engine(Policy(optimize=False)) as engine:
        engine.define(*units(SPIN))
        engine.call("spin", 1)
        sampler = engine.sampler()
        taken: list[Sample] = []
        begin = time.perf_counter()
        found: set[str] = set()
        while "spin.loop" not in found and time.perf_counter() < begin + TIMEOUT:
            engine.call("spin", 1_000_000)
            taken += [each for each in sampler.take() if each.addresses]
            found = {unit[0].label for each in taken for unit in map(engine.find, each.addresses) if unit is not None}
        assert found <= {"spin", "spin.loop"}
        assert "spin.loop" in found
        assert all(begin <= each.time <= time.perf_counter() for each in taken)
        assert sampler.seconds > 0
        sampler.close()
        sampler.close()
        assert sampler.take() == []


def test_a_program_is_sampled_from_its_first_call_on() -> None:
    with Engine(Policy(optimize=False)) as engine:
        engine.define(*units(SPIN))
        sampler = engine.sampler()
        engine.call("spin", 20_000_000)
        assert any(each.addresses for each in sampler.take())
        sampler.close()


def test_a_handler_of_the_application_is_left_alone() -> None:
    before = stacks.present_handler(signal.SIGPROF)
    signal.signal(signal.SIGPROF, lambda *_: None)
    try:
        with Engine() as engine, pytest.raises(OSError, match="the application handles SIGPROF"):
            engine.sampler()
    finally:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        if before:
            stacks.install_handler(signal.SIGPROF, before)


def test_the_handler_reads_the_thread_as_it_is() -> None:
    text = Path(samples.__file__).with_name("sampler.ll").read_text("ascii")
    fields = [name for name, *_ in faults.NativeThread._fields_]
    assert [line.split("; ")[1].split()[1] for line in text.splitlines() if "; 0 next" in line] == ["next"]
    for number, name in enumerate(fields[:5]):
        assert f"; {number} {name}" in text
    assert f"[{samples.WORDS - 3} x i64]" in text
    assert f"i64 {samples.WORDS * 8}, i1 false" in text


def test_a_ring_keeps_the_latest_samples() -> None:
    ring = samples.Ring()
    ring.attach(0)
    first = ring._written
    samples._HEAD.pack_into(ring._memory, 0, first + samples.CAPACITY + 5, samples.CAPACITY - 1, 0)
    assert len(ring.take()) == samples.CAPACITY
    assert ring.take() == []
    ring.close()
