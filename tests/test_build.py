"""``kaleido build``: executables behave as scripts do, and C can call objects."""

from __future__ import annotations

import os
import platform
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kaleido import Session, cli
from kaleido.build.native_code import executable_code, native_code
from kaleido.build.static_program import StaticProgram, static_program
from kaleido.diagnostics import KaleidoError, Source
from kaleido.jit import Tier
from kaleido.jit.ahead_of_time import HOST, Form
from tests.test_examples import EXAMPLES
from tests.test_language import PROGRAMS, Outcome, expectations, programs, read

COMPILER = shutil.which("cc")
TIMEOUT = 120.0
KNOWN = platform.system() == "Linux" and platform.machine() in ("x86_64", "aarch64")

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

FOLDERS = sorted({path.parent for path in programs()})


def run(*command: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(list(map(str, command)), capture_output=True, timeout=TIMEOUT, **options)  # type: ignore[call-overload,no-any-return]


def build(folder: Path, text: str, *arguments: str) -> Path:
    """The executable of a program, or what `arguments` say."""
    source = folder / "demo.kal"
    source.write_text(text, "utf-8")
    output = folder / "demo.out"
    assert cli.run(["build", str(source), "-o", str(output), *arguments]) == 0
    return output


def batch(folder: Path, sources: Sequence[Path], tier: Tier) -> tuple[Path, dict[Path, Outcome]]:
    """One executable of many programs, of which its argument chooses one; and the outcome of those with errors."""
    numbers, failed = [], {}
    for number, path in enumerate(sources):
        with Session() as session:
            try:
                program = static_program(session, Source(str(path), read(path)), quiet=False, functions=False)
            except KaleidoError as error:
                failed[path] = Outcome.of(b"", str(error))
                continue
        (folder / f"{number}.o").write_bytes(
            native_code(program, Form.OBJECT, HOST, entry=f"program_{number}", tier=tier)
        )
        numbers.append(number)
    (folder / "main.c").write_text(chooser(numbers))
    objects = [f"{number}.o" for number in numbers]
    subprocess.run([str(COMPILER), "main.c", *objects, "-lm", "-o", "all"], cwd=folder, check=True, timeout=TIMEOUT)
    return folder / "all", failed


def chooser(numbers: Sequence[int]) -> str:
    """A C program that runs the program of a number."""
    declared = "".join(f"int program_{number}(void);\n" for number in numbers)
    cases = "".join(f"case {number}: return program_{number}();\n" for number in numbers)
    body = f"switch (atoi(arguments[1])) {{\n{cases}}}\nreturn 99;"
    return f"#include <stdlib.h>\n{declared}int main(int count, char **arguments) {{\n{body}\n}}\n"


@needs_compiler
@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("part", FOLDERS, ids=lambda folder: folder.relative_to(PROGRAMS).as_posix())
def test_every_language_test_as_an_executable(part: Path, tier: Tier, tmp_path: Path) -> None:
    compare([path for path in programs() if path.parent == part], tmp_path, tier)


@needs_compiler
@pytest.mark.parametrize("tier", Tier)
def test_every_example_as_an_executable(tier: Tier, tmp_path: Path) -> None:
    compare(EXAMPLES, tmp_path, tier)


def compare(sources: Sequence[Path], folder: Path, tier: Tier) -> None:
    executable, failed = batch(folder, sources, tier)
    for number, path in enumerate(sources):
        expected = expectations(path)
        if path in failed:
            # What runs before the error does not run: there is no executable.
            assert (failed[path].error_line, expected.error or "") == (expected.error_line, expected.error), path
            assert (expected.error or "?") in failed[path].error, path
            continue
        done = run(executable, number)
        outcome = Outcome.of(done.stdout, done.stderr.decode())
        assert outcome.lines == expected.lines, path
        if expected.error is None:
            assert (done.returncode, done.stderr) == (0, b""), path
        else:
            assert "recursion too deep" in expected.error, path
            assert (done.returncode, outcome.error.startswith("error: recursion too deep")) == (1, True), path


@needs_compiler
def test_numbers_are_printed_as_python_prints_them(tmp_path: Path) -> None:
    choice = random.Random(5)
    bits = (choice.getrandbits(64) for _ in range(300))
    numbers = [
        *(struct.unpack("d", struct.pack("Q", each))[0] for each in bits),
        *(2.0**power for power in range(-1074, 1024, 7)),
        *(2.0**power for power in (-44, -24, 89, 1023)),
        *(choice.randint(-(10**6), 10**6) / choice.choice([1, 2, 10, 1000]) for _ in range(100)),
        *(0.0, -0.0, 1e16, 9999999999999998.0, 1e-4, 1e-5, 1e22, 1e23, 5e-324, 1.7976931348623157e308),
        *(float("inf"), float("-inf"), float("nan")),
    ]
    program = build(tmp_path, "\n".join(map(written, numbers)))
    assert run(program).stdout.decode().splitlines() == list(map(repr, numbers))


def written(number: float) -> str:
    """An expression with a value."""
    if number != number:
        return "0/0;"
    if number in (float("inf"), float("-inf")):
        return "1/0;" if number > 0 else "-1/0;"
    text = repr(abs(number))
    sign = "-" if struct.pack("d", number)[7] & 0x80 else ""
    return f"{sign}{text};"


@needs_compiler
@pytest.mark.skipif(not KNOWN, reason="on this platform endless recursion is not caught")
def test_endless_recursion_ends_with_a_message(tmp_path: Path) -> None:
    done = run(build(tmp_path, "printd(1)\ndef f(x) 1 + f(x + 1)\nf(1)"))
    assert (done.returncode, done.stdout) == (1, b"1.000000\n0.0\n")
    assert done.stderr == b"error: recursion too deep: it used up the stack of 268,435,456 bytes\n"


@needs_compiler
def test_recursion_is_as_deep_as_in_a_script(tmp_path: Path) -> None:
    text = "def f(x) if x < 1 then 0 else 1 + f(x - 1)\nf(1000000)\n"
    text += "def g(x) if x < 1 then 0 else g(x - 1)\ng(100000000)"
    assert run(build(tmp_path, text)).stdout == b"1000000.0\n0.0\n"


@needs_compiler
@pytest.mark.skipif(not KNOWN, reason="there is no handler on this platform")
def test_another_fault_has_its_usual_effect(tmp_path: Path) -> None:
    done = run(build(tmp_path, "extern abort()\nprintd(1)\nabort()"))
    assert done.returncode == -6


@needs_compiler
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_lost_output_is_an_error(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([build(tmp_path, "1")], stdout=full, stderr=subprocess.PIPE, timeout=TIMEOUT)
    assert (done.returncode, done.stderr) == (1, b"error: standard output could not be written\n")


@needs_compiler
@pytest.mark.parametrize(("text", "code"), [("1", 1), ("def f(x) x", 0)])
def test_a_closed_standard_output_is_an_error_where_there_is_output(text: str, code: int, tmp_path: Path) -> None:
    done = run("sh", "-c", '"$0" >&-', build(tmp_path, text))
    assert (done.returncode, done.stderr) == (code, b"error: standard output could not be written\n" * code)


@needs_compiler
def test_a_closed_pipe_ends_it_without_a_message(tmp_path: Path) -> None:
    program = build(tmp_path, "for i = 0, i < 1000000 in printd(i)")
    with subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == -13


@needs_compiler
@pytest.mark.skipif(not KNOWN, reason="on this platform there is no other thread")
def test_a_program_for_whose_thread_there_is_no_memory_runs_on_the_main_one(tmp_path: Path) -> None:
    done = run("sh", "-c", 'ulimit -v 200000; exec "$0"', build(tmp_path, "printd(1)"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"1.000000\n0.0\n", b"")


# The program has begun long before the call that has started its thread returns.
READY = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

double ready(void) { return write(2, "!", 1); }

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*begin)(void *), void *argument) {
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
    int result = create(thread, attributes, begin, argument);
    usleep(300000);
    return result;
}
"""


@needs_compiler
@pytest.mark.skipif(not KNOWN, reason="there is no handler on this platform")
def test_ctrl_c_ends_it_and_its_output_is_kept(tmp_path: Path) -> None:
    library = tmp_path / "library, with 'odd' name"
    (tmp_path / "ready.c").write_text(READY, "utf-8")
    options = ["-shared", "-fPIC", "-Wl,-soname,ready", tmp_path / "ready.c", "-o", library / "ready"]
    library.mkdir()
    run(COMPILER, *options, check=True)
    text = "extern ready() printd(1) ready() for i = 0, 1 in sin(i)"
    program = build(tmp_path, text, f"--load={library / 'ready'}", "--quiet")
    with subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.read(1) == b"!"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b"1.000000\n"
    assert process.returncode == -signal.SIGINT


@needs_compiler
def test_c_calls_the_functions_of_an_object(tmp_path: Path) -> None:
    text = """
        def twice(x) 2 * x
        def half(x) x / 2
        def f(x) half(x)
        f(10)
        def half(x) x / 4
        f(10)
        def binary <> 10 (a b) a < b | a > b
        def sqrt(x) x
    """
    build(tmp_path, text, "--emit=obj", "-o", str(tmp_path / "demo.o"))
    build(tmp_path, text, "--emit=header", "-o", str(tmp_path / "demo.h"))
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "demo.h"\n'
        'int main(void) { printf("%g %g\\n", twice(21), f(12)); int code = kaleido_main(); '
        'printf("%g\\n", f(12)); return code; }\n'
    )
    for compiler in filter(None, [COMPILER, shutil.which("c++")]):
        language = ["-x", "c++", "main.c", "-x", "none"] if compiler.endswith("++") else ["main.c"]
        command = [compiler, "-Wall", "-Werror", *language, "demo.o", "-lm", "-o", "program"]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=TIMEOUT)
        # Before the program has run, and after it, C calls the last definitions.
        assert run(tmp_path / "program").stdout == b"42 3\n5.0\n2.5\n3\n"
    header = (tmp_path / "demo.h").read_text()
    assert re.findall(r"(?m)^double .*;$", header) == [
        "double twice(double x);", "double half(double x);", "double f(double x);"
    ]  # fmt: skip
    assert sorted(re.findall("Not a name that C can call: (.*) ", header)) == ["binary<>", "sqrt"]


@needs_compiler
@pytest.mark.parametrize("level", ["-O0", "-O3"])
def test_an_object_calls_functions_that_other_objects_have(level: str, tmp_path: Path) -> None:
    text = "extern cube(x) extern later(x) def f(x) cube(x) + later(x) def later(x) x / 2 extern unused(x y)"
    build(tmp_path, text, "--emit=obj", "-o", str(tmp_path / "demo.o"), level)
    (tmp_path / "main.c").write_text(
        "#include <stdio.h>\ndouble f(double x), later(double x);\ndouble cube(double x) { return x * x * x; }\n"
        'int main(void) { printf("%g %g\\n", f(2), later(2)); }\n'
    )
    command = [str(COMPILER), "main.c", "demo.o", "-lm", "-o", "program"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=TIMEOUT)
    assert run(tmp_path / "program").stdout == b"9 1\n"


@needs_compiler
@pytest.mark.parametrize("form", ["obj", "asm"])
def test_every_form_is_one_file_with_a_main(form: str, tmp_path: Path) -> None:
    suffix = {"obj": ".o", "asm": ".s"}[form]
    text = "def f(x) x + 1\ndef g(x) f(x) * 2\ng(20)"
    build(tmp_path, text, f"--emit={form}", "-o", str(tmp_path / f"demo{suffix}"))
    subprocess.run([str(COMPILER), f"demo{suffix}", "-lm", "-o", "p"], cwd=tmp_path, check=True, timeout=TIMEOUT)
    assert run(tmp_path / "p").stdout == b"42.0\n"


def test_llvm_ir_and_bitcode(tmp_path: Path) -> None:
    import llvmlite.binding as llvm

    text = build(tmp_path, "def f(x) x + 1\nf(2)", "--emit=llvm").read_text()
    with llvm.parse_assembly(text, llvm.create_context()) as module:
        assert module.get_function("kaleido_main").linkage == llvm.Linkage.external
    data = build(tmp_path, "def f(x) x + 1\nf(2)", "--emit=bc").read_bytes()
    with llvm.parse_bitcode(data, llvm.create_context()) as module:
        assert not module.get_function("main").is_declaration


@needs_compiler
def test_unused_definitions_are_removed(tmp_path: Path) -> None:
    small = build(tmp_path, "printd(1)").stat().st_size
    many = "\n".join(f"def f{number}(x) sin(x) * x + {number} * cos(x)" for number in range(500))
    assert build(tmp_path, f"{many}\nprintd(1)").stat().st_size == small


def test_startup_does_not_decide_whether_loops_are_unrolled_early(tmp_path: Path) -> None:
    """Four sums of twelve steps are computed as vectors, as in the JIT. Only the startup compares integers."""
    text = (
        "def root(x n steps) if steps == 0 then x else root((x + n / x) / 2, n, steps - 1)\n"
        "def sum(limit) var s in (for n = 1, n < limit in s = s + root(n, n, 12)) : s\nsum(5000)"
    )
    assert re.search(r"= fdiv <\d x double>", build(tmp_path, text, "--emit=llvm").read_text())


def test_recursive_functions_have_copies_of_themselves_inlined(tmp_path: Path) -> None:
    """As the optimized code of the JIT has them."""
    text = "def fib(n) if n < 3 then 1 else fib(n-1) + fib(n-2)\nfib(20)"
    assert "kal.fib.impl.counted.integers.recursion" in build(tmp_path, text, "--emit=llvm").read_text()


@needs_compiler
@pytest.mark.skipif(shutil.which("strip") is None, reason="there is no strip")
def test_hello_world_is_small(tmp_path: Path) -> None:
    program = build(tmp_path, "printd(42)")
    subprocess.run(["strip", program], check=True, timeout=TIMEOUT)
    assert program.stat().st_size < 20_000


class Cache:
    """An object cache in memory."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.entries.get(key)

    def put(self, key: str, entry: bytes) -> None:
        assert key not in self.entries
        self.entries[key] = entry


def test_what_has_not_changed_comes_from_the_cache() -> None:
    def program(text: str) -> StaticProgram:
        with Session() as session:
            return static_program(session, Source("demo.kal", text), quiet=False, functions=False)

    cache, plain = Cache(), program("def f(x) x + 1\nf(2)")
    first = executable_code(plain, HOST, cache=cache)
    entries = len(cache.entries)
    assert executable_code(plain, HOST, cache=cache) == first
    assert len(cache.entries) == entries
    changed = executable_code(program("def f(x) x + 2\nf(2)"), HOST, cache=cache)
    assert len(cache.entries) == entries + 1
    assert changed[0] != first[0] and changed[1] == first[1]
    # A program that prints no value has another part in common with others.
    silent = executable_code(program("for i = 1, i < 2 in i"), HOST, cache=cache)
    assert len(silent[1]) < len(first[1])


@needs_compiler
def test_a_generic_processor(tmp_path: Path) -> None:
    assert run(build(tmp_path, "17.5 % 5\nsin(1)", "--cpu=generic")).stdout == b"2.5\n0.8414709848078965\n"


@pytest.mark.parametrize(
    ("triple", "begins", "output"),
    [
        ("aarch64-linux-gnu", b"\x7fELF", b"stdout"),
        ("arm64-apple-darwin", b"\xcf\xfa\xed\xfe", b"__stdoutp"),
        ("x86_64-w64-windows-gnu", b"\x64\x86", b"__acrt_iob_func"),
        ("x86_64-w64-mingw32", b"\x64\x86", b"__acrt_iob_func"),
    ],
)
def test_objects_for_other_platforms(triple: str, begins: bytes, output: bytes, tmp_path: Path) -> None:
    code = build(tmp_path, "putchard(65)", "--emit=obj", f"--target={triple}", "-g").read_bytes()
    assert code.startswith(begins) and output in code and b"demo.kal" in code


def test_a_minus_is_standard_output(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "demo.kal").write_text("def f(x) x + 1\nf(2)")
    for form, text in (("header", b"/* The functions of demo, compiled"), ("obj", b"\x7fELF"), ("asm", b"main:")):
        assert cli.run(["build", str(tmp_path / "demo.kal"), f"--emit={form}", "-o", "-"]) == 0
        assert text in capfdbinary.readouterr().out
    assert not Path("-").exists()


def test_links_pipes_and_devices_stay(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    build(tmp_path, "1", "--emit=header", "-o", str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        build(tmp_path, "1", "--emit=header", "-o", str(tmp_path / "pipe"))
        assert b"kaleido_main" in os.read(reader, 10_000)
    finally:
        os.close(reader)
    assert b"kaleido_main" in (tmp_path / "file").read_bytes()


DEBUGGED = """extern getppid()
def deep(n)
  if n < 1 then
    printd(n)
  else
    1 + deep(n - 1)

def loop(n)
  var s = 1 in
  (for i = 1, i < n in
     printd(s = s + i)) :
  s

deep(3 + 0 * getppid())
loop(3 + 0 * getppid())
"""


@needs_compiler
@pytest.mark.skipif(shutil.which("gdb") is None, reason="GDB is not installed")
def test_gdb_knows_lines_functions_and_variables(tmp_path: Path) -> None:
    program = build(tmp_path, DEBUGGED, "-g")
    commands = ["break demo.kal:4", "run", "backtrace 3", "info args", "break demo.kal:11", "continue", "backtrace 3"]
    options = [each for command in commands for each in ("-ex", command)]
    seen = run("gdb", "-batch", "-nx", *options, program).stdout.decode()
    assert re.search(r"Breakpoint 1[.0-9]*, deep \(n=0\) at .*demo.kal:4\n4\t    printd\(n\)", seen)
    assert re.search(r"#1 .* deep \(n=.*\) at .*demo.kal:6\n", seen)
    assert re.search(r"#0 .*loop.for@10:4 \(.*\) at .*demo.kal:11\n#1 .*loop \(n=3\) at .*demo.kal:10\n", seen)


@needs_compiler
@pytest.mark.skipif(shutil.which("gdb") is None, reason="GDB is not installed")
def test_gdb_finishes_functions_and_finds_versions_and_inlined_ones(tmp_path: Path) -> None:
    text = """extern getppid()
def twice(x)
  x * 2
def many(a b c d e f g h i j)
  a + j * 100
def call(x)
  twice(x) + many(1, 2, 3, 4, 5, 6, 7, 8, 9, x)
call(3 + 0 * getppid())
def twice(x) x * 20  def many(a b c d e f g h i j) a - j
"""
    program = build(tmp_path, text + "call(4 + 0 * getppid())", "-g", "--frame-pointers")
    # gdb 13 executes `vaddsd constant(%rip), %xmm0, %xmm5` wrongly when it steps over a breakpoint out of line.
    commands = ["set displaced-stepping off", "break call", "break twice", "break many", "run"]
    commands += ["continue", "finish", "continue", "finish", "continue", "continue"]
    options = [each for command in commands for each in ("-ex", command)]
    seen = run("gdb", "-batch", "-nx", *options, program).stdout.decode()
    stops = re.findall(
        r"^Thread .* hit Breakpoint \d[.0-9]*, (\w+) .*at .*:(\d+)$|^(Value returned.*)$", seen, re.MULTILINE
    )
    assert [next(filter(None, [value, f"{name}:{line}"])) for name, line, value in stops] == [
        *("call:7", "twice:3", "Value returned is $1 = 6", "many:5", "Value returned is $2 = 301"),
        *("call:7", "twice:9"),
    ], seen


@needs_compiler
@pytest.mark.skipif(shutil.which("gdb") is None, reason="GDB is not installed")
def test_gdb_shows_no_argument_that_a_call_has_overwritten(tmp_path: Path) -> None:
    text = "def halvings(x)\n  if x < 2 then 0\n  else 1 + halvings(x / 2)\nhalvings(40 + 0 * getppid())"
    program = build(tmp_path, "extern getppid() " + text, "-g")
    options = ["-ex", "break demo.kal:2 if x < 2", "-ex", "run", "-ex", "backtrace"]
    seen = run("gdb", "-batch", "-nx", *options, program).stdout.decode()
    shown = re.findall(r"^#\d .*halvings \(x=(.*?)\)", seen, re.MULTILINE)
    assert shown[0] == "1.25"
    known = [float(each) for each in shown if each != "<optimized out>"]
    assert known == sorted(known) and set(known) <= {1.25, 2.5, 5, 10, 20, 40}, seen


@needs_compiler
@pytest.mark.skipif(shutil.which("gdb") is None, reason="GDB is not installed")
def test_gdb_knows_each_variable_where_nothing_is_optimized(tmp_path: Path) -> None:
    text = """def total(n)
  var s in
    (for i = 1, i < n in
       s = s + 1 / i) :
    s
total(4)
"""
    program = build(tmp_path, text, "-g", "-O0")
    commands = ["break demo.kal:4", "run", *["backtrace 2", "continue"] * 5]
    options = [each for command in commands for each in ("-ex", command)]
    seen = run("gdb", "-batch", "-nx", *options, program).stdout.decode()
    frames = re.findall(r"^#0 +total.for@3:6 \((.*)\) at .*:4\n#1 .* in total \(n=4\) at .*:3$", seen, re.MULTILINE)
    assert frames == ["i=1, s=0, n=4", "i=2, s=1, n=4", "i=3, s=1.5, n=4", "i=4, s=1.8333333333333333, n=4"], seen
    assert "exited normally" in seen


@needs_compiler
@pytest.mark.skipif(shutil.which("gdb") is None, reason="GDB is not installed")
def test_gdb_steps_over_calls_and_over_what_the_prelude_defines(tmp_path: Path) -> None:
    text = """def twice(x)
  x * 2
def sum(n)
  var s in
    (for i = 1, i < n & i < 9 in
       s = s + twice(i)) :
    printd(s) :
    s
sum(3)
"""
    program = build(tmp_path, text, "-g", "-O0")
    commands = ["break sum", "run", *["next"] * 4, "info locals", "kill", "run", *["step"] * 6, "backtrace 2"]
    options = [each for command in ("set confirm off", *commands) for each in ("-ex", command)]
    seen = run("gdb", "-batch", "-nx", *options, program).stdout.decode()
    lines = re.findall(r"^(\d)\t", seen, re.MULTILINE)
    # Its own lines, the operators' last; then those of the loop and of what it calls.
    assert lines == ["4", "5", "7", "6", "8", "4", "5", "6", "2", "5", "6", "2"], seen
    assert "\ns = 12\n" in seen
    assert re.search(r"#0 +twice \(x=2\) at .*:2\n#1 .* in sum.for@5:6 \(i=2, s=2, n=3\) at .*:6\n", seen), seen


@needs_compiler
@pytest.mark.skipif(shutil.which("llvm-dwarfdump") is None, reason="llvm-dwarfdump is not installed")
def test_debug_information_is_valid(tmp_path: Path) -> None:
    for arguments in (["-g"], ["-g", "-O0"], ["-g", "--emit=obj"], ["-g", "--emit=obj", "--target=aarch64-linux-gnu"]):
        done = run("llvm-dwarfdump", "--verify", build(tmp_path, DEBUGGED, *arguments))
        assert (done.returncode, b"No errors" in done.stdout) == (0, True), done.stdout.decode()


@needs_compiler
@pytest.mark.skipif(shutil.which("objcopy") is None, reason="there is no objcopy")
def test_debug_information_does_not_change_the_code(tmp_path: Path) -> None:
    def code(*arguments: str) -> bytes:
        objects = build(tmp_path, DEBUGGED, "--emit=obj", *arguments)
        run("objcopy", "-O", "binary", "--only-section=.text", objects, tmp_path / "text")
        return (tmp_path / "text").read_bytes()

    assert code("-g") == code()


@needs_compiler
def test_ctrl_c_ends_the_linker_too(tmp_path: Path) -> None:
    (tmp_path / "demo.kal").write_text("1")
    (tmp_path / "linker").write_text('#!/bin/sh\necho $$ > "$1"\nexec sleep 100\n')
    (tmp_path / "linker").chmod(0o755)
    os.mkfifo(tmp_path / "pipe")
    options = ["-o", str(tmp_path / "out"), "--linker", f"{tmp_path}/linker {tmp_path}/pipe"]
    command = [sys.executable, "-m", "kaleido", "build", str(tmp_path / "demo.kal"), *options]
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE) as process:
        linker = int((tmp_path / "pipe").read_text())
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=TIMEOUT)[1] == b"interrupted\n"
    assert process.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(linker, 0)
    assert not list(tmp_path.glob("kaleido-*"))


def test_what_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def message(*arguments: str, text: str = "1") -> str:
        (tmp_path / "demo.kal").write_text(text)
        assert cli.run(["build", str(tmp_path / "demo.kal"), "-o", str(tmp_path / "out"), *arguments]) != 0
        assert not (tmp_path / "out").exists()
        return next(line for line in capfd.readouterr().err.splitlines() if "error: " in line)

    assert message("--cpu=pentium9") == "error: LLVM knows no processor pentium9 of this platform"
    assert "guaranteed tail calls" in message("--target=riscv64-linux-gnu", "--emit=obj")
    assert "a platform of 32 bits" in message("--target=armv7-linux-gnueabihf", "--emit=obj")
    assert "--cpu needs a name" in message("--cpu=")
    assert "--target needs --emit" in message("--target=aarch64-linux-gnu")
    assert "No available targets" in message("--target=mars-mars", "--emit=obj")
    assert message("--emit=obj", text="extern f(x)\nf(1)") == "error: `f` is declared, and not defined"
    assert message(text="extern f(x)\nf(1)") == "error: `f` is declared, and not defined"
    assert message(text="1 +") == "error: unexpected end of input"
    assert "could not link" in message("--linker=false")
    assert message("--linker=no-such-linker") == "error: cannot run no-such-linker: No such file or directory"
    assert message("--linker='") == "error: ' is no command: No closing quotation"
    assert message("-o", f"{tmp_path}/out/").endswith("/out/ would be a directory: name a file in it")
    assert "would replace" in message("-o", str(tmp_path / "demo.kal"))
    assert (tmp_path / "demo.kal").read_text() == "1"
    assert message("-o", str(tmp_path / "no" / "out")).startswith("error: cannot write ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_lost_code_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "demo.kal").write_text("1")
    command = [sys.executable, "-m", "kaleido", "build", "--emit=header", str(tmp_path / "demo.kal"), "-o"]
    for output, name in (("-", "standard output"), ("/dev/full", "/dev/full")):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*command, output], stdout=full, stderr=subprocess.PIPE, timeout=TIMEOUT)
        message = f"error: cannot write {name}: No space left on device\n"
        assert (done.returncode, done.stderr.decode()) == (1, message)
