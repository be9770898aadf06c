"""The command line as a program: what goes to which stream, exit codes, what the options do."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kaleido import __version__, cli
from kaleido.command_line.arguments import parsed
from kaleido.command_line.options import of_plain
from kaleido.report.columns import COLUMNS
from tests import forked

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "tutorials" / "examples"
MODES = ["tiered", "sync", "O0", "O3"]


def kaleido(*arguments: str | Path, stdin: str | bytes = "") -> subprocess.CompletedProcess[str]:
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = forked.run(["-m", "kaleido", *map(str, arguments)], input=data)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def outcome(*arguments: str | Path, stdin: str | bytes = "") -> tuple[int, str, str]:
    done = kaleido(*arguments, stdin=stdin)
    return done.returncode, done.stdout, done.stderr


def test_ways_to_give_a_program(tmp_path: Path) -> None:
    script = tmp_path / "four.kal"
    script.write_text("#!/usr/bin/env kaleido\n2 + 2\n")
    assert outcome("-c", "4+5") == (0, "9.0\n", "")
    assert outcome(script) == (0, "4.0\n", "")
    assert outcome("-", stdin="6 7") == (0, "6.0\n7.0\n", "")
    assert outcome(stdin="8") == (0, "8.0\n", "")
    assert outcome(script, "extra", "words") == (0, "4.0\n", "")


def test_what_is_shown() -> None:
    code = "1/3; 1e300*1e10; 0/0; for i = 1, i < 2 in i; printd(7); def f(x) x"
    assert outcome("-c", code) == (0, "0.3333333333333333\ninf\nnan\n7.000000\n0.0\n", "")
    assert outcome("-q", "-c", code) == (0, "7.000000\n", "")


def test_exit_codes(tmp_path: Path) -> None:
    assert kaleido("-c", "nobody()").returncode == 1
    assert kaleido("-c", "1 +").returncode == 1
    assert kaleido(tmp_path / "missing.kal").returncode == 2
    assert kaleido(tmp_path).returncode == 2
    assert kaleido("--jit=fast").returncode == 2
    assert kaleido("--threshold", "0", "-c", "1").returncode == 2
    assert kaleido("--load", tmp_path / "missing.so", "-c", "1").returncode == 2
    assert kaleido("--trace", tmp_path / "no" / "such" / "folder", "-c", "1").returncode == 2
    assert kaleido("--help").returncode == 0


def test_an_error_says_where_and_keeps_what_was_printed(tmp_path: Path) -> None:
    script = tmp_path / "demo.kal"
    script.write_text("printd(1)\n\tdef f(total) totl * 2\n")
    code, output, errors = outcome(script)
    assert (code, output) == (1, "1.000000\n0.0\n")
    assert errors == (
        "error: unknown variable `totl`\n"
        f"  ┌ {script}:2:15\n"
        "2 │ \tdef f(total) totl * 2\n"
        "  │ \t             ^^^^ not defined here\n"
        "  = hint: did you mean `total`?\n"
    )


@pytest.mark.parametrize(
    ("options", "variables", "colored"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color=never"], {"FORCE_COLOR": "1"}, False),
        (["--color=always"], {"NO_COLOR": "1"}, True),
    ],
)
def test_colors(
    options: list[str],
    variables: dict[str, str],
    colored: bool,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cli.run([*options, "-c", "nobody()"]) == 1
    assert capfd.readouterr().err.startswith("\x1b[1;31merror:\x1b[0m" if colored else "error: unknown")


def test_a_syntax_error_anywhere_means_nothing_has_run() -> None:
    code, output, errors = outcome("-c", "printd(1)\n)")
    assert (code, output) == (1, "")
    assert errors.startswith("error: unexpected `)`\n")


def test_any_bytes_are_a_program_or_a_located_error() -> None:
    assert outcome("-", stdin=b"\xef\xbb\xbf1 # \xff\r\n2\r\n") == (0, "1.0\n2.0\n", "")
    for data in (b"\xff", b"\x00", b"1\n\x1b", "é@".encode()):
        code, output, errors = outcome("-", stdin=data)
        assert (code, output) == (1, "")
        assert re.match(r"error: .*\n +┌ <standard input>:", errors)


def test_version() -> None:
    code, output, _ = outcome("--version")
    assert code == 0
    assert re.fullmatch(rf"kaleido {re.escape(__version__)} \(llvmlite [\d.]+, LLVM [\d.]+\)\n", output)


@pytest.mark.parametrize("jit", MODES)
def test_mandelbrot_is_the_same_picture_in_every_mode(jit: str) -> None:
    code, output, errors = outcome(f"--jit={jit}", "-q", EXAMPLES / "mandelbrot.kal")
    assert (code, errors) == (0, "")
    rows = output.splitlines()
    assert len(rows) == 41
    assert {len(row) for row in rows} == {79}
    assert output == outcome("--jit=O0", "-q", EXAMPLES / "mandelbrot.kal")[1]


def test_mutual_recursion_needs_no_stack() -> None:
    code = "def is_even(n) if n == 0 then 1 else is_odd(n-1); def is_odd(n) if n == 0 then 0 else is_even(n-1)"
    assert outcome("--jit=O0", "-c", f"{code}; is_even(10000000)") == (0, "1.0\n", "")


def test_a_function_named_like_one_of_c() -> None:
    expected = {outcome(f"--jit={jit}", "-c", "sin(1); def sin(x) 42; sin(1)") for jit in MODES}
    assert expected == {(0, "0.8414709848078965\n42.0\n", "")}


def test_trace(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    program = "var s = 0 in (for i = 1, i < 300000 in s = s + 1/(i*i)) : s"
    assert kaleido("--jit=sync", "--trace", path, "-c", program).returncode == 0
    events = json.loads(path.read_text())["traceEvents"]
    assert [event["name"] for event in events if event["ph"] in "Xi" and "freed" not in event["name"]] == [
        "defined command-line:1:1",
        "defined command-line.for@1:15",
        "compile -O0 command-line:1:1 + 2 more",
        "hot command-line.for@1:15",
        "compile -O3 command-line.for@1:15",
        "swap command-line.for@1:15",
        "run command-line:1:1",
    ]
    assert all(event["dur"] > 0 for event in events if event["ph"] == "X")


def test_trace_shows_invalidation(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    program = "def g(x) x; def f(x) g(x); for i = 1, i < 9 in f(i); def g(x) 2*x; for i = 1, i < 9 in f(i)"
    assert kaleido("--jit=sync", "--threshold=3", "--trace", path, "-c", program).returncode == 0
    events = json.loads(path.read_text())["traceEvents"]
    history = [event["name"] for event in events]
    assert history.count("swap f") == 2
    assert history.index("deoptimized f") > history.index("swap f")


def test_stats_are_a_table_on_standard_error() -> None:
    code, output, errors = outcome("--jit=sync", "--stats", "-c", "def f(x) x; for i = 1, i < 5000 in f(i)")
    assert (code, output) == (0, "")
    row = next(line for line in errors.splitlines() if line.startswith("f "))
    assert re.match(r"f +○ -O0 → ● -O3 +1,000 calls +\d+\.\d\d +\d+\.\d\d +\d+ +\d+ +1 +0$", row)
    assert errors.endswith("\ndeoptimized: " + COLUMNS["deoptimized"] + ".\n")
    headings = errors.partition("\n")[0]
    assert all(name in headings for name in re.findall(r"(?m)^([^:]+): ", errors.rpartition("\n\n")[2]))


def test_emit() -> None:
    assert outcome("--emit=ast", "-c", "def f(x) x+1") == (
        0,
        "Definition f(x)\n  Binary +\n    Variable x\n    Number 1.0\n",
        "",
    )
    _, ir, _ = outcome("--emit=llvm", "-c", "def f(n) for i = 1, i < n in printd(i)")
    assert "define tailcc double @kal.f.impl(double" in ir
    assert "musttail call tailcc void" in ir
    _, assembly, _ = outcome("--emit=asm", "--jit=O3", "-c", "def f(x) x*x; f(2)")
    assert "kal.f.impl:" in assembly


def test_a_closed_pipe_ends_it_quietly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "kaleido", "-c", "for i = 1, 1 in putchard(65)"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stdout as output, process.stderr as errors:
        assert output.read(5) == b"AAAAA"
        output.close()
        assert process.wait(60) == -signal.SIGPIPE
        assert errors.read() == b""


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_closed_streams_are_nothing_and_nowhere(closed: int) -> None:
    program = [] if closed == 0 else ["-c", "4 + 5"]
    command = [sys.executable, "-m", "kaleido", *program]
    done = subprocess.run(["sh", "-c", f'"$@" {closed}>&-', "sh", *command], capture_output=True, timeout=60)
    lost = b"error: standard output could not be written\n" if closed == 1 else b""
    assert (done.returncode, done.stdout, done.stderr) == (int(bool(lost)), b"9.0\n" if closed == 2 else b"", lost)


def test_a_closed_standard_output_is_no_error_without_output() -> None:
    command = [sys.executable, "-m", "kaleido", "-c", "def f(x) x"]
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_is_an_error() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kaleido", "-c", "1"], stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr == b"error: standard output could not be written\n"


def test_a_lost_output_loses_no_report(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    trace = tmp_path / "trace.json"
    command = [sys.executable, "-m", "kaleido", "--stats", "--trace", str(trace), "-c", "def f(x) x; f(1)"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert b"runs at -O0" in done.stderr
    assert json.loads(trace.read_text())["traceEvents"]


def processor_ticks(process: int) -> int:
    """The time that a process has run for, in hundredths of a second."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.skipif(sys.platform != "linux", reason="the time of a process is read in /proc")
