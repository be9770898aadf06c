"""The languages in tutorials/languages: each example in every mode, mistakes, stops, and what the engine does for them.

They import the engine only, and are small enough to be read.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tape import Tape, TapeError
from typed import Typed, TypedError

from kaleido.jit import Event, EventKind, Interrupted, Policy, StackOverflow, Tier
from tests.jit.helpers import settle, sync

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tutorials" / "languages"
MODES = {
    "O0": Policy(optimize=False),
    "O3": Policy(baseline=False),
    "sync": sync(3),
    "tiered": Policy(call_threshold=2, iteration_threshold=2),
}

each_mode = pytest.mark.parametrize("policy", MODES.values(), ids=MODES)
tapes = pytest.mark.parametrize("path", sorted(FOLDER.glob("*.tape")), ids=lambda path: path.stem)
typed_programs = pytest.mark.parametrize("path", sorted(FOLDER.glob("*.typed")), ids=lambda path: path.stem)


def expected(path: Path) -> list[str]:
    return re.findall(r"^# expect: (.*)$", path.read_text("utf-8"), re.MULTILINE)


def typed(text: str, policy: Policy | None = None) -> str:
    """What a program prints."""
    output = io.StringIO()
    with Typed(policy, output) as language:
        language.run(text)
    return output.getvalue()


def as_command(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, cwd=FOLDER, env=environment, timeout=60)


# All of them


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_they_are_short_and_import_the_engine_alone(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    imported = {each.module or "" for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
    imported |= {alias.name for each in ast.walk(tree) if isinstance(each, ast.Import) for alias in each.names}
    assert {each for each in imported if each.startswith("kaleido")} == {"kaleido.jit"}


def test_a_front_end_is_one_file_of_less_than_250_lines() -> None:
    """What its file imports beside Python, llvmlite and the engine would be a part of it."""
    for path in FOLDER.glob("*.py"):
        text = path.read_text("utf-8")
        assert len(text.splitlines()) < 250, path.name
        modules = {each.split()[1].partition(".")[0] for each in re.findall(r"^(?:import|from) .*", text, re.MULTILINE)}
        assert modules <= {*sys.stdlib_module_names, "llvmlite", "kaleido"}, path.name


def test_the_table_has_each_program_once() -> None:
    listed = re.findall(r"^\| \[([\w.]+)\]\(\1\) \| .+ \|$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".py", ".tape", ".typed"))


def stop_by_ctrl_c(run: Callable[[], None]) -> Callable[[Event], None]:
    """A listener that presses Ctrl-C when a loop's optimized code is in use."""

    def listen(event: Event) -> None:
        if event.kind is EventKind.SWAPPED:
            threading.Thread(target=run).start()

    return listen


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


# Tape


@tapes
@each_mode
def test_tape(path: Path, policy: Policy, capfd: pytest.CaptureFixture[str]) -> None:
    with Tape(policy) as tape:
        tape.run(path.read_text("utf-8"))
    assert capfd.readouterr().out.splitlines() == expected(path) != []


def test_a_loop_is_replaced_while_it_runs() -> None:
    """On-stack replacement: the only run of the program ends after the loop has got its optimized code."""
    events: list[Event] = []
    with Tape(Policy(background=False)) as tape:
        tape.engine.subscribe(events.append)
        tape.run((FOLDER / "million.tape").read_text("utf-8"))
    [loop] = {each.unit for each in events if each.kind is EventKind.SWAPPED and each.unit == "the loop at 7:9"}
    happened = [(each.kind, each.unit) for each in events]
    assert happened.count((EventKind.RAN, "main program")) == 1
    assert happened.index((EventKind.SWAPPED, loop)) < happened.index((EventKind.RAN, "main program"))
    [swapped] = [each for each in events if each.kind is EventKind.SWAPPED and each.unit == loop]
    assert swapped.tier is Tier.OPTIMIZED
    assert swapped.runs == 10_000  # of a million


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("+\n [", "2:2: `[` is never closed"),
        ("a {", "1:1: `a {` is never closed"),
        ("]", "1:1: `]` closes nothing"),
        ("+ }", "1:3: `}` closes nothing"),
        ("a { [ } ]", "1:7: `}` closes nothing"),
        ("{ + }", "1:1: a procedure has no name"),
        ("a { b { } }", "1:5: a procedure is defined inside another one, or a loop"),
        ("+ ! +", "1:3: `!` has no meaning"),
        ("+ gone +", "`gone` is not defined"),
    ],
)
def test_mistakes_in_tape(text: str, message: str) -> None:
    with Tape() as tape:
        with pytest.raises(TapeError) as raised:
            tape.run(text)
        assert str(raised.value) == message
        tape.run("+++")
        assert tape[0] == 3


