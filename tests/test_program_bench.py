"""`kaleido bench FILE`: which runs are made and compared, and how they are shown. No test looks at a time."""

from __future__ import annotations

import ctypes
import json
import re
from collections.abc import Callable
from pathlib import Path

import llvmlite.binding as llvm
import pytest
from wcwidth import wcswidth

from kaleido import KaleidoError, Session, cli
from kaleido.bench import Disagreement, measure_program
from kaleido.bench.program_runs import MODES
from kaleido.diagnostics import Source
from kaleido.report.bars import program_chart
from kaleido.report.measurement import ProgramMeasurement, ProgramRun

PROGRAM = """
def fib(n) if n < 3 then 1 else fib(n - 1) + fib(n - 2)
fib(20)
def square(x) x * x
for i = 1, i < 3 in printd(square(i))
0/0
"""


class Clock:
    """A clock that goes on by a second each time it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


class Opened:
    """Opens sessions, and lists their modes."""

    def __init__(self) -> None:
        self.modes: list[str] = []
        self.sessions: list[Session] = []

    def __call__(self, mode: str) -> Session:
        self.modes.append(mode)
        self.sessions.append(Session(jit=mode))
        return self.sessions[-1]


# Runs


def test_the_modes_take_turns_in_new_sessions(capfd: pytest.CaptureFixture[str]) -> None:
    opened = Opened()
    found = measure_program(Source("p", PROGRAM), seconds=40, open_session=opened, clock=Clock())
    # The first session only warms up. A round is three runs, and the clock goes on by eight seconds in it.
    assert opened.modes == ["O0", *MODES * found.count]
    assert found.count > 1
    assert {mode: len(runs) for mode, runs in found.runs.items()} == dict.fromkeys(MODES, found.count)
    for session in opened.sessions:
        with pytest.raises(RuntimeError, match="closed"):
            session.engine.stats()


def test_a_program_runs_once_in_each_mode_at_least() -> None:
    assert measure_program(Source("p", "1"), seconds=0).count == 1


def test_compiling_is_all_but_the_run() -> None:
    found = measure_program(Source("p", PROGRAM), seconds=0, clock=Clock())
    for runs in found.runs.values():
        # The clock has moved by one second. The expressions took less, on a clock of their own.
        assert [each.total for each in runs] == [1.0]
        assert all(0 < each.run < 1 for each in runs)


def test_an_empty_program_on_a_clock_that_stands_still() -> None:
    found = measure_program(Source("p", "# nothing"), seconds=0, clock=lambda: 0.0)
    assert "about as fast as -O0 alone" in program_chart(found, 80)


def test_what_is_compiled_beside_a_tiered_run() -> None:
    def open_session(mode: str) -> Session:
        return Session(jit="sync" if mode == "tiered" else mode, threshold=2)

    found = measure_program(Source("p", PROGRAM), seconds=0, open_session=open_session)
    assert {mode: found.median(mode).beside > 0 for mode in MODES} == {"O0": False, "O3": False, "tiered": True}


def test_an_error_of_the_program_ends_it() -> None:
    opened = Opened()
    with pytest.raises(KaleidoError, match="nosuch"):
        measure_program(Source("p", "1\nnosuch(1)"), open_session=opened)
    assert opened.modes == ["O0", "O0"]
    with pytest.raises(RuntimeError, match="closed"):
        opened.sessions[-1].engine.stats()


# Values


def value_of(function: Callable[[], float], name: str) -> object:
    """Make a C function that programs can declare. The caller keeps the result alive."""
    thunk = ctypes.CFUNCTYPE(ctypes.c_double)(function)
    llvm.add_symbol(name, ctypes.cast(thunk, ctypes.c_void_p).value)
    return thunk


def test_values_that_depend_on_the_mode_are_an_error() -> None:
    opened = Opened()
    thunk = value_of(lambda: float(opened.modes[-1] == "O3"), "program_bench_mode")
    with pytest.raises(Disagreement, match=r"0\.0 at O0, 1\.0 at O3, 0\.0 at tiered"):
        measure_program(
            Source("p", "1 extern program_bench_mode() program_bench_mode()"), seconds=0, open_session=opened
        )
    # Once more, because the value might have varied.
    assert opened.modes == ["O0", *MODES * 2]
    assert thunk


def test_a_value_that_varies_is_not_compared() -> None:
    numbers = iter(range(100))
    thunk = value_of(lambda: float(next(numbers)), "program_bench_next")
    assert measure_program(Source("p", "extern program_bench_next() program_bench_next()"), seconds=0).count == 2
    assert thunk


# Showing


def measurement(*runs: ProgramRun, count: int = 3) -> ProgramMeasurement:
    return ProgramMeasurement({mode: (run,) * count for mode, run in zip(MODES, runs, strict=True)})


SLOW, FAST, TIERED = ProgramRun(0.02, 0.8), ProgramRun(0.1, 0.2), ProgramRun(0.03, 0.22, 0.04)


def test_a_chart_of_60_columns() -> None:
    assert program_chart(measurement(SLOW, FAST, TIERED), 60).splitlines() == [
        "                                      total  compile     run",
        "-O0     ▒██████████████████████████  820 ms  20.0 ms  800 ms",
        "-O3     ▒▒▒███████                   300 ms   100 ms  200 ms",
        "tiered  ▒███████                     250 ms  30.0 ms  220 ms",
        "▒ compile, █ run. Medians of 3 runs each. Tiered is 1.2",
        "times as fast as -O3 alone. Beside the tiered run, -O3 took",
        "40.0 ms to compile.",
    ]


def test_the_better_of_the_tiers_alone_is_compared() -> None:
    assert "about as fast as -O0 alone" in program_chart(measurement(FAST, SLOW, FAST), 120)
    assert "2.7 times as slow as -O3 alone" in program_chart(measurement(SLOW, FAST, SLOW), 120)
    assert "One run each." in program_chart(measurement(SLOW, FAST, SLOW, count=1), 120)


def test_a_chart_is_never_too_wide_and_no_bar_empty() -> None:
    extremes = [ProgramRun(0.0, 1e-9), ProgramRun(999.9, 0.0), ProgramRun(1e-6, 5e4)]
    for columns in range(40, 200):
        for runs in ([SLOW, FAST, TIERED], extremes, extremes[::-1]):
            lines = program_chart(measurement(*runs), columns).splitlines()
            assert max(map(wcswidth, lines)) <= columns
            assert all(re.search("[▒█]", line) for line in lines[1:4])


# The command


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.kal"
    path.write_text(PROGRAM)
    return path


def test_the_command_shows_a_chart_and_no_output(program: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", "--seconds", "0", str(program)]) == 0
    output, errors = capfd.readouterr()
    assert errors == ""
    assert re.findall(r"^\S+", output, re.MULTILINE)[:3] == ["-O0", "-O3", "tiered"]
    assert "9.000000" not in output


def test_the_command_writes_json(program: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", "--json", "--seconds=0", str(program)]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["file"] == str(program)
    assert {mode: [each.keys() for each in runs] for mode, runs in found["seconds"].items()} == {
        mode: [{"compile", "run", "beside"}] for mode in MODES
    }


def test_errors_of_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.kal"
    wrong.write_text("extern getpid()\n1 + nosuch\n")
    for arguments, code, message in [
        ([str(wrong)], 1, f"error: unknown variable `nosuch`\n  ┌ {wrong}:2:5\n"),
        (["--no-extern", str(wrong)], 1, "error: "),
        ([str(tmp_path / "missing.kal")], 2, "cannot read"),
        (["--load", "/nosuch.so", str(wrong)], 2, "cannot load /nosuch.so"),
        (["--seconds", "nan", str(wrong)], 2, "a number of seconds, not 'nan'"),
        (["--seconds", "x", str(wrong)], 2, "a number of seconds, not 'x'"),
        ([], 2, "FILE"),
    ]:
        assert cli.run(["bench", *arguments]) == code
        output, errors = capfd.readouterr()
        assert output == ""
        assert message in errors
    assert cli.run(["bench", "--help"]) == 0
