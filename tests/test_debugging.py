"""A program under GDB and perf: lines, variables, frames, steps, callers; with the real tools where they are installed.

The blocks of README.md that show these tools, and `kaleido build`, are run as a reader would run them.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest

from kaleido import Session, cli
from kaleido.jit import Tier
from kaleido.tutorial.reader import agrees
from tests.terminals import leave, spawning

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


def debugged(folder: Path, mode: str, *commands: str, text: str = DEBUGGED) -> str:
    """What gdb shows of a program, from its first breakpoint on."""
    if shutil.which("gdb") is None:
        pytest.skip("no gdb")
    (folder / "demo.kal").write_text(text)
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
    steps = ["step"] * 14
    shown = debugged(tmp_path, "sync", "break f", "run", *steps, "backtrace 2", "delete", "continue")
    assert re.search(r"f \(n=5\) at demo.kal:4\n4\t  var s = 0, t = n in", shown)
    # A step into a function ends where its arguments can be read.
    assert re.search(r"\nf.for@5:6 \(i=1, s=0, t=5, n=5\) at demo.kal:6\n", shown)
    assert re.search(r"\ng \(x=5\) at demo.kal:2\n2\t  x \* 3\n", shown)
    # After three iterations the loop is optimized code, with `g` inlined; the frame around it is the one it was. In the
    # second iteration of that code, the variables that change are in registers, as long as the processor's code needs
    # them.
    assert re.search(
        r"#0 .*f.for@5:6 \(i=(5|<optimized out>), s=(150|<optimized out>), t=5, n=5\) at demo.kal:6\n"
        r"#1 .* in f \(n=5\) at demo.kal:5\n",
        shown,
    )
    assert "exited normally" in shown


@pytest.mark.parametrize("mode", ["O0", "O3"])
def test_gdb_stops_at_lines_and_shows_variables_of_a_loop(mode: str, tmp_path: Path) -> None:
    commands = ["break demo.kal:6", "run", "print i + t", "backtrace 2", "up", "info locals"]
    shown = debugged(tmp_path, mode, *commands)
    # In optimized code, what has not been stored yet may be in no register of the loop.
    first = "i=1, s=0" if mode == "O0" else "(i=1, )?s=(0|<optimized out>)"
    assert re.search(rf"f.for@5:6 \({first}, t=5, n=5\) at demo.kal:6\n6\t       s = s", shown)
    assert re.search(r"\n#0 .*\n#1 .*f \(n=5\) at demo.kal:5\n", shown)
    assert "\n$1 = 6\n" in shown or mode == "O3"
    assert re.search(r"\ni = 1\nt = 5\ns = 0\n", shown)


def test_gdb_attaches_to_a_repl(tmp_path: Path) -> None:
    if shutil.which("gdb") is None:
        pytest.skip("no gdb")
    commands = [
        *("set breakpoint pending on", "handle SIGSEGV SIGURG nostop noprint pass", "break '<entry 1>':2"),
        *("set confirm off", "echo ready\\n", "continue", "print x", "backtrace 3", "list"),
        *("delete", "finish", "print i", "step", "print x"),
    ]
    (temporary := tmp_path / "temporary").mkdir()
    places = {"XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "TMPDIR": str(temporary)}
    with spawning() as spawn:
        terminal = spawn(["-m", "kaleido", "--no-cache", "--jit=O0", "--gdb"], places, (40, 200))
        terminal.expect_exact("[1] kal>")
        # A paste is one entry of two lines.
        terminal.send("\x1b[200~def g(x)\n  x * 3\x1b[201~\r")
        terminal.expect_exact("[2] kal>")
        terminal.send("def f(n) var s = 0 in (for i = 1, i < n in s = s + g(i)) : s\r")
        terminal.expect_exact("[3] kal>")
        # In batch mode, gdb detaches at its end.
        attach = ["gdb", "-nx", "-q", "-batch", "-p", str(terminal.pid)]
        attach += [word for command in commands for word in ("-ex", command)]
        with subprocess.Popen(attach, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as gdb:
            assert gdb.stdout is not None
            before = "".join(takewhile(lambda line: line != "ready\n", gdb.stdout))
            terminal.send("f(5)\r")
            shown = gdb.stdout.read()
        terminal.expect_exact("45.0")
        assert leave(terminal, "\x04") == 0
    if "ptrace" in before:
        pytest.skip("gdb may not attach to a process")
    # The text of an entry is in a file for gdb.
    assert re.search(r"hit Breakpoint 1.*, g \(x=1\) at <entry 1>:2\n2\t  x \* 3\n", shown), shown
    assert "\n1\tdef g(x)\n2\t  x * 3\n" in shown and not list(temporary.iterdir())
    assert re.search(
        r"\n\$1 = 1\n#0 .*g \(x=1\) at <entry 1>:2\n"
        r"#1 .* in f.for@1:24 \(i=1, s=0, n=5\) at <entry 2>:1\n#2 .* in f \(n=5\) at <entry 2>:1\n",
        shown,
    )
    # A function that is finished returns to a frame whose variables are where they were. `step` enters the next call,
    # and stops where its argument can be read.
    assert re.search(r"\nValue returned is \$2 = 3\n\$3 = 1\ng \(x=2\) at <entry 1>:2\n.*\n\$4 = 2\n", shown), shown


@pytest.mark.parametrize("mode", ["O0", "O3"])
def test_gdb_shows_no_argument_that_a_call_has_overwritten(mode: str, tmp_path: Path) -> None:
    text = "def halvings(x)\n  if x < 2 then 0\n  else 1 + halvings(x / 2)\nhalvings(40)\n"
    shown = debugged(tmp_path, mode, "break demo.kal:2 if x < 2", "run", "backtrace 9", text=text)
    values = re.findall(r"^#\d .*halvings \(x=(.*?)\)", shown, re.MULTILINE)
    assert values[0] == "1.25"
    known = [float(each) for each in values if each != "<optimized out>"]
    assert known == sorted(known) and set(known) <= {1.25, 2.5, 5, 10, 20, 40}, shown
    assert mode == "O3" or known == [1.25, 2.5, 5, 10, 20, 40]


def test_variables_of_a_loop_that_counts_in_an_integer_are_never_out_of_date(tmp_path: Path) -> None:
    text = "def h()\n  var s = 1 in\n  (for i = 1, i < 1000 in\n     s = s / i + sqrt(i)) :\n  s\nh()\n"
    # Which instructions have the sum in a register depends on the processor: so after each of an iteration's.
    commands = [
        "break demo.kal:4",
        "run",
        "continue",
        *["stepi", 'printf "iteration %d %.17g\\n", i, s', "print s"] * 15,
    ]
    shown = debugged(tmp_path, "O3", *commands, text=text)
    sums = [1.0]
    for i in range(1, 1000):
        sums.append(sums[-1] / i + math.sqrt(i))
    values = [sums.index(float(value)) for value in re.findall(r"\n\$\d+ = ([^<\s]+)\n", shown)]
    assert values and values == sorted(values) and values[-1] > 1, shown
    for iteration, value in re.findall(r"\niteration (\d+) (\S+)\n", shown):
        assert 0 <= sums.index(float(value)) - int(iteration) + 1 <= 1, shown


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


README = Path(__file__).parents[1] / "README.md"
SECTION = README.read_text("utf-8").partition("## Native executables, debuggers, profilers\n")[2].partition("\n## ")[0]
DEMO, *SHOWN = re.findall(r"^```\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)

# What the shown blocks need beside Kaleido.
MAIN = """
#include <stdio.h>
#include "demo.h"
int main(void) { printf("%g\\n", fib(20)); }
"""


def reader_environment(folder: Path) -> dict[str, str]:
    """The environment of a reader: the commands `kaleido` and `python` are those of this process."""
    path = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    commands = folder / "commands"
    commands.mkdir()
    (commands / "kaleido").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kaleido "$@"\n')
    (commands / "kaleido").chmod(0o755)
    # GDB takes no script for a program.
    (commands / "python").symlink_to(os.path.realpath(sys.executable))
    changed = {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": path, "KALEIDO_CACHE": "off"}
    return {name: value for name, value in os.environ.items() if name != "DEBUGINFOD_URLS"} | changed


def test_ten_lines_of_each_tool_are_shown() -> None:
    assert len(SHOWN) == 4
    assert max(len(block.splitlines()) for block in SHOWN) <= 10


def needed(block: str) -> set[str]:
    """The tools that a block needs."""
    words = set(re.findall(r"^\$ (\w+)", block, re.MULTILINE)) - {"kaleido"}
    return words | ({"cc"} if "kaleido build" in block else set())


@pytest.mark.parametrize("block", SHOWN, ids=["build", "gdb", "gdb-jit", "perf"])
def test_what_the_readme_shows_happens(block: str, tmp_path: Path) -> None:
    for tool in needed(block):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool}")
    (tmp_path / "demo.kal").write_text(DEMO)
    (tmp_path / "main.c").write_text(MAIN)
    environment = reader_environment(tmp_path)
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
        # GDB reads its commands from standard input, and does not echo them. Perf would use a pipe for its data.
        command = command.replace("gdb -q ", "gdb -q -nx -ex 'set width 0' ").replace(
            "perf record ", "perf record -o perf.data "
        )
        command = command.replace("perf report ", "perf report -i perf.data ")
        done = subprocess.run(
            ["bash", "-c", command],
            input="".join(f"{entered}\n" for entered in re.findall(r"^\(gdb\) (.*)", shown, re.MULTILINE)),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if command.startswith("perf record") and done.returncode:
            pytest.skip(f"perf cannot record: {done.stderr.strip()[:80]}")
        if command.startswith("perf report"):
            # The shares differ from run to run.
            assert symbols(shown) - symbols(done.stdout) <= {"tak [O0]"}
        elif command.startswith("gdb "):
            # Before its first answer, and behind its last one, GDB says what depends on its version.
            expected = re.sub(r"^\(gdb\) .*\n", "", shown, flags=re.MULTILINE)
            assert agrees(f"…\n{expected}…\n", done.stdout.replace("(gdb) ", "")), done.stdout
        else:
            assert agrees(shown, done.stdout), done.stdout + done.stderr


def symbols(report: str) -> set[str]:
    """The functions in a report of perf."""
    return {line.partition("] ")[2].strip() for line in report.splitlines()}


def test_perf_finds_callers_in_an_executable(tmp_path: Path) -> None:
    if not all(map(shutil.which, ("perf", "cc"))):
        pytest.skip("no perf, or no C compiler")
    (tmp_path / "demo.kal").write_text(DEMO)
    assert cli.run(["build", "-g", str(tmp_path / "demo.kal"), "-o", str(tmp_path / "demo")]) == 0
    record = ["perf", "record", "-q", "-e", "cpu-clock:u", "--call-graph", "dwarf", "-o", "data", "./demo"]
    done = subprocess.run(record, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip(f"perf cannot record: {done.stderr.strip()[:80]}")
    script = ["perf", "script", "-i", "data", "-F", "ip,sym"]
    stacks = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=60).stdout.split("\n\n")
    frames = [re.findall(r"^\s*[0-9a-f]+ (\S+)", stack, re.MULTILINE) for stack in stacks]
    if not any(frame and frame[0].startswith(("fib", "kal.fib")) for frame in frames):
        pytest.skip("perf has recorded no samples")
    assert any(re.search(r"^(kal\.)?fib.* fib .*sum\.for@7:6.* sum", " ".join(frame)) for frame in frames), frames[:5]
