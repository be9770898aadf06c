"""The benchmark command: its kernels, tables and picture; and a short version of it, with wide limits.

The short version counts instructions, which is the same on a busy machine. It needs valgrind and gcc.
"""

from __future__ import annotations

import platform
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from kaleido import Session
from kaleido.diagnostics import Source
from kaleido.jit import Tier
from kaleido.jit.ahead_of_time import Machine
from tests.benchmarks import __main__ as command
from tests.benchmarks import array_maps, processes
from tests.benchmarks.chart import chart
from tests.benchmarks.figures import Figure, figure_table, ratio
from tests.benchmarks.floor import Floor, in_c_convention
from tests.benchmarks.kernels import FOLDER, KERNELS, Kernel
from tests.benchmarks.peak import Disagreement, Result, geometric_mean, measured, summary, table
from tests.benchmarks.peers import Outcome, Peer
from tests.benchmarks.processes import ROOT, Failed, Times, python, run
from tests.benchmarks.report import block, merged, updated
from tests.benchmarks.tiering import Program, Tiering, figures, programs
from tests.benchmarks.tiering import table as tiering_table

# Kernels


def test_the_kernels_are_the_files() -> None:
    files = {path.name for path in FOLDER.iterdir()}
    names = {kernel.name for kernel in KERNELS}
    assert {f"{name}{suffix}" for name in names for suffix in (".kal", ".c")} <= files
    assert {path.stem for path in FOLDER.iterdir()} == names
    assert len({kernel.title for kernel in KERNELS}) == len(KERNELS)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_a_kernel_has_one_expression_at_its_end(kernel: Kernel) -> None:
    text = kernel.path(".kal").read_text("utf-8")
    with Session(jit="O0") as session:
        kinds = [type(item).__name__ for item in session.check(Source(kernel.name, text))]
    assert "Definition" not in kinds[-1:]
    assert set(kinds[:-1]) <= {"Definition"}
    # The same limits in each language: the numbers of the last expression.
    if len(kinds) > 1:
        numbers = re.findall(r"\b\d+\b", text.rstrip().rpartition("\n")[2])
        for suffix in (".c", ".lua", ".js"):
            if kernel.path(suffix).exists():
                assert all(number in kernel.path(suffix).read_text() for number in numbers), suffix


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_c_is_compiled_for_any_argument(kernel: Kernel) -> None:
    main = kernel.path(".c").read_text("utf-8").partition("int main(void) {")[2]
    arguments = re.findall(r"volatile double (.*);", main)
    assert arguments
    assert not re.search(r"(?<![.\d])\d{2}", main.replace(arguments[0], "").replace("%.17g", ""))


def test_kernels_that_spend_their_time_in_remainders_are_marked() -> None:
    def remainder(kernel: Kernel) -> bool:
        lines = kernel.path(".kal").read_text("utf-8").splitlines()
        return any(" % " in line.partition("#")[0] for line in lines)

    assert {kernel.name for kernel in KERNELS if kernel.remainder} == {
        kernel.name for kernel in KERNELS if remainder(kernel)
    }


# Measuring

FIB = KERNELS[0]


def contestant(name: str, *seconds: float, value: float = 1.0) -> Peer:
    """One whose runs take these times; twice as much of the processor."""
    left = list(seconds)

    def once() -> Outcome:
        wall = left.pop(0)
        return Outcome(value, Times(wall, 2 * wall))

    return Peer(name, lambda kernel: once)


def test_contestants_take_turns_and_the_fastest_run_counts() -> None:
    log: list[str] = []

    def logged(name: str) -> Peer:
        def prepare(kernel: Kernel) -> Callable[[], Outcome]:
            return lambda: log.append(name) or Outcome(1.0, Times(1.0, 1.0))  # type: ignore[func-returns-value]

        return Peer(name, prepare)

    measured(FIB, [logged("a"), logged("b")], 3)
    assert log == ["a", "b"] * 3
    result = measured(FIB, [contestant("kaleido", 3.0, 2.0), contestant("gcc", 4.0, 5.0), contestant("clang", 9, 8)], 2)
    assert (result.native("wall"), result.ratio("kaleido", "wall"), result.ratio("clang", "cpu")) == (4.0, 0.5, 2.0)
    assert result.ratio("node", "wall") is None


