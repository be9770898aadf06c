"""Whatever it is given, it gives a right result or one clear error, and the exit code that the README says.

All of it through the program itself. `ends` is what every run must hold to, beside what its test expects.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from kaleido import cli
from tests import forked

COMMAND = [sys.executable, "-m", "kaleido"]
# Unbuffered streams would tell at once what buffered ones tell only when they are flushed.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
FULL = Path("/dev/full")
MEMORY = 1 << 30

Outcome = tuple[int, str, str]

needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


def ends(*arguments: str | bytes | Path, **options: Any) -> Outcome:
    """Run it with `arguments`; options are those of subprocess.run. `starts` is for tests of the start of a process."""
    if options.pop("starts", False):
        command: list[str | bytes | Path] = [*COMMAND, *arguments]
        done: subprocess.CompletedProcess[Any] = subprocess.run(
            command, capture_output=True, timeout=120, check=False, **({"env": ENVIRONMENT} | options)
        )
    else:
        done = forked.run(["-m", "kaleido", *arguments], **({"env": ENVIRONMENT} | options))
    output, errors = done.stdout.decode(), done.stderr.decode()
    assert done.returncode in (0, 1, 2), errors
    assert "Traceback" not in errors
    assert "LLVM" not in errors
    return done.returncode, output, errors


def shell(script: str, *arguments: str, **options: Any) -> Outcome:
    """Run a line of shell in which "$@" is the command."""
    done = subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, *arguments],
        capture_output=True, text=True, env=ENVIRONMENT, timeout=120, check=False, **options,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


# Texts


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ""),
        (b"\xef\xbb\xbf1\r\n2\r", "1.0\n2.0\n"),
        (b"# a\r1\r# \0\xff\xed\xa0\x80 \xe2\x80\xa8\n2", "1.0\n2.0\n"),
        (b"1\0", "unexpected character U+0000"),
        (b"\xef\xbb\xbf\xef\xbb\xbf1", "unexpected character U+FEFF"),
        (b"1 \xff\xc0\xaf", "unexpected character"),
        (b"\xed\xa0\x80", "unexpected character"),
        ("1+1".encode("utf-16"), "unexpected character"),
        (bytes(range(256)), "unexpected character"),
    ],
)
def test_any_bytes(data: bytes, expected: str) -> None:
    code, output, errors = ends("-", input=data)
    if expected.startswith("un"):
        assert (code, output, errors.count("error: ")) == (1, "", 1)
        assert errors.startswith(f"error: {expected}")
    else:
        assert (code, output, errors) == (0, expected, "")


def test_any_bytes_in_any_way(tmp_path: Path) -> None:
    script = tmp_path / "bytes.kal"
    for data, code in ((b"\xef\xbb\xbf1\r# \xff\xed\xa0\x80\r1", 0), (b"1 \xff 2", 1)):
        script.write_bytes(data)
        ways = [ends("-", input=data), ends(input=data), ends(script), ends("-c", data)]
        places = ["<standard input>", "<standard input>", str(script), "<command line>"]
        replaced = [(*way[:2], way[2].replace(place, "PLACE")) for way, place in zip(ways, places, strict=True)]
        assert [way[0] for way in ways] == [code] * 4
        assert len(set(replaced)) == 1


def nested(opening: str, inside: str, closing: str, times: int) -> str:
    return opening * times + inside + closing * times


BIG: Mapping[str, tuple[Callable[[], str], str]] = {
    "20,000 terms": (lambda: "def f(x) " + "+".join(["x"] * 20_000) + "; f(2)", "40000.0"),
    "parentheses": (lambda: nested("(", "1", ")", 10_000), "1.0"),
    "ifs": (lambda: nested("if 1 then ", "2", " else 0", 10_000), "2.0"),
    "elses": (lambda: nested("if 0 then 1 else ", "2", "", 10_000), "2.0"),
    "conditions": (lambda: nested("if ", "1", " then 1 else 0", 5_000), "1.0"),
    "vars": (lambda: "".join(f"var a{i} = {i} in " for i in range(10_000)) + "a0 + a9999", "9999.0"),
    "one var": (lambda: "var " + ",".join(f"a{i} = {i}" for i in range(10_000)) + " in a9999", "9999.0"),
    "loops": (lambda: "1 + " + "".join(f"for i{i} = 1, 0 in " for i in range(500)) + "1", "1.0"),
    "calls": (lambda: "def f(x) x + 1; def g(x) " + nested("f(", "x", ")", 20_000) + "; g(0)", "20000.0"),
    "prefixes": (lambda: "-" * 20_000 + "1", "1.0"),
    "assignments": (lambda: "var a in " + "a = " * 10_000 + "1", "1.0"),
    "parameters": (lambda: f"def f({names(300)}) a299; f({','.join(map(str, range(300)))})", "299.0"),
    "definitions": (lambda: "".join(f"def f{i}(x) x + {i}\n" for i in range(3_000)) + "f2999(1)", "3000.0"),
    "operators": (lambda: "".join(f"def binary {'@' * i} 7 (a b) a + b " for i in range(1, 200)) + "1 @@@ 2", "3.0"),
    "a run": (lambda: f"def binary {'@' * 500_000} 5 (a b) b; 1 {'@' * 500_000} 2", "2.0"),
    "digits": (lambda: "{0}; 0.{0}; 1e-{0}".format("1" * 1_000_000), "inf\n0.1111111111111111\n0.0"),
    "a name": (lambda: "var {0} = 1, {0}b = 2 in {0} + {0}b".format("a" * 1_000_000), "3.0"),
    "comments": (lambda: ("#" + "x" * 79 + "\n") * 100_000 + "1", "1.0"),
}  # fmt: skip


def names(count: int) -> str:
    return " ".join(f"a{i}" for i in range(count))


@pytest.mark.parametrize("name", BIG)
def test_big_programs_take_little_memory(name: str) -> None:
    text, expected = BIG[name]
    limit = (MEMORY, MEMORY)
    code, output, errors = ends(
        "-",
        input=text().encode(),
        starts=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
    )
    assert (code, output, errors) == (0, expected + "\n", "")


def test_the_tree_of_a_deep_program_is_shown() -> None:
    code, output, _ = ends("--emit=ast", "-", input=b"+".join([b"1"] * 20_000))
    assert (code, output.count("\n")) == (0, 39_999)
    assert len(output) < 5_000_000
    assert "\n" + "  " * 50 + "19999: Number 1.0\n" in output


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (lambda: f"def f({names(9_000)}) a0", "too many parameters"),
        (lambda: "def f(x) x; f(" + ",".join("1" * 9_000) + ")", "`f` takes 1 argument, not 9000"),
        (lambda: "(" * 10_000, "unexpected end of input"),
        (lambda: "1;" * 10_000 + ")", "unexpected `)`"),
        (lambda: "1." * 10_000, "malformed number"),
    ],
    ids=["parameters", "arguments", "unclosed", "at the end", "malformed"],
)
def test_big_mistakes_are_one_error(text: Callable[[], str], title: str) -> None:
    code, output, errors = ends("-", input=text().encode())
    assert (code, output, errors.count("error: ")) == (1, "", 1)
    assert errors.startswith(f"error: {title}")


# Files


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        unreadable: dict[str | bytes, str] = {
            ".": "cannot read .: Is a directory",
            "socket": "cannot read socket: ",
            "nobody.kal": "cannot read nobody.kal: No such file or directory",
            "": "cannot read '': No such file or directory",
            "a\n\x1b[2J": "cannot read a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[2J: No such file",
            b"a\xff": "cannot read a\N{REPLACEMENT CHARACTER}: No such file",
            "a" * 5_000: "cannot read " + "a" * 5_000,
            "/proc/self/mem": "cannot read /proc/self/mem: ",
        }
        for path, message in unreadable.items():
            code, output, errors = ends(path, cwd=tmp_path)
            assert (code, output, errors.count("\n")) == (2, "", 1)
            assert errors.startswith(f"kaleido: {message}")


def test_files_of_any_name(tmp_path: Path) -> None:
    for name in (b"a b\n\x1b.kal", b"a\xff.kal", b"-x.kal", "é日.kal".encode()):
        (tmp_path / os.fsdecode(name)).write_text("1 + 1")
        assert ends("--", name, cwd=tmp_path) == (0, "2.0\n", "")


def test_a_pipe_with_a_name_is_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([*COMMAND, pipe], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # This waits until the other side has opened it.
        pipe.write_text("1 + 1")
        assert process.communicate(timeout=60) == (b"2.0\n", b"")
    with subprocess.Popen([*COMMAND, pipe], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with pipe.open("w"):
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=60) == (b"", b"interrupted\n")
        assert process.returncode == 130


# Streams

LOST = "error: standard output could not be written\n"


@needs_full
def test_output_that_is_lost_is_an_error(tmp_path: Path) -> None:
    with FULL.open("w") as full:
        ways: Sequence[Sequence[str]] = [["-c", "1"], ["--version"], ["--help"], ["--emit=ast", "-c", "1"]]
        for arguments in (*ways, ["-q", "-c", "printd(1)"], ["-i", "-c", "1"]):
            assert ends(*arguments, stdout=full) == (1, "", LOST)
    code, output, errors = ends("--trace", FULL, "-c", "1")
    assert (code, output, errors) == (1, "1.0\n", "error: cannot write /dev/full: No space left on device\n")


@needs_full
def test_messages_that_are_lost_leave_the_exit_code() -> None:
    with FULL.open("w") as full:
        assert ends("-c", "1; nobody()", stderr=full)[:2] == (1, "1.0\n")
        assert ends("nobody.kal", stderr=full)[0] == 2
        assert ends("--nonsense", stderr=full)[0] == 2
        assert ends("-c", "1", stderr=full) == (0, "1.0\n", "")


@pytest.mark.parametrize(
    ("closed", "code", "output", "errors"),
    [
        ("<&- >&-", 1, "", LOST),
        (">&- 2>&-", 1, "", ""),
        ("<&- 2>&-", 0, "2.0\n", ""),
        ("<&- >&- 2>&-", 1, "", ""),
    ],
)
def test_several_closed_streams(closed: str, code: int, output: str, errors: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    assert shell(f'"$@" {closed}', "--trace", str(trace), "-c", "1 + 1") == (code, output, errors)
    assert trace.read_text().startswith("{")
    assert shell(f'"$@" {closed}', "-c", "1 +")[0] == 1
    assert shell(f'"$@" {closed}', "--nonsense")[0] == 2


def test_streams_of_the_wrong_kind() -> None:
    assert shell('"$@" 0>/dev/null') == (2, "", "kaleido: cannot read standard input: Bad file descriptor\n")
    assert shell('"$@" -i 0>/dev/null') == (1, "", "error: Bad file descriptor\n")
    assert shell('"$@" -c 1 1</dev/null') == (1, "", LOST)
    assert shell('"$@" -c "1 +" 2</dev/null') == (1, "", "")


def test_a_reader_that_leaves() -> None:
    code, output, errors = shell('"$@" | head -1', "-c", "for i = 1, i < 1000000 in printd(i)")
    assert (code, output, errors) == (0, "1.000000\n", "")


# Surroundings

SURROUNDINGS: Mapping[str, Mapping[str, str]] = {
    "C": {"LC_ALL": "C"},
    "missing locale": {"LC_ALL": "xx_YY.UTF-9"},
    "ascii": {"PYTHONIOENCODING": "ascii:strict"},
    "no UTF-8": {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "POSIX"},
    "nothing": {},
    "odd": {"TERM": "dumb", "HOME": "", "XDG_STATE_HOME": "relative", "XDG_CACHE_HOME": "/dev/null", "COLUMNS": "x"},
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_surroundings(name: str, tmp_path: Path) -> None:
    environment = dict(SURROUNDINGS[name]) if name == "nothing" else {**ENVIRONMENT, **SURROUNDINGS[name]}
    trace = tmp_path / "é.json"
    program = "var é = 1 in printd(é); def 日(x) x; 日(2)\nü"
    code, output, errors = ends(
        "--trace", trace, "-i", "-c", program, env=environment, cwd=tmp_path, input=b"1 + 2\n", starts=True
    )
    assert (code, output) == (1, "1.000000\n0.0\n2.0\n3.0\n")
    assert errors.startswith("error: unknown variable `")
    assert '"unit": "\\u65e5"' in trace.read_text()
    code, output, errors = ends("--emit=ast", "-c", "extern é日(x)", env=environment, starts=True)
    assert (code, output, errors) == (0, "External é日(x)\n", "")


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    script = f'cd {tmp_path} && mkdir gone && cd gone && rmdir ../gone && PYTHONPATH={Path(__file__).parents[1]} "$@"'
    assert shell(script, "-c", "1 + 1") == (0, "2.0\n", "")
    code, output, errors = shell(script, "--trace", "trace.json", "-c", "1")
    assert (code, output, errors) == (2, "", "kaleido: cannot write trace.json: No such file or directory\n")


def test_too_few_files() -> None:
    refusal = (1, "", "error: Too many open files\n")
    outcomes = {shell(f'ulimit -n {limit}; exec "$@"', "--jit=sync", "-c", "1") for limit in (5, 6, 7)}
    assert outcomes & {refusal}
    assert outcomes <= {refusal, (0, "1.0\n", "")}


def test_no_room_for_a_thread(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def refuse(thread: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    for jit in ("O0", "tiered"):
        assert cli.run([f"--jit={jit}", "-c", "1"]) == 1
        output, errors = capfd.readouterr()
        assert output == ""
        assert re.match("error: (can't start new|no) thread", errors)
        # With its place, where the program had begun.
        assert errors.count("\n") in (1, 4) and errors.count("error:") == 1


# Options


def test_thresholds() -> None:
    for threshold in ("0", "-1", "1e3", "", "²", "1_000", "9" * 19, "9" * 5_000):
        code, output, errors = ends(f"--threshold={threshold}", "-c", "1")
        assert (code, output) == (2, "")
        assert "a whole number from 1 up" in errors
        assert len(errors) < 1_000
    for threshold in ("1", "0001", "9" * 18):
        assert ends(f"--threshold={threshold}", "--jit=sync", "-c", "def f(x) x; f(1) + f(2)") == (0, "3.0\n", "")


def test_libraries_that_are_none(tmp_path: Path) -> None:
    text = tmp_path / "text.so"
    text.write_text("hello")
    libraries: dict[str | bytes | Path, str] = {
        tmp_path / "missing.so": f"{tmp_path}/missing.so: cannot open shared object file: No such file or directory",
        text: f"{text}: file too short",
        "": "'': it has no name",
        b"a\xff.so": "a\N{REPLACEMENT CHARACTER}.so: its name is not UTF-8",
    }
    for library, message in libraries.items():
        assert ends("--load", library, "-c", "1") == (2, "", f"kaleido: cannot load {message}\n")


@needs_cc
def test_libraries_that_do_more(tmp_path: Path) -> None:
    source, library = tmp_path / "library.c", tmp_path / "library.so"
    build: list[str | Path] = ["cc", "-shared", "-fPIC", "-o", library, source]
    constructor = '__attribute__((constructor)) static void begin(void) { printf("begin\\n"); }'
    source.write_text(f"#include <stdio.h>\n{constructor}\ndouble twice(double x) {{ return 2 * x; }}\n")
    subprocess.run(build, check=True)
    assert ends("--load", library, "-c", "extern twice(x); twice(4)") == (0, "begin\n8.0\n", "")
    source.write_text("double nowhere(double x);\ndouble twice(double x) { return nowhere(x); }\n")
    subprocess.run(build, check=True)
    code, output, errors = ends("--load", library, "-c", "extern twice(x); twice(4)")
    assert (code, output, errors) == (2, "", f"kaleido: cannot load {library}: undefined symbol: nowhere\n")
