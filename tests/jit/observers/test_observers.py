"""Names of machine code for tools outside: the file for perf, GDB's interface; with the real tools where they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kaleido.jit import Engine, Event, EventKind, Policy, Tier
from kaleido.jit.observers import PerfMap, perf_map, process_files
from kaleido.jit.observers.code_events import Code
from kaleido.jit.observers.elf_symbols import symbol_file
from tests.jit.helpers import sync
from tests.jit.tiny import unit, units

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these tools are those of Linux")

PROGRAM = "(define (inner x) (+ x 1)) (define (outer x) (* 2 (inner x)))"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(perf_map, "_FOLDER", tmp_path)
    return tmp_path


def lines(path: Path) -> list[tuple[int, int, str]]:
    found = [line.split(maxsplit=2) for line in path.read_text().splitlines()]
    return [(int(address, 16), int(size, 16), name) for address, size, name in found]


@pytest.mark.parametrize("policy", [sync(3), Policy(baseline=False)])
def test_all_code_is_loaded_once_with_its_address(policy: Policy) -> None:
    with Engine(policy) as engine:
        events: list[Event] = []
        engine.subscribe(events.append)
        engine.define(*units(PROGRAM))
        for _ in range(5):
            assert engine.call("outer", 1) == 4
            for each in engine.stats():
                loaded = [event for event in events if event.kind is EventKind.LOADED and event.unit == each.name]
                if each.tier is not None:
                    assert (loaded[-1].address, loaded[-1].tier) == (each.address, each.tier)
                    assert loaded[-1].size == each.code_bytes[each.tier]
        engine.define(unit("(define (inner x) x)"))
        freed = {(event.address, event.tier) for event in events if event.kind is EventKind.FREED}
        assert freed <= {(event.address, event.tier) for event in events if event.kind is EventKind.LOADED}
        assert freed


def test_the_map_has_a_line_for_each_code(folder: Path) -> None:
    with Engine(sync(2)) as engine:
        engine.define(*units(PROGRAM))
        engine.call("inner", 1)
        observer = PerfMap(engine)
        assert observer.path == folder / f"perf-{os.getpid()}.map"
        inner = engine.describe("inner").address
        assert lines(observer.path) == [(inner, engine.describe("inner").code_bytes[Tier.BASELINE], "inner [O0]")]
        for _ in range(3):
            engine.call("outer", 1)
        assert [name for _, _, name in lines(observer.path)][1:] == ["outer [O0]", "inner [O3]", "outer [O3]"]
        assert oct(observer.path.stat().st_mode)[-3:] == "600"
        # A second engine adds to the file.
        with Engine() as other:
            PerfMap(other)
            other.define(unit("(define (other x) x)"))
            other.call("other", 1)
        assert len(lines(observer.path)) == 5
        observer.close()
        engine.optimize("inner")
        engine.define(unit("(define (inner x) x)"))
        engine.call("outer", 1)
        assert len(lines(observer.path)) == 5


def test_a_map_of_an_earlier_process_is_overwritten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_files, "_opened", set())
    path = folder / f"perf-{os.getpid()}.map"
    path.write_text("1 2 stale\n")
    os.utime(path, (1, 1))
    with Engine() as engine:
        PerfMap(engine)
        assert path.read_text() == ""
    # And one that another part of this process writes is kept.
    monkeypatch.setattr(process_files, "_opened", set())
    path.write_text("1 2 other\n")
    with Engine() as engine:
        PerfMap(engine)
        assert path.read_text() == "1 2 other\n"


@pytest.mark.parametrize("kind", ["link", "second name", "folder", "pipe"])
def test_a_map_that_is_not_a_file_of_its_own_is_refused(kind: str, folder: Path) -> None:
    victim, path = folder / "victim", folder / f"perf-{os.getpid()}.map"
    victim.write_text("mine")
    match kind:
        case "link":
            path.symlink_to(victim)
        case "second name":
            os.link(victim, path)
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    with Engine() as engine, pytest.raises(OSError, match=path.name):
        PerfMap(engine)
    assert victim.read_text() == "mine"


def test_a_symbol_file_names_addresses(tmp_path: Path) -> None:
    path = tmp_path / "symbols"
    path.write_bytes(symbol_file([Code("f [O0]", 0x7F0000001000, 32), Code("g [O3]", 0x7F0000001040, 8)]))
    if shutil.which("readelf") is None:
        pytest.skip("no readelf")
    shown = subprocess.run(["readelf", "-W", "-a", path], capture_output=True, text=True, timeout=60)
    assert shown.stderr == ""
    assert re.search(r"00007f0000001000 +32 FUNC +GLOBAL DEFAULT +1 f \[O0\]", shown.stdout)
    assert re.search(r"\.text +NOBITS +00007f0000001000 000000 000048 00  AX", shown.stdout)


# The real tools


SCRIPT = """
import os, sys
from pathlib import Path
import kaleido
from kaleido.jit.observers import GdbInterface, PerfMap, perf_map