def test_different_values_are_an_error() -> None:
    with pytest.raises(Disagreement, match=r"fib: different values, 1\.0 \(kaleido\) and 2\.0 \(gcc\)"):
        measured(FIB, [contestant("kaleido", 1.0), contestant("gcc", 1.0, value=2.0)], 1)


def test_a_kernel_is_left_out_where_there_is_no_program() -> None:
    assert measured(FIB, [Peer("lua", lambda kernel: None)], 1).times == {}


def test_a_ratio_is_that_of_the_minima_after_a_run_that_does_not_count() -> None:
    def taking(*seconds: float) -> Callable[[], Times]:
        left = list(seconds)
        return lambda: Times(left.pop(0), 0.0)

    assert ratio(taking(0.1, 3.0, 4.0), taking(0.1, 8.0, 1.5), 2, "wall") == 2.0


def test_a_command_that_fails_is_an_error() -> None:
    times, output = run(python("-c", "import os; print(os.environ.get('PYTHONUNBUFFERED'), os.environ['X'])"), X="7")
    assert output == "None 7\n"
    assert times.cpu > 0
    assert times.wall > 0
    with pytest.raises(Failed, match="exit code 3"):
        run(python("-c", "raise SystemExit(3)"))
    with pytest.raises(Failed, match="No such file"):
        run(["/nosuch"])


@pytest.mark.parametrize(
    ("busy", "expected"),
    [
        # Seconds that all processes have used, before and after each run of 1 s.
        ([0.0, 1.1], [1.0]),
        ([0.0, 1.5, 1.5, 2.5], [1.0, 0.9]),
        ([0.0, 1.5, 1.5, 3.0, 3.0, 4.5], [1.0, 0.9, 1.1]),
    ],
)
def test_a_run_that_others_disturb_is_repeated(
    busy: list[float], expected: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    walls, readings, seen = iter([1.0, 0.9, 1.1]), iter(busy), []

    def once(command: list[str]) -> tuple[Times, str]:
        seen.append(next(walls))
        return Times(seen[-1], 1.0), ""

    monkeypatch.setattr(processes, "run", once)
    monkeypatch.setattr(processes, "_busy", lambda: next(readings))
    assert processes.undisturbed(["program"]).wall == (min(expected) if len(expected) == 3 else expected[-1])
    assert seen == expected and next(readings, None) is None


def test_the_system_tells_how_busy_it_is() -> None:
    before = processes._busy()
    run(python("-c", "sum(range(10_000_000))"))
    assert not Path("/proc/stat").exists() or processes._busy() > before > 0


def test_short_differences_are_none_between_tiers() -> None:
    program = Program("kernels", Path("p.kal"))
    assert Tiering(program, {"tiered": 0.109, "O0": 0.5, "O3": 0.1}).ratio == 1.0
    long = Tiering(program, {"tiered": 1.5, "O0": 1.2, "O3": 3.0})
    assert long.ratio == 1.25
    assert tiering_table([long]).splitlines()[2:] == ["| p | 1.20 | 3.00 | 1.50 | 1.25 | ✗ |"]
    assert [(each.goal, each.result) for each in figures([long])] == [(None, pytest.approx(1.25)), (1.05, 1.25)]


def test_the_workloads_of_cold_code_run(tmp_path: Path) -> None:
    cold = [each.path for each in programs(tmp_path) if each.group == "cold code"]
    assert [path.stem for path in cold] == ["called_twice", "one_of_many"]
    with Session(jit="O0") as session:
        assert session.run(cold[0].read_text()) == 1997.0
    assert len(re.findall("^def", cold[1].read_text(), re.MULTILINE)) == 10_000


def test_the_floor_loads_what_the_tiers_compile() -> None:
    floor = Floor()
    with Session(jit="O0") as session:
        session.run("def f(x) if x < 1 then 0 else f(x - 1) def g(x) f(x) + 1")
        for name in ("f", "g"):
            unit = session[name].unit
            for tier in Tier:
                floor.load(unit, tier)
            plain = in_c_convention(unit.ir)
            assert ("musttail" in unit.ir, "tail" in plain) == (name == "f", False)
            floor.emit_all([floor.parsed(plain)])


# Showing

RESULTS = [
    Result(KERNELS[0], {"kaleido": [Times(0.5, 1.0)], "gcc": [Times(1.0, 1.0)], "node": [Times(8.0, 8.0)]}),
    Result(KERNELS[-1], {"kaleido": [Times(4.0, 4.0)], "gcc": [Times(2.0, 2.0)]}),
]


def test_the_table() -> None:
    assert table(RESULTS, ["kaleido", "gcc", "node"], "wall").splitlines() == [
        "| kernel | native, s | kaleido | gcc | node |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| fib | 1.00 | 0.50 | 1.00 | 8.00 |",
        "| queens, % 2 | 2.00 | 2.00 | 1.00 |  |",
        "| geometric mean |  | 1.00 | 1.00 |  |",
        "| … without `%` |  | 0.50 | 1.00 | 8.00 |",
    ]
    assert geometric_mean([0.5, 2.0, 8.0]) == pytest.approx(2.0)


def test_the_figures_of_the_kernels() -> None:
    found = {each.title: (each.result, each.goal, each.verdict) for each in summary(RESULTS, "wall")}
    assert found == {
        "evaluation / C, geometric mean": (pytest.approx(1.0), 0.6, "✗"),
        "evaluation / C, … without `%`": (pytest.approx(0.5), 0.8, ""),
        "evaluation / C, the worst kernel: queens, % 2": (2.0, 1.05, "✗ LIMITS.md says what each waits for"),
    }
    assert list(summary([], "wall")) == []


def test_figures_and_goals() -> None:
    figures = [Figure("a", 1.0, 1.0, "why"), Figure("b", 2.0, 1.5), Figure("c", 3.0), Figure("d", 2.0, 1.5, "why")]
    assert figure_table(figures).splitlines()[2:] == [
        "| a | 1.00 | 1.00 |  |",
        "| b | 1.50 | 2.00 | ✗ |",
        "| c |  | 3.00 |  |",
        "| d | 1.50 | 2.00 | ✗ why |",
    ]


def test_the_picture_is_well_formed_and_has_every_kernel() -> None:
    root = ET.fromstring(chart(RESULTS, "wall"))
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"fib", "queens, % 2", "geometric mean", "0.50", "2.00"} <= set(texts)
    bars = [each for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("class") in ("faster", "slower")]
    # fib is to the left of the line, queens to the right.
    fib, queens, _ = ((float(bar.get("x") or 0), float(bar.get("width") or 0)) for bar in bars)
    assert sum(fib) == pytest.approx(queens[0])
    assert fib[1] == pytest.approx(queens[1])