def test_an_interrupt_keeps_the_output_and_exits_with_130() -> None:
    fill = "(for i = 1, i < 5000 in putchard(10))"
    process = subprocess.Popen(
        [sys.executable, "-m", "kaleido", "-c", f"{fill} : printd(1) : for i = 1, 1 in 0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    # C writes the first part when its buffer is full. After that, the loop is all that takes time.
    first = os.read(process.stdout.fileno(), 10_000)
    assert first
    before = processor_ticks(process.pid)
    while processor_ticks(process.pid) < before + 5:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, first + output, errors) == (
        130,
        b"\n" * 5_000 + b"1.000000\n",
        b"interrupted in the loop at <command line>:1\n",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs a pipe that keeps writes apart")
@pytest.mark.parametrize("environment", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_output_is_written_in_blocks(environment: dict[str, str]) -> None:
    reader, writer = os.pipe2(os.O_DIRECT)
    code = "(for i = 1, i < 10000 in putchard(65)) : for i = 1, i < 1000 in printd(i)"
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        process = subprocess.Popen(
            [sys.executable, "-m", "kaleido", "--quiet", "-c", code], stdout=writer, env={**os.environ, **environment}
        )
        os.close(writer)
        writes = list(iter(lambda: pipe.read(1 << 16), b""))
        assert process.wait() == 0
    assert b"".join(writes) == b"A" * 10_000 + b"".join(b"%d.000000\n" % number for number in range(1, 1001))
    assert len(writes) < 10


@pytest.mark.parametrize("attempt", range(10))
def test_leaving_while_the_recompiler_is_busy(tmp_path: Path, attempt: int) -> None:
    script = tmp_path / "busy.kal"
    names = range(30)
    definitions = [f"def f{i}(x) if x < 1 then {i} else f{i}(x-1)*2 + x/3 - {i}*(x-2)" for i in names]
    script.write_text("\n".join([*definitions, " : ".join(f"f{i}({60 + attempt})" for i in names)]))
    code, output, errors = outcome("--threshold=5", script)
    assert (code, errors) == (0, "")
    assert output == outcome("--jit=O0", script)[1]


def test_a_definition_of_assignment_is_a_warning() -> None:
    code, output, errors = outcome("-c", "def binary = 9 (a b) 0; 1 + 1")
    assert (code, output) == (0, "2.0\n")
    assert errors == "warning: <command line>:1: `=` remains assignment; its precedence is 9 now\n"


@pytest.mark.parametrize("code", ["-(1)", "-1", "-sin(0) - 1"])
def test_code_may_begin_with_a_sign(code: str) -> None:
    assert kaleido("-c", code).stdout == "-1.0\n"
    assert kaleido("--jit=O0", "-c", code).stdout == "-1.0\n"
    assert kaleido("-qc", code).stdout == ""


@pytest.mark.parametrize("arguments", [[], ["fib.kal"], ["-c", "4+5"], ["-c", "-1"], ["-c", "--help"]])
def test_plain_command_lines_mean_what_the_parser_says(arguments: list[str]) -> None:
    plain = of_plain(arguments)
    assert plain is not None and vars(plain) == vars(parsed(arguments))


@pytest.mark.parametrize("arguments", [["-"], ["-i"], ["-c"], ["-c", ""], ["-c4"], ["fib.kal", "1"], ["--jit=O0"]])
def test_other_command_lines_need_the_parser(arguments: list[str]) -> None:
    assert of_plain(arguments) is None


def test_code_is_still_needed() -> None:
    assert kaleido("-c").returncode == 2


@pytest.mark.parametrize(("entries", "code"), [("1\n", 0), ("nothing\n1\n", 1), (":nothing\n1\n", 1), ("", 0)])
def test_entries_from_a_pipe_that_fail(entries: str, code: int) -> None:
    done = kaleido("-i", stdin=entries)
    assert (done.returncode, done.stdout) == (code, "1.0\n" if entries else "")


def test_a_program_before_entries_that_fails() -> None:
    assert outcome("-i", "-c", "nothing", stdin="2")[:2] == (1, "2.0\n")


@pytest.mark.parametrize("text", [":tiers\n", "1;\n:load f.kal\n", "def f(x) x\n:ti\nf(1)\n", "# a\n\n  :asm f O3\n"])
def test_a_command_in_a_program_is_named(text: str) -> None:
    code, _, errors = outcome(stdin=text)
    command = re.search(r":\w+", text)
    assert command is not None
    assert code == 1 and f"error: `{command[0]}` is a command of the prompt\n" in errors
    assert errors.count("error: ") == 1 and "`kaleido -i < FILE`" in errors


@pytest.mark.parametrize("text", ["1\n:unknown\n", "1\n: tiers\n", "tiers\n", "x > 1\n"])
def test_what_is_no_command_has_the_usual_message(text: str) -> None:
    _, _, errors = outcome(stdin=text)
    assert errors.startswith("error: unknown variable `")


@pytest.mark.parametrize("text", ["kal> def f(x) x\nkal> f(1)\n1.0\n", "ready> def f(x) x;\nready> f(1);\n"])
def test_a_transcript_as_a_program_is_named(text: str) -> None:
    code, output, errors = outcome(stdin=text)
    assert (code, output) == (1, "") and errors.startswith("error: a transcript is not a program\n")
