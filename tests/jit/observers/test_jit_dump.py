"""The file for `perf inject`: its records, the lines of machine code, and the real perf where it is."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kaleido.jit import Engine, Event, EventKind, Policy, Signature, Tier, Unit
from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.llvm import Target
from kaleido.jit.native.line_tables import line_table
from kaleido.jit.observers import JitDump
from tests.jit.helpers import sync
from tests.jit.tiny import unit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="perf is a tool of Linux")


def mixed(folder: str = "/some/where", version: int = 5) -> Unit:
    """A loop with debugging information: line 3 computes, line 4 counts, line 5 returns."""
    return Unit(
        "mixed",
        Signature("i64", ("i64",)),
        f"""
define tailcc i64 @mixed.impl(i64 %n) nounwind !dbg !3 {{
  br label %loop, !dbg !6
loop:
  %i = phi i64 [ %n, %0 ], [ %j, %loop ], !dbg !6
  %s = phi i64 [ 0, %0 ], [ %t, %loop ], !dbg !6
  %m = mul i64 %s, %i, !dbg !7
  %t = xor i64 %m, %i, !dbg !7
  %j = sub i64 %i, 1, !dbg !8
  %c = icmp ne i64 %j, 0, !dbg !8
  br i1 %c, label %loop, label %done, !dbg !8
done:
  ret i64 %s, !dbg !9
}}
!llvm.module.flags = !{{!0, !10}}
!llvm.dbg.cu = !{{!1}}
!0 = !{{i32 2, !"Debug Info Version", i32 3}}
!1 = distinct !DICompileUnit(language: DW_LANG_C, file: !2, emissionKind: FullDebug)
!2 = !DIFile(filename: "mixed.toy", directory: "{folder}")
!3 = distinct !DISubprogram(name: "mixed", file: !2, line: 1, type: !4, spFlags: DISPFlagDefinition, unit: !1)
!4 = !DISubroutineType(types: !5)
!5 = !{{null}}
!6 = !DILocation(line: 2, column: 1, scope: !3)
!7 = !DILocation(line: 3, column: 1, scope: !3)
!8 = !DILocation(line: 4, column: 1, scope: !3)
!9 = !DILocation(line: 5, column: 1, scope: !3)
!10 = !{{i32 2, !"Dwarf Version", i32 {version}}}
""",
    )


class Record(NamedTuple):
    kind: int
    time: int
    content: bytes


def records(path: Path) -> Iterator[Record]:
    data = path.read_bytes()
    magic, version, at, machine, _, _, _, flags = struct.unpack_from("<IIIIIIQQ", data)
    assert (magic, version, machine, flags) == (0x4A695444, 1, 62, 0)
    while at < len(data):
        kind, size, time = struct.unpack_from("<IIQ", data, at)
        yield Record(kind, time, data[at + 16 : at + size])
        at += size
    assert at == len(data)


def test_code_and_lines_are_written_as_they_are_loaded(tmp_path: Path) -> None:
    with Engine(sync(3)) as engine, Engine() as other:
        dump, same = JitDump(engine, tmp_path), JitDump(other, tmp_path)
        assert dump.path == same.path
        engine.define(mixed(str(tmp_path)))
        engine.call("mixed", 1)
        baseline = engine.describe("mixed")
        engine.optimize("mixed")
        optimized = engine.describe("mixed")
        other.define(unit("(define (other x) x)"))
        other.call("other", 1)
        found = list(records(dump.path))
        assert [each.kind for each in found] == [2, 0, 2, 0, 0]
        assert [each.time for each in found] == sorted(each.time for each in found)
        names = [each.content[40:].partition(b"\0")[0] for each in found if each.kind == 0]
        assert names == [b"mixed [O0]", b"mixed [O3]", b"other [O0]"]
        numbers = [struct.unpack_from("<IIQQQQ", each.content) for each in found if each.kind == 0]
        assert [each[2:5] for each in numbers[:2]] == [
            (baseline.address, baseline.address, baseline.code_bytes[Tier.BASELINE]),
            (optimized.address, optimized.address, optimized.code_bytes[Tier.OPTIMIZED]),
        ]
        assert [each[5] - numbers[0][5] for each in numbers] == [0, 1, 2]
        assert all(len(each.content.partition(b"\0")[2]) > 0 for each in found)
        address, count = struct.unpack_from("<QQ", found[0].content)
        assert address == baseline.address and found[0].content.count(f"{tmp_path}/mixed.toy".encode()) == count > 3
        dump.close()
        engine.deoptimize("mixed")
        engine.optimize("mixed")
        assert len(list(records(dump.path))) == 5


def test_a_file_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    with Engine() as engine, pytest.raises(OSError, match="nowhere"):
        JitDump(engine, tmp_path / "nowhere")


@pytest.mark.parametrize("version", [4, 5])
def test_lines_are_those_of_the_debugging_information(version: int) -> None:
    with Engine(Policy(background=False)) as engine:
        events: list[Event] = []
        engine.subscribe(events.append, lines=True)
        engine.define(mixed(version=version), unit("(define (plain x) x)"))
        engine.call("mixed", 1)
        engine.call("plain", 1)
        engine.optimize("mixed")
        before, plain, after = (each for each in events if each.kind is EventKind.LOADED)
        assert plain.lines == ()
        for event in (before, after):
            # DWARF 4 has no folder in this table.
            assert {file for _, file, _ in event.lines} == {"/some/where/mixed.toy" if version == 5 else "mixed.toy"}
            assert {3, 4, 5} <= {line for _, _, line in event.lines}
            places = [address for address, _, _ in event.lines]
            assert places == sorted(places) and places[0] == event.address
            assert places[-1] < event.address + event.size
        # Debugging information is no reason to take LLVM's linker.
        assert engine.memory().arenas == 1


def test_what_is_no_line_table_has_no_lines() -> None:
    data = Compiler(Target(Policy()), None).compile([mixed()], Tier.OPTIMIZED).data
    rows = line_table(data)
    assert {row.line for row in rows} >= {3, 4, 5}
    for end in range(0, len(data), 7):
        assert len(line_table(data[:end] + b".debug_line")) <= len(rows)
    for at in range(0, len(data), 3):
        line_table(data[:at] + b"\xff" + data[at + 1 :])


SCRIPT = """
import sys
from kaleido.jit import Engine, Policy
from kaleido.jit.observers import JitDump
from tests.jit.observers.test_jit_dump import mixed

