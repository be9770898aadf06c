"""A program under GDB: lines, variables, frames and steps, with the real debugger where it is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kaleido import Session
from kaleido.jit import Tier

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these tools are those of Linux")

DEBUGGED = """\
def g(x)
  x * 3
def f(n)
  var s = 0, t = n in
    (for i = 1, i < n in
       s = s + g(t) * i) :
    s
f(5)
"""


def debugged(folder: Path, mode: str, *commands: str) -> str:
    """What gdb shows of the program above, from its first breakpoint on."""
    if shutil.which("gdb") is None:
        pytest.skip("no gdb")
    (folder / "demo.kal").write_text(DEBUGGED)
    setup = ["set confirm off", "set breakpoint pending on", "handle SIGSEGV SIGURG nostop noprint pass"]
    arguments = [word for command in (*setup, *commands) for word in ("-ex", command)]
    program = [sys.executable, "-m", "kaleido", "--no-cache", f"--jit={mode}", "--threshold=3", "--gdb", "demo.kal"]
    path = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    done = subprocess.run(
        ["gdb", "-nx", "-q", "-batch", *arguments, "--args", *program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.stdout[done.stdout.find("hit Breakpoint") :]


def test_gdb_steps_through_calls_and_iterations_and_into_the_next_tier(tmp_path: Path) -> None:
    steps = ["step"] * 17
    shown = debugged(tmp_path, "sync", "break f", "run", *steps, "backtrace 2", "print s", "delete", "continue")
    assert re.search(r"f \(n=5\) at demo.kal:4\n4\t  var s = 0, t = n in", shown)
    assert re.search(r"\n1\tdef g\(x\)\n2\t  x \* 3\n", shown)
    # After three iterations the loop is optimized code, with `g` inlined; the frame around it is the one it was.
    assert re.search(
        r"#0 .*f.for@5:6 \(i=4, s=.*, t=5, n=5\) at demo.kal:[56]\n#1 .* in f \(n=5\) at demo.kal:5\n", shown
    )
    assert re.search(r"\n\$1 = \d+", shown)
    assert "exited normally" in shown


@pytest.mark.parametrize("mode", ["O0", "O3"])
def test_gdb_stops_at_lines_and_shows_variables_of_a_loop(mode: str, tmp_path: Path) -> None:
    commands = ["break demo.kal:6", "run", "print i + t", "backtrace 2", "up", "info locals"]
    shown = debugged(tmp_path, mode, *commands)
    assert re.search(r"f.for@5:6 \(i=1, s=0, t=5, n=5\) at demo.kal:6\n6\t       s = s", shown)
    assert re.search(r"\n\$1 = 6\n#0 .*\n#1 .*f \(n=5\) at demo.kal:5\n", shown)
    assert re.search(r"\ni = 1\nt = 5\ns = 0\n", shown)


@pytest.mark.parametrize("tier", Tier)
def test_debug_information_is_valid(tier: Tier, tmp_path: Path) -> None:
    if shutil.which("llvm-dwarfdump") is None:
        pytest.skip("no llvm-dwarfdump")
    with Session(jit="O3" if tier is Tier.OPTIMIZED else "O0", debug=True) as session:
        session.run(DEBUGGED + "def fib(n) if n < 2 then n else fib(n-1) + fib(n-2)\nfib(5)", "demo.kal")
        address = session.engine.describe("kal.f").address
        assert address is not None
        files = {"loaded": session.engine.debug_file(address), "ahead": session.engine.object_file("kal.f", "kal.fib")}
    for name, data in files.items():
        path = tmp_path / f"{name}.o"
        path.write_bytes(data)
        shown = subprocess.run(["llvm-dwarfdump", "--verify", path], capture_output=True, text=True, timeout=60)
        assert shown.returncode == 0, shown.stdout
        dump = subprocess.run(["llvm-dwarfdump", path], capture_output=True, text=True, timeout=60).stdout
        assert 'DW_AT_name\t("f")' in dump
        assert 'DW_AT_name\t("f.for@5:6")' in dump


def test_the_machine_code_is_written_for_perf(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kaleido", "--jitdump", "-c", "def f(x) x * x\nf(3)"]
    path = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, timeout=60)
    [dump] = tmp_path.glob("jit-*.dump")
    assert (done.stdout, done.stderr) == (b"9.0\n", b"")
    assert dump.read_bytes().startswith(b"DTiJ")
    assert b"f [O0]\0" in dump.read_bytes()