def test_the_tape_is_a_ring_of_64_bits() -> None:
    with Tape() as tape:
        tape.run("< -")
        assert (tape.cell, tape[tape.cell]) == (65_535, -1)
        tape.run("+ >")
        assert (tape.cell, tape[65_535]) == (0, 0)


@each_mode
def test_procedures_are_redefined(policy: Policy) -> None:
    with Tape(policy) as tape:
        tape.run("step { + } five { step step step step step } five five five")
        assert tape[0] == 15
        tape.run("step { ++ } five")
        assert tape[0] == 25


def test_names_of_c_functions_and_of_the_program_s_own() -> None:
    with Tape() as tape:
        tape.run("putchar { + } getchar { + } tape { + } main { + } loop { + } putchar getchar tape main loop")
        assert tape[0] == 5


def test_loops_may_be_nested_as_deeply_as_memory_allows() -> None:
    with Tape(Policy(optimize=False)) as tape:
        tape.run("[" * 500 + "+" + "]" * 500)
        assert tape[0] == 0


@each_mode
def test_endless_recursion_in_tape(policy: Policy) -> None:
    with Tape(policy) as tape:
        with pytest.raises(StackOverflow) as caught:
            tape.run("deep { + deep > } deep")
        assert caught.value.unit is not None and caught.value.unit.label == "deep"
        tape.run("[-] +")
        assert tape[0] == 1


def test_ctrl_c_in_tape() -> None:
    with Tape(Policy(background=False)) as tape:
        tape.engine.subscribe(stop_by_ctrl_c(press))
        with pytest.raises(Interrupted, match="interrupted in the loop at 1:3"):
            tape.run("+ []")
        tape.run("[-]")
        assert tape[0] == 0


def test_tape_as_a_command() -> None:
    done = as_command("tape.py", "hello.tape")
    assert (done.stdout, done.stderr) == ("Hello World!", "")
    done = as_command("tape.py", text="+++\n]\n,+[-.,+]\nquit\n")
    assert done.stderr == ""
    assert done.stdout.split("> ")[1:3] == ["cell 0 is 3", "1:1: `]` closes nothing\ncell 0 is 3"]


# Typed


@typed_programs
@each_mode
def test_typed(path: Path, policy: Policy) -> None:
    assert typed(path.read_text("utf-8"), policy).splitlines() == expected(path) != []


@typed_programs
def test_programs_in_typed_print_what_they_print_in_python(path: Path) -> None:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(path.read_text("utf-8"), {})
    assert output.getvalue().splitlines() == expected(path)