def test_the_block_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    text = block(["| a table |\n", "| another |\n"], "cpu", "a machine")
    assert text == (
        "a machine. Minima of alternating runs, in seconds of the processor, with all threads.\n\n"
        "| a table |\n\n| another |\n"
    )
    new = updated(readme, ["| a table |\n|---|\n| a row |\n"], "cpu", "a machine")
    assert "| a table |\n|---|\n| a row |\n" in new
    assert "Rows that were not measured then are of earlier runs." in new
    # All rows that were there are there; and to write the same again changes nothing.
    assert {line for line in readme.splitlines() if line.startswith("|")} <= set(new.splitlines())
    assert updated(new, ["| a table |\n|---|\n| a row |\n"], "cpu", "a machine") == new
    with pytest.raises(ValueError, match="README"):
        updated("", [], "cpu", "a machine")


def test_what_was_not_measured_stays() -> None:
    old = "text\n\n| kernel | C |\n|---|---|\n| fib | 1 |\n| tak | 2 |\n\n| figure | goal |\n|---|---|\n| start | 3 |\n"
    kernels = "| kernel | C |\n|---|---|\n| tak | 4 |\n| new | 5 |\n"
    assert merged(old, [kernels]) == [
        "| kernel | C |\n|---|---|\n| fib | 1 |\n| tak | 4 |\n| new | 5 |\n",
        "| figure | goal |\n|---|---|\n| start | 3 |\n",
    ]
    # With other columns: no row of the old one fits.
    other = "| kernel | C | Lua |\n|---|---|---|\n| tak | 4 | 9 |\n"
    assert merged("", [other]) == [other]
    assert merged(old, [other]) == merged(old, [])
    every = f"{other}| fib | 1 | 2 |\n"
    assert merged(old, [every])[0] == every
    # A row that no part has any more.
    assert merged(old, [kernels], lambda table, row: (table, row) != ("kernel", "fib"))[0] == (
        "| kernel | C |\n|---|---|\n| tak | 4 |\n| new | 5 |\n"
    )
    worst = "| figure | goal |\n|---|---|\n| the worst kernel: fib | 1 |\n"
    assert merged(worst, [worst.replace("fib", "tak")]) == [worst.replace("fib", "tak")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["nosuch"], "no such part: nosuch"), (["--kernels", "fib,nosuch"], "no such kernel: nosuch")],
)
def test_wrong_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert message in capsys.readouterr().err


