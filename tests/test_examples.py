"""The example programs of the tutorial, each in every mode: they print what their comments say.

The thresholds are the usual ones, since what becomes hot, and when, is what the examples are about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from kaleido import Session, cli
from kaleido.diagnostics import Source
from kaleido.jit import Event, EventKind
from tests.compiled_once import CompiledOnce
from tests.reference import OutOfSteps, Reference
from tests.test_language import PRELUDE, Outcome, check, expectations, read

FOLDER = Path(__file__).parents[1] / "tutorials" / "examples"
EXAMPLES = sorted(FOLDER.glob("*.kal"))
MODES: dict[str, Sequence[str]] = {
    "O0": ["--jit=O0"],
    "O3": ["--jit=O3"],
    "sync": ["--jit=sync"],
    "sync1": ["--jit=sync", "--threshold=1"],
    "tiered": ["--jit=tiered"],
}
# The steps that the reference evaluator does of an example: two seconds at most.
REFERENCE_STEPS = 3_000_000
# These run for millions of rounds. What they print within those steps, they print within these.
LONG = ("collatz", "even_odd", "fib", "kaprekar", "mandelbrot", "operators", "primes")
REFERENCE_STEPS_OF_LONG = 200_000

examples = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)


def by_reference(example: Path) -> tuple[str, bool]:
    """What the reference evaluator prints within its steps, and whether that is all."""
    steps = REFERENCE_STEPS_OF_LONG if example.stem in LONG else REFERENCE_STEPS
    reference, finished = Reference(Source("prelude", PRELUDE.read_text("utf-8")), steps), True
    try:
        reference.run(Source(str(example), read(example)))
    except OutOfSteps:
        finished = False
    return reference.output.decode(), finished


def test_the_table_has_each_example_once() -> None:
    listed = re.findall(r"^\| \[(\w+\.kal)\]\(\1\) \| .+ \|$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == [example.name for example in EXAMPLES]
    assert len(listed) >= 12


@examples
def test_it_says_what_it_does_and_what_it_prints(example: Path) -> None:
    assert read(example).startswith("# ")
    expected = expectations(example)
    assert expected.lines, "there is no `# expect:` in this example"
    assert expected.error is None


@examples
@pytest.mark.parametrize("options", MODES.values(), ids=MODES)
def test_every_mode(
    example: Path, options: Sequence[str], compiled: CompiledOnce, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with compiled.block():
        code = cli.run([*options, str(example)])
    output, errors = capfdbinary.readouterr()
    assert (code, errors) == (0, b"")
    check(Outcome(output), expectations(example))


@examples
def test_reference(example: Path) -> None:
    output, finished = by_reference(example)
    expected = "".join(f"{line}\n" for line in expectations(example).lines)
    assert output and expected.startswith(output)
    assert finished == (example.stem not in LONG)
    assert (output == expected) == finished


@examples
@pytest.mark.usefixtures("capfd")
def test_something_becomes_hot(example: Path) -> None:
    events: list[Event] = []
    with Session(jit="sync") as session:
        session.subscribe(events.append)
        session.run(read(example), str(example))
    assert EventKind.SWAPPED in {event.kind for event in events}