with Engine(Policy(background=False)) as engine:
    JitDump(engine, sys.argv[1])
    engine.define(mixed(sys.argv[1]))
    engine.call("mixed", 10)
    engine.optimize("mixed")
    engine.call("mixed", 40_000_000)
"""


def test_perf_shows_source_lines(tmp_path: Path) -> None:
    if shutil.which("perf") is None:
        pytest.skip("no perf")

    def perf(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["perf", *arguments], capture_output=True, text=True, timeout=120, cwd=tmp_path)

    (tmp_path / "mixed.toy").write_text("one\ntwo\nthree computes\nfour counts\nfive returns\n")
    data, jitted = tmp_path / "perf.data", tmp_path / "perf.jit.data"
    run = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{SCRIPT}", str(tmp_path)]
    done = perf("record", "-q", "-k", "mono", "-e", "cpu-clock:u", "-o", str(data), *run)
    if not data.exists() or not data.stat().st_size:
        pytest.skip(f"perf cannot record: {done.stderr.strip()[:80]}")
    injected = perf("inject", "--jit", "-i", str(data), "-o", str(jitted))
    if not list(tmp_path.glob("jitted-*.so")):
        pytest.skip(f"perf cannot inject: {injected.stderr.strip()[:80]}")
    shown = perf("report", "-i", str(jitted), "--stdio", "--sort", "symbol").stdout
    if "%" not in shown:
        pytest.skip("perf has recorded no samples")
    assert re.search(r"mixed \[O3\]", shown)
    annotated = perf("annotate", "-i", str(jitted), "--stdio", "mixed [O3]").stdout
    assert "imul" in annotated and "three computes" in annotated