def test_a_loop_in_typed_is_replaced_while_it_runs() -> None:
    events: list[Event] = []
    output = io.StringIO()
    with Typed(Policy(background=False), output) as language:
        language.subscribe(events.append)
        language.run("n = 0\nwhile n < 100000:\n  n += 1\nprint(n)")
    assert output.getvalue() == "100000\n"
    happened = [(each.kind, re.sub(r"\d+ at", "N at", each.unit)) for each in events]
    assert happened.index((EventKind.SWAPPED, "loop N at 2:1")) < happened.index((EventKind.RAN, "main program"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x =", "1:4: invalid syntax"),
        ("\0", "1:1: source code string cannot contain null bytes"),
        ("import os", "1:1: Import cannot be used here"),
        ("for i in range(3): 1", "1:1: For cannot be used here"),
        ("print(x)", "1:7: `x` is not defined here"),
        ("print('a', 'b')", "1:1: `print('a', 'b')` cannot be used here"),
        ("print(gone(1))", "1:7: `gone(1)` cannot be used here"),
        ("print(1 < 2)", "1:7: this is i1, and i64 is needed"),
        ("if 1:\n  two(1)", "1:4: this is i64, and i1 is needed"),
        ("if 1 < 2 < 3: two(1)", "1:4: `1 < 2 < 3` cannot be used here"),
        ("print(9223372036854775808)", "1:7: `9223372036854775808` cannot be used here"),
        ("x = True", "1:5: `True` cannot be used here"),
        ("x = 'text'", "1:5: `'text'` cannot be used here"),
        ("x = 1\nx = 1.5", "2:1: this is double, and i64 is needed"),
        ("x = 2 % 2", "1:5: Mod is not defined"),
        (
            "x: list[int] = [0] * 0",
            "1:1: " + (types := "the types of parameters and items are int or float, and items begin as 0"),
        ),
        ("x: list[int] = [1] * 3", f"1:1: {types}"),
        ("x: int = 3", f"1:1: {types}"),
        ("x: list[int] = [0] * " + "9" * 40, "1:1: "),
        ("def f(a): return a", f"1:1: {types}"),
        ("def f(a: int = 3): return a", f"1:1: {types}"),
        ("def f(*a: int): return a", f"1:1: {types}"),
        ("@f\ndef f(a: int): return a", f"2:1: {types}"),
        ("def f(a: float):\n  return a", "2:10: this is double, and i64 is needed"),
        ("def f(a: int) -> int:\n  return a / 2", "2:10: this is double, and i64 is needed"),
        ("def f() -> int:\n  while 1 < 2:\n    return 2", "3:5: Return cannot be used here"),
        ("return 1", "1:1: Return cannot be used here"),
        ("print(two())", "1:7: two takes 1 arguments, not 0"),
        ("if 1 < 2:\n  x = 1\nprint(x)", "3:7: `x` is not defined here"),
        ("def f(): 1\ndef f(): 1", "1:1: a symbol is given twice"),
        ("items[3] = 1", "1:1: the index is out of range"),
        ("if two(1) == 2:\n  print(items[3])", "2:9: the index is out of range"),
        ("print(items[-1])", "1:7: the index is out of range"),
        ("i = 0\nwhile i < 5:\n  items[i] = two(3)\n  i += 1", "3:3: the index is out of range"),
        ("print(" + "1+" * 5_000 + "1)", "1:1: "),
        ("def two(x: float) -> int: return 2", "1:1: two is called by another signature: by user"),
    ],
)
@each_mode
def test_mistakes_in_typed(text: str, message: str, policy: Policy) -> None:
    output = io.StringIO()
    with Typed(policy, output) as language:
        language.run(
            "items: list[int] = [0] * 3\ndef two(x: int) -> int:\n  items[x - 1] = x\n  return 2 * x\n"
            "def user() -> int: return two(1)"
        )
        with pytest.raises(TypedError) as raised:
            language.run(text)
        # What Python and LLVM say of a number or of recursion is not the same in each of their versions.
        assert str(raised.value) == message or (message == "1:1: " and str(raised.value).startswith(message))
        output.truncate(0)
        output.seek(0)
        language.run("print(user())")
        assert output.getvalue() == "2\n"


@each_mode
def test_arithmetic_is_that_of_python(policy: Policy) -> None:
    numbers = [-7, -1, 0, 1, 3, 2**31 - 1, 0.5, -2.5]
    lines = [f"print({a} {operator} {b})" for a in numbers for b in numbers if b for operator in "+-*/"]
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec("\n".join(lines))
    assert typed("\n".join(lines), policy) == output.getvalue()