perf_map._FOLDER = Path(PLACE)

session = kaleido.Session(jit="sync", threshold=3)
observers = [kind(session.engine) for kind in (GdbInterface, PerfMap)]
session.run("def inner(n) if n < 1 then sin(n) else inner(n-1) + 1  def outer(n) inner(n) * 2")
session.run("def work(n) var s in (for i = 1, i < n in s = s + sin(i)) : s")
for _ in range(5):
    session.run("outer(3) work(100)")
print(session.run(sys.argv[1]))
session.run("def inner(n) n")
print(session.run("outer(3)"))
print("pid", os.getpid())
"""


def gdb(script: Path, *commands: str) -> str:
    if shutil.which("gdb") is None:
        pytest.skip("no gdb")
    setup = ["set confirm off", "set breakpoint pending on", "handle SIGSEGV SIGURG nostop noprint pass"]
    arguments = [word for command in (*setup, *commands) for word in ("-ex", command)]
    command = ["gdb", "-nx", "-q", "-batch", *arguments, "--args", sys.executable, str(script), "outer(5)"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert "internal-error" not in done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script, which writes the map beside itself."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.replace("PLACE", repr(str(tmp_path)), 1))
    return path


def test_gdb_shows_names_and_stops_at_them(script: Path) -> None:
    shown = gdb(
        script,
        "break 'inner [O3]'",
        "run",
        "backtrace 2",
        "info symbol $pc",
        "info proc mappings",
        "delete",
        "continue",
    )
    assert re.search(r"#0 .* in inner \[O3\] \(\)\n#1 .* in (inner|outer) \[O[03]\] \(\)", shown)
    assert "inner [O3] in section .text of <in-memory@" in shown
    # The mappings of code: readable and executable, never writable, too.
    address = re.search(r"#0 +0x([0-9a-f]+) in inner", shown)
    assert address is not None
    mapping = next(
        found
        for found in re.finditer(r"0x([0-9a-f]+) +0x([0-9a-f]+) +0x[0-9a-f]+ +0x[0-9a-f]+ +([-rwxp]+)", shown)
        if int(found[1], 16) <= int(address[1], 16) < int(found[2], 16)
    )
    assert mapping[3] == "r-xp"
    # The program goes on: values, redefinition, and the end.
    assert "8.12" not in shown
    assert re.search(r"\n10\.0\n6\.0\n(.*\n)*\[Inferior 1 \(process \d+\) exited normally\]", shown)


def test_code_without_debug_information_has_no_file() -> None:
    with Engine() as engine:
        engine.define(unit("(define (f x) x)"))
        engine.call("f", 1)
        address = engine.describe("f").address
        assert address is not None
        assert engine.debug_file(address) == b""
        assert engine.debug_file(0) == b""


def test_gdb_survives_code_that_it_knows_nothing_of(script: Path) -> None:
    script.write_text(script.read_text().replace("(GdbInterface, PerfMap)", "()"))
    shown = gdb(script, "break sin", "run", "backtrace 3", "info threads", "delete", "continue")
    assert re.search(r"\n#0 .*\n#1 ", shown)
    assert "exited normally" in shown


def test_perf_shows_names(script: Path, tmp_path: Path) -> None:
    if shutil.which("perf") is None:
        pytest.skip("no perf")
    data = tmp_path / "perf.data"
    # perf looks for the map in one folder only.
    script.write_text(script.read_text().replace(repr(str(tmp_path)), "'/tmp'", 1))
    record = [
        "perf",
        "record",
        "-q",
        "-o",
        str(data),
        "-e",
        "cpu-clock:u",
        sys.executable,
        str(script),
        "work(10000000)",
    ]
    done = subprocess.run(record, capture_output=True, text=True, timeout=120)
    if not data.exists() or not data.stat().st_size:
        pytest.skip(f"perf cannot record: {done.stderr.strip()[:80]}")
    try:
        _check_report(data)
    finally:
        for pid in re.findall(r"^pid (\d+)$", done.stdout, re.MULTILINE):
            Path(f"/tmp/perf-{pid}.map").unlink(missing_ok=True)


def _check_report(data: Path) -> None:
    report = ["perf", "report", "-i", str(data), "--stdio", "--sort", "symbol"]
    shown = subprocess.run(report, capture_output=True, text=True, timeout=120).stdout
    if "%" not in shown:
        pytest.skip("perf has recorded no samples")
    assert re.search(r"work \[O3\]", shown)
