"""A short search that is always the same, and the printer against every program there is."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import pytest

from kaleido.build.static_program import StaticProgram, static_program
from kaleido.codegen import builtin_operators
from kaleido.diagnostics import ParseError, Source
from kaleido.jit import Unit
from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.counted_recursion import with_counted_recursion
from kaleido.jit.compiling.specialization import Constants
from kaleido.jit.program.publication import Publisher
from kaleido.language.parser import parse
from kaleido.numpy_map.array_kernels import fold_kernel
from kaleido.session import Session
from kaleido.session.function_table import FunctionTable
from kaleido.session.snapshot import Snapshot
from tests.fuzz import search
from tests.fuzz.__main__ import program_case, program_file
from tests.fuzz.rewritings import REWRITINGS
from tests.fuzz.running import MODES, Difference
from tests.fuzz.search import Case, Finding, Search, check, made_small
from tests.fuzz.trees import check_printer
from tests.fuzz.vocabulary import TABLE
from tests.fuzz.watch import Watch, ends_badly
from tests.test_language import PROGRAMS, programs, read

TUTORIALS = sorted((PROGRAMS.parents[1] / "tutorials").rglob("*.kal"))


def test_random_programs_do_the_same_in_every_mode() -> None:
    search = Search()
    assert search.tiers(60, seed=0) is None
    # It is about hot code that is replaced and taken back: some of that has to have happened.
    assert search.counts["swapped"] > 200 and search.counts["deoptimized"] > 20
    assert search.counts["too long"] < 6
    # What the compiler does by itself has happened, too.
    assert not [name for name in REWRITINGS if not search.counts[name]]


def test_reader_takes_anything() -> None:
    assert Search().reader(400, seed=0) is None


def test_a_wrong_instruction_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(builtin_operators.ARITHMETIC, "binary/", "fadd")

    def differs(case: Case) -> bool:
        try:
            check(case, MODES[:1])
        except Difference as difference:
            return bool(difference.modes)
        return False

    case = Case("tiers", b"1 + 1; def f(x y) if x then (y + 0) / x else 0; printd(2); 1 * f(3, printd(4) : 5);")
    assert differs(case)
    assert made_small(case, differs, 60.0).data == b"def f(x y) 0 / x;\nf(3, 0);\n"


def test_a_search_finds_code_that_a_redefinition_left_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Publisher, "deoptimize_dependents", lambda *_: None)
    finding = found_by_search(monkeypatch)
    assert "of the output is" in finding.message
    assert finding.case.earlier == ()
    assert finding.case.data.count(b"def") > 1


def test_a_search_finds_an_instruction_that_is_wrong_at_o3_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    link = Compiler._linked_statically

    def link_wrong(self: Compiler, units: Sequence[Unit], constants: Constants) -> llvm.ModuleRef:
        wrong = [replace(unit, ir=unit.ir.replace("fdiv double", "fmul double")) for unit in units]
        return link(self, wrong, constants)

    monkeypatch.setattr(Compiler, "_linked_statically", link_wrong)
    finding = found_by_search(monkeypatch)
    assert finding.message.startswith("Difference: O3: ")
    assert b"/" in finding.case.data


def test_a_search_finds_a_step_that_a_counted_recursion_adds_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(module: str) -> str:
        return re.sub(r"(add nsw i64 %counted\S+), -2$", r"\1, -3", with_counted_recursion(module), flags=re.MULTILINE)

    monkeypatch.setattr("kaleido.jit.compiling.compiler.with_counted_recursion", wrong)
    # With this seed, the first program shows it.
    assert "O3: " in found_by_search(monkeypatch, seed=138).message


def test_a_search_finds_a_fold_in_the_wrong_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(name: str, kind: str) -> Unit:
        unit = fold_kernel(name, kind)
        call = re.search(r"call tailcc double \S+\((double \S+), (double \S+)\)", unit.ir)
        assert call is not None
        exchanged = call[0].replace(f"{call[1]}, {call[2]}", f"{call[2]}, {call[1]}")
        return replace(unit, ir=unit.ir.replace(call[0], exchanged))

    pytest.importorskip("numpy", reason="NumPy is not installed")
    monkeypatch.setattr("kaleido.numpy_map.folding.fold_kernel", backwards)
    assert found_by_search(monkeypatch).message.startswith("Difference: arrays: ")


def test_a_search_finds_what_a_program_leaves_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    difference = FunctionTable.difference

    def without_operators(table: FunctionTable, earlier: FunctionTable) -> Snapshot:
        return difference(table, earlier)._replace(operators=table.operators)

    monkeypatch.setattr(FunctionTable, "difference", without_operators)
    # With this seed, one of the first programs shows it.
    case = found_by_search(monkeypatch, seed=7).case
    assert any(b"binary" in each.data for each in case.earlier)
    assert program_case(program_file(case, "a note\nof two lines")) == case


def found_by_search(monkeypatch: pytest.MonkeyPatch, seed: int = 0) -> Finding:
    monkeypatch.setattr(search, "REDUCTION_SECONDS", 2.0)
    finding = Search().tiers(200, seed=seed)
    assert finding is not None
    return finding


def test_a_file_without_a_schedule_is_one_program() -> None:
    assert program_case(b"# a comment\n1;\n") == Case("tiers", b"# a comment\n1;\n")


def test_a_search_that_is_stopped_ends_at_once_and_has_found_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    started, follow = threading.Event(), Watch._follow

    def follow_worker(self: Watch, *arguments: Any) -> Any:
        started.set()
        return follow(self, *arguments)

    monkeypatch.setattr(Watch, "_follow", follow_worker)
    watch = Watch(seed=0)
    search = threading.Thread(target=watch.run, args=(600.0, lambda _: None))
    search.start()
    assert started.wait(60.0)
    watch.stop()
    search.join(60.0)
    assert not search.is_alive() and watch.findings == []


def test_a_program_that_ends_the_process_is_told_from_others() -> None:
    assert ends_badly(Case("tiers", b"extern abort(); abort();"))
    assert not ends_badly(Case("tiers", b"1;"))


@pytest.mark.parametrize("path", [*programs(), *TUTORIALS], ids=lambda path: path.name)
def test_printed_programs_are_read_as_what_they_were(path: Path) -> None:
    try:
        items = parse(Source(path.name, read(path)), TABLE)
    except ParseError:
        pytest.skip("not a program")
    check_printer(items, TABLE)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_an_executable_that_prints_something_else_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(session: Session, source: Source, **_: bool) -> StaticProgram:
        return static_program(session, source, quiet=True, functions=False)

    monkeypatch.setattr("tests.fuzz.running.static_program", silent)
    check(Case("tiers", b"1 + 1", seed=1))
    with pytest.raises(Difference, match=r"executable: line 1 of the output is b'', not b'2\.0'"):
        check(Case("tiers", b"1 + 1", seed=16))
