"""kaleido/code_views: IR and assembly with places in the source, and what LLVM's passes have changed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kaleido import Session
from kaleido.code_views import view
from kaleido.code_views.passes import passes
from kaleido.codegen.mangling import symbol
from kaleido.diagnostics import KaleidoError, Source
from kaleido.jit import Tier, Unit
from kaleido.jit.compiling import pass_changes
from kaleido.jit.compiling.debug_metadata import with_variables
from kaleido.report.listing import assembly_listing, ir_listing
from tests.jit.compiling.test_debug_metadata import modules
from tests.test_language import PROGRAMS, read

EXAMPLES = sorted((Path(__file__).parents[1] / "tutorials" / "examples").glob("*.kal"))

PROGRAM = """\
def g(x)
  x * 3
def f(n)
  var s = 0, t = n in
    (for i = 1, i < n in
       s = s + g(t) / i) :
    s
def fib(n)
  if n < 2 then n
  else fib(n - 1) +
       fib(n - 2)
"""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(jit="O0") as session:
        session.run(PROGRAM, "demo.kal")
        yield session


class Sources:
    """The indexes of source texts, as a recorder would number them."""

    def __init__(self) -> None:
        self.known: list[tuple[str, str]] = []

    def __call__(self, name: str, text: str) -> int:
        if (name, text) not in self.known:
            self.known.append((name, text))
        return self.known.index((name, text))


def viewed(session: Session, name: str, tier: Tier, **options: Any) -> dict[str, Any]:
    return view(session.engine, session.engine.inline_group(symbol(name), tier), tier, Sources(), **options)


def places(found: dict[str, Any], form: str, text: str) -> list[Any]:
    """The places of the lines with a text."""
    return [place for line, place in zip(found[form], found[f"{form}_lines"], strict=True) if text in line]


# Each instruction has the place of the expression that it computes.


def test_ir_at_the_baseline(session: Session) -> None:
    found = viewed(session, "g", Tier.BASELINE)
    assert found["ir"][0] == "define tailcc double @kal.g.impl(double %x.1) {"
    assert found["ir_lines"][0] is None
    assert places(found, "ir", "load") == [[0, 2, 3]]
    assert places(found, "ir", "fmul") == [[0, 2, 5]]
    assert places(found, "ir", "ret") == [[0, 2, 5]]
    assert not [line for line in found["ir"] if "!" in line or "#" in line]


def test_assembly_at_the_baseline(session: Session) -> None:
    found = viewed(session, "g", Tier.BASELINE)
    assert places(found, "assembly", "mul") == [[0, 2, 5]]
    assert places(found, "assembly", "kal.g.impl:") == [None]
    assert not [line for line in found["assembly"] if line.lstrip().startswith((".loc", ".file", ".cfi", ".section"))]


def test_inlined_code_is_marked_even_where_it_was_moved_out_of_the_loop(session: Session) -> None:
    found = viewed(session, "f", Tier.OPTIMIZED)
    for form in ("ir", "assembly"):
        assert places(found, form, "mul") == [[0, 2, 5, "kal.g"]], form
        for place in places(found, form, "div"):
            assert place[:3] == [0, 6, 21], form
            assert place[3].startswith("kal.f.for@5:6#"), form


def test_copies_of_a_recursive_function_are_no_other_unit(session: Session) -> None:
    found = viewed(session, "fib", Tier.OPTIMIZED)
    additions = places(found, "ir", " = add i64 ") + places(found, "ir", " = add nsw i64 ")
    assert len(additions) > 1
    # Those of a call's arguments are at the call.
    assert {tuple(place) for place in additions} <= {(0, 10, 8), (0, 11, 8)}


def test_a_callee_that_is_not_inlined_is_in_its_own_function() -> None:
    with Session(jit="O0") as session:
        session.run("def g(x) if x < 1 then 0 else 1 + g(x - 1)\ndef f(x) g(x) * 2", "demo.kal")
        found = viewed(session, "f", Tier.OPTIMIZED)
    inside = {tuple(place[3:]) for place in found["ir_lines"] if place is not None and place[1] == 1}
    # Where it is inlined, it is marked; in its own function, it is not.
    assert inside <= {(), ("kal.g",)} and () in inside


def test_sources_of_a_view_are_numbered_by_name_and_text() -> None:
    with Session(jit="O0") as session:
        session.run("def g(x) x * 2", "<entry 1>")
        session.run("def f(x)\n  g(x) + 1", "<entry 2>")
        sources = Sources()
        group = session.engine.inline_group("kal.f", Tier.OPTIMIZED)
        found = view(session.engine, group, Tier.OPTIMIZED, sources)
    assert sources.known == [("<entry 2>", "def f(x)\n  g(x) + 1"), ("<entry 1>", "def g(x) x * 2")]
    assert {place[0] for place in found["ir_lines"] if place} == {0, 1}


def test_a_version_that_was_replaced_can_be_viewed() -> None:
    with Session(jit="O0") as session:
        session.run("def f(x) x * 2", "<entry 1>")
        group = session.engine.inline_group("kal.f", Tier.OPTIMIZED)
        session.run("def f(x) x + 2", "<entry 2>")
        found = view(session.engine, group, Tier.OPTIMIZED, Sources())
    assert places(found, "ir", "fmul") == [[0, 1, 12]]


def test_a_unit_without_a_source_has_no_places(session: Session) -> None:
    found = viewed(session, "printd", Tier.BASELINE)
    assert set(found["ir_lines"]) == {None}


def test_values_of_different_units_have_different_names(session: Session) -> None:
    for name in ("f", "fib"):
        for line in viewed(session, name, Tier.OPTIMIZED)["ir"]:
            assert "origin" not in line
        names = [line.split(" = ")[0] for line in viewed(session, name, Tier.OPTIMIZED)["ir"] if " = " in line]
        assert name == "fib" or len(names) == len(set(names))


# The code is the one that runs


def sampled() -> list[Path]:
    return [*EXAMPLES, *sorted(each for each in PROGRAMS.rglob("*.kal") if each.parent.name != "errors")[::8]]


def groups_of_the_last_expression(program: Path) -> dict[Tier, list[Unit]]:
    """The units that the last expression of a program is compiled with, as far as the program has no error."""
    found: dict[Tier, list[Unit]] = {}
    with Session(jit="O0") as session, suppress(KaleidoError):
        for unit in session.units(Source(program.name, read(program))):
            group = session.engine.inline_group(unit.symbol, Tier.OPTIMIZED)
            if unit.symbol.startswith("top."):
                found = {Tier.OPTIMIZED: group, Tier.BASELINE: [each for root in group for each in root.with_nested()]}
    return found


@pytest.mark.parametrize("program", sampled(), ids=lambda path: path.stem)
def test_code_with_debug_information_has_the_same_bits(program: Path) -> None:
    for tier, group in groups_of_the_last_expression(program).items():
        distinct = list({unit.symbol: unit for unit in group}.values())
        assert modules([with_variables(unit, tier) for unit in distinct], tier)[1] == modules(distinct, tier)[1]


def test_a_view_shows_the_code_that_runs(session: Session) -> None:
    for name in ("f", "g", "fib"):
        for tier in Tier:
            found = viewed(session, name, tier)
            assembly = assembly_listing(session.engine.assembly(symbol(name), tier)).splitlines()
            assert found["assembly"] == assembly
            # Values that get the same name from LLVM, which adds a number to it, may get another number.
            assert unnumbered(found["ir"]) == unnumbered(ir_listing(session.engine.ir(symbol(name), tier)).splitlines())


def unnumbered(lines: list[str]) -> list[str]:
    return [re.sub(r"%[-\w$.]+|^[-\w$.]+:", "%", line) for line in lines]


def test_a_report_has_views_of_the_code_that_ran() -> None:
    with Session(jit="sync", threshold=3) as session:
        recorder = session.record("demo.kal")
        session.run(PROGRAM + "f(5)", "demo.kal")
        report = recorder.report()
        recorder.close()
    [unit] = [unit for unit in report["units"] if unit["symbol"] == "kal.f"]
    codes = unit["versions"][0]["codes"]
    assert codes and all(code["view"] is not None for code in codes)
    found = report["views"][codes[0]["view"]]
    source, line, _ = next(place for place in found["ir_lines"] if place is not None)
    assert report["sources"][source]["name"] == "demo.kal"
    assert line in range(3, 8)


# Passes


def test_passes_begin_with_the_code_as_it_is_compiled_and_end_with_the_optimized_code(session: Session) -> None:
    found = viewed(session, "f", Tier.OPTIMIZED, passes=True)
    names = [each["name"] for each in found["passes"]]
    assert names[0] == "at start"
    assert "InlinerPass" in names
    assert all(each["function"] == "kal.f.impl" and each["assembly"] is None for each in found["passes"])
    first, last = found["passes"][0]["ir"], found["passes"][-1]["ir"]
    assert first[0] == "define tailcc double @kal.f.impl(double %n.1) {"
    assert any("call tailcc" in line for line in first)
    assert last == found["ir"][: found["ir"].index("}") + 1]
    for one, next in pairwise(found["passes"]):
        assert one["ir"] != next["ir"]


def test_passes_of_a_recursive_function_have_its_copies(session: Session) -> None:
    found = viewed(session, "fib", Tier.OPTIMIZED, passes=True)["passes"]
    copied = [each["function"] for each in found if each["name"] == "recursive inlining"]
    assert copied[:3] == ["kal.fib.impl", *(f"kal.fib.impl.counted.integers{each}" for each in ("", ".recursion.0"))]


def test_the_baseline_has_no_passes(session: Session) -> None:
    assert viewed(session, "f", Tier.BASELINE, passes=True)["passes"] == []


def test_passes_are_limited(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pass_changes, "_MOST_KEPT", 1000)
    found = passes(session.engine, session.engine.inline_group("kal.f", Tier.OPTIMIZED), Tier.OPTIMIZED)
    assert len(found) == 2
    assert re.fullmatch(r"\d+ more changes", found[-1]["name"])
    assert found[-1]["ir"] == []


def test_a_subprocess_that_fails_is_an_error(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(OSError, match="ended with 1"):
        viewed(session, "f", Tier.OPTIMIZED, passes=True)