@each_mode
@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
def test_comparisons_are_those_of_python(sign: str, policy: Policy) -> None:
    pairs = [(a, b) for a in (-1, 0, 1.5) for b in (-1, 0, 1.5)]
    program = "".join(f"if {a} {sign} {b}:\n  print('{a} {b}')\n" for a, b in pairs)
    assert typed(program, policy).splitlines() == [f"{a} {b}" for a, b in pairs if eval(f"{a} {sign} {b}")]


def test_a_number_that_is_none_differs_from_itself() -> None:
    program = "x = 0.0\nif x / x != x / x:\n  print('differs')\nif x / x == x / x:\n  print('equals')"
    assert typed(program) == "differs\n"


def test_integers_wrap_around_and_texts_are_utf_8() -> None:
    program = "print(9223372036854775807 + 1)\nprint('é\\0\\ud800')"
    assert typed(program) == "-9223372036854775808\né?\n"


@each_mode
def test_definitions_together_change_a_type(policy: Policy) -> None:
    before = "def f(x: int) -> int: return x\ndef g() -> float: return f(3)\n"
    after = "def f(x: float) -> float: return x / 2\ndef g() -> float: return f(3)\n"
    run = "i = 0\nwhile i < 5:\n  print(g())\n  i += 1\n"
    output = io.StringIO()
    with Typed(policy, output) as language:
        language.run(before + run)
        language.run(after + run)
    assert output.getvalue() == "3.0\n" * 5 + "1.5\n" * 5


def test_an_array_of_the_same_length_keeps_its_items() -> None:
    output = io.StringIO()
    with Typed(output=output) as language:
        language.run("items: list[float] = [0] * 3\nitems[1] = 7")
        language.run("items: list[float] = [0] * 3\nprint(items[1])")
        language.run("items: list[float] = [0] * 4\nprint(items[1])")
    assert output.getvalue() == "7.0\n0.0\n"


def test_a_constant_is_folded_and_a_new_one_deoptimizes() -> None:
    output = io.StringIO()
    with Typed(sync(3), output) as language:
        language.run(
            "def scale() -> int: return 10\ndef f(x: int) -> int: return scale() * x\n"
            "i = 0\nwhile i < 9:\n  print(f(i))\n  i += 1"
        )
        settle(language)
        assert language.describe("f").tier is Tier.OPTIMIZED
        assert language.describe("scale").dependents != ()
        language.run("def scale() -> int: return 11")
        assert language.describe("f").tier is Tier.BASELINE
        language.run("print(f(9))")
    assert output.getvalue().splitlines() == [str(10 * i) for i in range(9)] + ["99"]


def test_an_exception_in_print_ends_the_program() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("the disk is full")

    with Typed(sync(3), Full()) as language, pytest.raises(OSError, match="the disk is full"):
        language.run("i = 0\nwhile i < 1000:\n  print(i)\n  i += 1")


def test_endless_recursion_in_typed() -> None:
    with pytest.raises(StackOverflow, match="stack overflow in f"):
        typed("def f(n: int) -> int: return f(n + 1) + f(n + 2)\nprint(f(1))")


def test_ctrl_c_in_typed() -> None:
    output = io.StringIO()
    with Typed(Policy(background=False), output) as language:
        language.subscribe(stop_by_ctrl_c(press))
        with pytest.raises(Interrupted, match=r"interrupted in loop \d+ at 1:1"):
            language.run("while 1 < 2: 1")
        language.run("print(1)")
    assert output.getvalue() == "1\n"


def test_typed_as_a_command() -> None:
    done = as_command("typed.py", "primes.typed")
    assert (done.stdout.splitlines(), done.stderr) == (expected(FOLDER / "primes.typed"), "")
    done = as_command("typed.py", text="def x() -> int: return 3\nprint(x() + 1)\nprint(y)\n")
    assert (done.stdout, done.stderr) == ("typed> typed> 4\ntyped> 1:7: `y` is not defined here\ntyped> ", "")