# The short version

# Small enough for valgrind, which takes fifty times as long. `%` calls the C library, whose instructions depend on its
# version.
SHORT = {
    "fib": ("43", "22"),
    "mandelbrot_loops": ("1100", "30"),
    "operators": ("400000000", "200000"),
    "collatz": ("2500000", "1500"),
    "layers": ("120000000", "100000"),
}

# How many times as many instructions as gcc -O3 the optimized code may need: twice what it does (0.80, November 2026).
LIMIT = 1.6

# Valgrind knows no instructions of later processors.
COUNTED = Machine(cpu="x86-64-v3" if platform.machine() == "x86_64" else "native")

MAIN = """
double function(double) __asm__("%s");
int main(void) { volatile double argument = %s; return function(argument) < 0; }
"""


def instructions(program: Path) -> int:
    counts = program.with_suffix(".counts")
    run(["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={counts}", str(program)])
    [found] = re.findall(r"^summary: (\d+)", counts.read_text(), re.MULTILINE)
    return int(found)


def compiled_by_gcc(program: Path, text: str, *objects: Path) -> Path:
    source = program.with_suffix(".c")
    source.write_text(text)
    run(["gcc", "-O3", "-ffp-contract=off", "-o", str(program), str(source), *map(str, objects), "-lm"])
    return program


def optimized(program: Path, text: str, argument: str) -> Path:
    """A program with the optimized code of a kernel, which it calls as the kernel's expression does, and no more."""
    match = re.search(r"^(\w+)\(\d+\)\s*\Z", text, re.MULTILINE)
    assert match is not None
    code = program.with_suffix(".o")
    with Session(jit="O3") as session:
        session.run(text[: match.start()])
        symbol = session[match[1]].unit.symbol
        code.write_bytes(session.engine.object_file(symbol, machine=COUNTED))
    return compiled_by_gcc(program, MAIN % (symbol, argument), code)


@pytest.mark.skipif(shutil.which("valgrind") is None or shutil.which("gcc") is None, reason="needs valgrind and gcc")
def test_optimized_code_needs_few_instructions(tmp_path: Path) -> None:
    own = native = 0
    for name, (full, short) in SHORT.items():
        texts = {suffix: FOLDER.joinpath(f"{name}{suffix}").read_text("utf-8") for suffix in (".kal", ".c")}
        assert {text.count(full) for text in texts.values()} == {1}
        own += instructions(optimized(tmp_path / f"{name}-kaleido", texts[".kal"], short))
        native += instructions(compiled_by_gcc(tmp_path / name, texts[".c"].replace(full, short)))
    assert own < LIMIT * native, (own, native)


# Arrays


def test_functions_over_arrays_compute_what_c_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numpy")
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    # Numba takes seconds to begin.
    monkeypatch.setattr(array_maps, "_is_installed", lambda package: package == "numpy")
    monkeypatch.setattr(array_maps, "_compilers", lambda: {"gcc": "gcc"})
    titles = [figure.title for figure in array_maps.figures(tmp_path, 1, "cpu", points=20_000)]
    assert titles == [
        f"`f.map`, {body}{comparison}"
        for body in ("polynomial", "Mandelbrot")
        for comparison in (" / the loop in C by gcc", ", two workers / one")
    ]
    wrong = array_maps._BODIES[0]._replace(c="static double f(double x) {{ return x; }}")
    monkeypatch.setattr(array_maps, "_BODIES", [wrong])
    # A library is loaded once for each path.
    tmp_path = tmp_path / "wrong"
    tmp_path.mkdir()
    with pytest.raises(Disagreement, match="gcc computes other values"):
        list(array_maps.figures(tmp_path, 1, "cpu", points=20_000))
    assert array_maps.missing() == "numba not installed: left out"
