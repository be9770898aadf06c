"""The commands: what each shows and does, and what it says where it cannot."""

from __future__ import annotations

import json
import re
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kaleido import Session
from kaleido.codegen.mangling import is_top_level
from kaleido.jit import Event, EventKind, Tier
from kaleido.language.hints import word_hint
from kaleido.repl.commands import COMMANDS
from kaleido.repl.settings import OPTIONS
from kaleido.report.columns import COLUMNS
from kaleido.report.tier_table import HEADINGS
from tests.repl.conftest import Run

Keep = Callable[..., Path]


def columns(table: str) -> list[list[str]]:
    """The rows of a table without its headings, as words."""
    return [line.split() for line in table.splitlines()[2:]]


# All of them


@pytest.mark.parametrize(
    ("entry", "line", "place", "hint"),
    [
        (":tires", "error: unknown command `:tires`", "1:1", "did you mean `:tiers`?"),
        (":re", "error: `:re` is ambiguous", "1:1", "`:report`, `:reload` or `:reset`?"),
        (":help :nosuch", "error: unknown command `:nosuch`", "1:7", "`:help` shows the commands"),
        (":ir nosuch", "error: unknown function `nosuch`", "1:5", ""),
        (":ir mine", "error: unknown function `mine`", "1:5", ""),
        (":frobnicate", "error: unknown command `:frobnicate`", "1:1", "`:help` shows the commands"),
        (":", "error: unknown command `:`", "1:1", "the name follows the colon, as in `:help`"),
        (":help :lits", "error: unknown command `:lits`", "1:7", "did you mean `:list`?"),
        (":help lops", "error: no help for `lops`", "1:7", "did you mean `loops`?"),
        (":list f", "error: too many arguments", "1:7", "the usage is `:list`"),
        (":ir", "error: `:ir` needs an argument", "1:1", "the usage is `:ir f [O0|O3]`"),
        (":ir f O0 O3", "error: too many arguments", "1:10", "the usage is `:ir f [O0|O3]`"),
        (":ir +", "error: `+` is built in", "1:5", ""),
        (":load", "error: `:load` needs an argument", "1:1", "the usage is `:load file`"),
        ("tiers", "error: unknown variable `tiers`", "1:1", "commands begin with a colon: `:tiers`"),
        ("undo()", "error: unknown function `undo`", "1:1", "commands begin with a colon: `:undo`"),
        (": list", "error: unknown command `:`", "1:1", "the name follows the colon, as in `:help`"),
        ("exit + 1", "error: unknown variable `exit`", "1:1", word_hint("exit")),
        (":ir squar", "error: unknown function `squar`", "1:5", "did you mean `square`?"),
        (":set notice off", "error: unknown option `notice`", "1:6", "did you mean `notices`?"),
    ],
)
def test_what_cannot_be_done(run: Run, entry: str, line: str, place: str, hint: str) -> None:
    message = run.last("def square(x) x * x", entry)
    assert message.startswith(f"{line}\n  ┌ <entry 2>:{place}\n")
    assert message.endswith(f"\n  = hint: {hint}\n") if hint else "hint" not in message


@pytest.mark.parametrize("entry", ["exit", "quit", " exit() ", "quit;", ":q", ":quit"])
def test_ways_to_leave(run: Run, entry: str) -> None:
    assert run("1", entry, "2") == ["1.0\n"]


@pytest.mark.parametrize("entry", ["help", "help()", ":h", ":?"])
def test_ways_to_get_help(run: Run, entry: str) -> None:
    assert run.last(entry) == run.last(":help") != ""


def test_a_definition_is_preferred_to_a_word(run: Run) -> None:
    assert run.last("def exit() 5", "exit()") == "5.0\n"
    assert "def exit() 5" in run.last("exit")


def test_the_beginning_of_a_command_is_enough(run: Run) -> None:
    assert run.last(":tim 1").startswith("1.0\ncompile")
    assert run.last(":und").startswith("error: nothing to undo")


def test_the_name_of_a_function_shows_it(run: Run) -> None:
    definition = "def square(x) x * x"
    assert definition in run.last(definition, "square")
    assert run.last("square") == run.last(":info square")
    assert run.last("sin") == run.last(":info sin")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run: Run, name: str) -> None:
    command, text = COMMANDS[name], run.last(f":help :{name}")
    assert text.startswith(f"{command.usage}\n")
    assert command.summary in " ".join(text.split())


def test_the_first_help_names_every_command_on_one_screen(run: Run) -> None:
    for run.columns, rows in ((60, 24), (80, 24), (200, 24)):
        text = run.last(":help")
        assert all(command.usage in text for command in COMMANDS.values())
        assert text.count("\n") < rows
        assert max(map(len, text.splitlines())) <= run.columns


def test_help_of_what_is_a_subject_and_a_command(run: Run) -> None:
    both = run.last(":help tiers")
    assert "tiers: " in both
    assert ":tiers\n" in both
    assert "tiers: " not in run.last(":help :tiers")


def test_help_of_a_keyword(run: Run) -> None:
    assert run.last(":help else") == run.last(":help if")
    assert "kal> " in run.last(":help for")


# Looking


def test_list(run: Run) -> None:
    printed = run(":list", "def f(x y)\n  x", "def binary ~ 5 (a b) a + b; extern erf(x); f(1, 2)", ":list")
    assert printed[0] == "no functions yet\n"
    assert columns(printed[-1]) == [
        ["f(x", "y)", "○", "-O0", "def", "f(x", "y)", "x"],
        ["binary~(a", "b)", "not", "compiled", "def", "binary", "~", "5", "(a", "b)", "a", "+", "b"],
        ["erf(x)", "not", "compiled", "extern", "erf(x)"],
    ]


@pytest.fixture
def hot(session: Session, capfd: pytest.CaptureFixture[str], state_home: Path) -> Iterator[Run]:
    """A REPL in which ten calls or iterations are hot."""
    session.close()
    with Session(jit="sync", threshold=10) as hot_session:
        yield Run(hot_session, capfd)


HOT = "def f(x) x + 1; def g(x) f(x) * 2; def h(x) x; def loop(n) for i = 1, i < n in g(i); h(1); loop(100)"


def test_tiers(hot: Run) -> None:
    hot.columns = 200
    printed = hot(":tiers", HOT, ":tiers", "def f(x) x + 2", ":tiers")
    assert printed[0].startswith("nothing is compiled yet")
    shown, _, explained = printed[2].partition("\n\n")
    rows = {row[0]: row for row in columns(shown)}
    # Those at -O3 in the order of definition.
    assert [*rows] == ["f", "g", "loop.for@1:60", "h", "loop"]
    assert [line.partition(":")[0] for line in explained.splitlines()] == [
        heading for heading in COLUMNS if heading in shown.partition("\n")[0]
    ]
    assert rows["h"][1:5] == ["○", "-O0", "1", "call"]
    assert rows["g"][1:5] == ["●", "-O3", "10", "calls"]
    assert rows["f"][-2:] == ["g,", "loop.for@1:60"]
    assert rows["loop.for@1:60"][3:5] == ["10", "iterations"]
    assert " ".join(rows["loop.for@1:60"]).endswith(" for i = 1, i < n in g(i)")
    assert float(rows["g"][6]) > 0
    assert int(rows["g"][7]) > 0
    rows = {row[0]: row for row in columns(printed[-1].partition("\n\n")[0])}
    assert (rows["g"][1:3], rows["f"][-1]) == (["○", "-O0"], "-")


def test_the_columns_of_tiers_are_explained_in_the_words_of_help(hot: Run) -> None:
    _, shown, helped = (" ".join(text.split()) for text in hot(HOT, ":tiers", ":help tiers"))
    for heading, text in COLUMNS.items():
        assert (f"`{heading}`: {text}." in helped) == (heading in HEADINGS)
        assert (f"{heading}: {text}." in shown) == (heading in HEADINGS)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_tables_fit(hot: Run, width: int) -> None:
    hot.columns = width
    for text in hot(HOT, ":tiers", ":list", ":set", ":help", ":help tiers")[1:3]:
        assert max(map(len, text.splitlines())) <= max(width, 44)
    names = [row[0] for row in columns(hot.last(HOT, ":tiers").partition("\n\n")[0])]
    assert "f" in names


def test_info_of_a_function(hot: Run) -> None:
    text = hot.last(HOT, ":info f")
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in text.splitlines() if "  " in line)
    assert lines["f(x)"] == "defined in <entry 1>:1"
    assert lines["tier"] == "● -O3"
    assert lines["runs"] == "10 calls at -O0"
    assert lines["called by"] == "g"
    assert lines["dependents"] == "g, loop.for@1:60"
    assert text.endswith("\ndef f(x) x + 1\n")
    assert "loop.for@1:60  ● -O3, 10 iterations at -O0  for i = 1, i < n in g(i)" in hot.last(HOT, ":info loop")


def test_info_of_a_function_with_many_callers(run: Run) -> None:
    callers = "".join(f"def c{number}() f();" for number in range(30))
    assert "c8, c9, 20 more" in run.last(f"def f() 1; {callers}", ":info f")


def test_info_of_an_operator_and_of_an_extern(run: Run) -> None:
    assert run.last(":info |").startswith("binary|(a b)")
    assert "extern sqrt(x)" in run.last(":info sqrt")
    assert run.last("def unary ~ (x) 0 - x", ":info ~").startswith("unary~(x)")


@pytest.mark.parametrize(
    ("jit", "tiers"),
    [("tiered", "in the background"), ("sync", "while the program waits"), ("O0", "-O0 only"), ("O3", "-O3 only")],
)
def test_info_of_the_session(jit: str, tiers: str, capfd: pytest.CaptureFixture[str], state_home: Path) -> None:
    with Session(jit=jit) as session:
        text = Run(session, capfd).last("def f(x) x", ":info")
    assert tiers in text
    assert "1 defined" in text


def test_ast(run: Run) -> None:
    assert run.last(":ast 1 + 2 * 3") == "Binary +\n  Number 1.0\n  Binary *\n    Number 2.0\n    Number 3.0\n"
    assert run.last(":ast def f(x) x").startswith("Definition f(x)")
    assert "<entry 1>:1:10" in run.last(":ast 1 + )")


# Looking inside


LOOP = "def sum(n) var t in (for i = 1, i < n in t = t + i * i) : t; sum(100)"


def test_every_name_of_a_unit_that_is_shown_is_an_argument(hot: Run) -> None:
    names = [row[0] for row in columns(hot.last(HOT, LOOP, ":tiers").partition("\n\n")[0])]
    assert sum(".for@" in name for name in names) == 2
    for name in names:
        for command in ("info", "ir", "asm", "cfg", "diff", "optimize"):
            assert "error" not in hot.last(f":{command} {name}"), (command, name)


def test_the_code_of_a_loop_that_was_replaced_while_it_ran(hot: Run) -> None:
    _, now, optimized, baseline = hot(LOOP, ":ir sum.for@1:22", ":ir sum.for@1:22 O3", ":ir sum.for@1:22 O0")
    assert now == optimized
    assert "alloca" not in now
    assert "phi" in now
    assert "phi" not in baseline


def test_events(hot: Run) -> None:
    *_, every, of_loop, of_g, of_h, unknown = hot(
        HOT, "def f(x) x + 2", ":events", ":events loop", ":events g", ":events h", ":events nothing"
    )
    pattern = re.compile(r" +\d+\.\d{3} s  (\S+?):? .+")
    names = [[found[1] for found in map(pattern.fullmatch, text.splitlines()) if found] for text in (every, of_loop)]
    assert len(names[0]) == every.count("\n")
    assert {*names[0]} == {"f", "g", "h", "loop", "loop.for@1:60"}
    assert {*names[1]} == {"loop", "loop.for@1:60"}
    # Each once: what made it hot is in the line of its swap.
    # The lines about the deoptimization and about freed code name the tier, too.
    assert of_g.count("hot at 10 calls; ● -O3 ") == of_g.count("hot") == of_g.count("● -O3 ") - 2 == 1
    assert "g deoptimized, ● -O3 → ○ -O0: f has changed" in of_g
    assert "hot" not in of_h
    assert "unknown function `nothing`" in unknown


def test_events_of_what_is_gone_and_of_what_did_nothing(run: Run) -> None:
    *_, gone, nothing = run("def f(x) x", ":undo", ":events f", ":events sqrt")
    assert "f: version 1 defined" in gone
    assert nothing == "nothing has happened to sqrt yet\n"
    assert run(":events")[0] == "nothing has happened yet\n"


def test_a_fault_is_an_event(run: Run) -> None:
    events = run.last("def f(x) 1 + f(x)", "f(1)", ":events f")
    assert re.search(r"f: left before its end: stack overflow after [\d,]+ calls\n", events)


def test_trace(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    entries = ("def f(x) x", "f(1)", ":trace", f":trace {path}", f":trace {path}")
    *_, ended, again, refused = run(f":trace {path}", *entries)
    assert ended.startswith(f"{path}: ")
    assert ended.endswith(" events, for Perfetto or chrome://tracing\n")
    assert again == f"tracing into {path}: `:trace` ends it\n"
    assert "a trace is running already" in refused
    # The end of the REPL ends a trace.
    assert json.loads(path.read_text())["traceEvents"]


def test_a_trace_has_what_happened_meanwhile(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    run("def before(x) x; before(1)", f":trace {path}", "def f(x) x; f(1)", ":trace", "def after(x) x; after(1)")
    text = path.read_text()
    assert "defined f" in text
    assert "run entry-3:1:13" in text
    assert "before" not in text
    assert "after" not in text


def test_a_trace_overwrites_nothing_else(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_text("mine")
    assert "File exists" in run.last(f":trace {path}")
    assert path.read_text() == "mine"
    assert "`:trace FILE` begins one" in run.last(":trace")


HEADING = re.compile(r"(?m)^\S+ at [○●] -O\d.*$")


def test_each_unit_is_shown_in_the_tier_it_runs_in(hot: Run) -> None:
    _, *printed = hot(LOOP, ":ir sum", ":asm sum", ":cfg sum")
    for shown in printed:
        assert [re.sub(r"[\d,]+ bytes", "# bytes", each) for each in HEADING.findall(shown)] == [
            "sum at ○ -O0, runs now · version 1 · # bytes",
            "sum.for@1:22 at ● -O3, runs now · version 1 · # bytes · inlined: none",
        ]


def test_one_tier_of_all_units(hot: Run) -> None:
    _, baseline, optimized = hot(LOOP, ":ir sum O0", ":ir sum O3")
    assert [each.split(" · ")[0] for each in HEADING.findall(baseline)] == [
        "sum at ○ -O0, runs now",
        "sum.for@1:22 at ○ -O0, replaced by ● -O3",
    ]
    assert HEADING.findall(optimized) == ["sum at ● -O3, not compiled · version 1 · inlined: sum.for@1:22, binary:"]


def test_the_heading_of_a_loop_that_its_function_inlined(hot: Run) -> None:
    *_, loop, function = hot(LOOP, ":optimize sum", ":ir sum.for@1:22", ":ir sum")
    assert "inlined: none · inlined in sum at ● -O3 define" in " ".join(loop.split())
    assert function.count("define") == 1


def test_calls_through_stubs_are_marked_with_the_tier_they_reach(hot: Run) -> None:
    define = "def odd(n) n; def even(n) odd(n) + 1; def both(n) even(n) + odd(n)"
    *_, ir, asm, optimized = hot(define, "both(1)", ":optimize even", ":ir both", ":asm both", ":ir both O3")
    for shown in (ir, asm):
        marked = [line for line in shown.splitlines() if "stub" in line]
        assert [("odd" in line, line.rpartition("stub → ")[2]) for line in marked] == [
            (False, "● -O3"),
            (True, "○ -O0"),
        ]
    assert "stub" not in optimized
    assert "stub → not compiled" in hot.last("def g(x) 1; def f(x) g(x)", ":ir f")


def test_info_of_a_loop(hot: Run) -> None:
    text = hot.last(LOOP, ":info sum.for@1:22")
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in text.splitlines() if "  " in line)
    assert lines["sum.for@1:22"] == "a loop of sum"
    assert (lines["tier"], lines["runs"]) == ("● -O3", "10 iterations at -O0")
    assert (lines["calls"], lines["called by"]) == ("none", "sum")
    assert text.endswith("\nfor i = 1, i < n in t = t + i * i\n")


def test_loops_that_are_not_there(hot: Run) -> None:
    assert "its loops: `sum.for@1:22`" in hot.last(LOOP, ":asm sum.for@1:23")
    assert "has ended" in hot.last("for i = 1, i < 20 in i", ":ir entry-1.for@1:1")


def test_ir_of_a_function(run: Run) -> None:
    _, baseline, same, optimized, again = run("def f(x) x * 3 + 1", ":ir f", ":ir f O0", ":ir f o3", ":ir f -O3")
    assert baseline == same
    assert optimized == again
    assert "alloca double" in baseline
    assert "alloca" not in optimized
    assert "target triple" not in baseline


def test_ir_is_that_of_the_tier_it_runs_in(capfd: pytest.CaptureFixture[str], state_home: Path) -> None:
    with Session(jit="O3") as session:
        run = Run(session, capfd)
        assert run.last("def f(x) x + 1; f(1)", ":ir f") == run.last(":ir f O3")
        assert run.last("def g(x) x + 1", ":ir g") == run.last(":ir g O3")


def test_ir_shows_the_loops_of_a_function(run: Run) -> None:
    shown = run.last("def f(n) for i = 0, i < n in for j = 0, j < i in printd(j); def fo(x) x", ":ir f O0")
    definitions = [line for line in shown.splitlines() if line.startswith("define ")]
    assert len(definitions) == 3
    assert sum(".for@" in line for line in definitions) == 2


def test_ir_of_an_operator_and_of_an_extern(run: Run) -> None:
    assert "binary|" in run.last(":ir binary|")
    assert run.last(":ir |") == run.last(":ir binary|")
    assert "@llvm.sqrt.f64" in run.last(":ir sqrt")


def test_an_unknown_tier(run: Run) -> None:
    assert "expected O0 or O3" in run.last(":ir sin O2")


def test_asm(run: Run) -> None:
    shown = run.last("def f(x) x * 3 + 1.5", ":asm f O3")
    assert "kal.f.impl:\n" in shown
    assert ".cfi" not in shown
    assert "# 1.5" in shown


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_diff(run: Run, width: int) -> None:
    run.columns = width
    shown = run.last("def f(x) x * 3", "def g(x) f(x) + f(x + 1)", ":diff g")
    body, _, below = shown.rpartition("\n\n")
    half = (width - 3) // 2
    assert {line[half : half + 3].strip() for line in body.splitlines()} == {*"│≠<"}
    assert max(map(len, body.splitlines())) <= width
    assert [side.strip()[:17] for side in body.splitlines()[0].split("│")] == ["g at ○ -O0, not c", "g at ● -O3, not c"]
    assert "alloca" in body
    legend = "≠ differs   < only at ○ -O0   > only at ● -O3"
    assert " ".join(below.split()) == " ".join(f"{legend} inlined at ● -O3: f".split())
    assert max(map(len, below.splitlines())) <= width


def test_diff_of_what_is_not_inlined(run: Run) -> None:
    shown = run.last("def fib(n) if n < 3 then 1 else fib(n-1) + fib(n-2)", ":diff fib")
    assert shown.endswith(
        "inlined at ● -O3: copies of itself\ncalled directly: fib\n\n"
        "fib is not inlined in fib: one frame holds at most 8 of its bodies, of at most 400 instructions together\n"
    )
    assert "callq" in run.last("def fib(n) if n < 3 then 1 else fib(n-1) + fib(n-2)", ":diff fib asm")
    assert "expected ir or asm" in run.last(":diff sin nothing")


def test_cfg(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    shown = run.last("def fib(n) if n < 3 then 1 else fib(n-1) + fib(n-2)", ":cfg fib")
    assert shown.startswith("fib at ○ -O0, not compiled · version 1\n")
    assert "entry" in shown
    assert "▼" in shown
    dot = tmp_path / "dot"
    dot.write_text("#!/bin/sh\n[ $1 = -Tsvg ] && /bin/cat\n")
    dot.chmod(0o700)
    shown = run.last("def f(n) if n < 3 then sin(n) else cos(n)", ":cfg f O3")
    assert shown.count("SVG: ") == 1
    svg = Path(shown.splitlines()[-1].removeprefix("SVG: "))
    assert svg.read_text().startswith("digraph")
    assert stat.S_IMODE(svg.stat().st_mode) == 0o600
    svg.unlink()
    dot.write_text("#!/bin/sh\nexit 1\n")
    assert "SVG" not in run.last("def f(x) x", ":cfg f")


# Measuring


def test_time(run: Run) -> None:
    value, compile_line, run_line = run.last("def f(x) x + 1", ":time f(2)").splitlines()
    assert value == "3.0"
    assert re.fullmatch(r"compile +[\d.]+ ms   the entry and 1 unit at ○ -O0", compile_line)
    assert re.fullmatch(r"run +[\d.]+ ms", run_line)


def test_time_tells_what_was_optimized_meanwhile(hot: Run) -> None:
    run_line = hot.last("def f(x) x + 1", ":time for i = 1, i < 100 in f(i)").splitlines()[-1]
    assert re.search(r" ms   meanwhile 2 units at ● -O3, in [\d.]+ ms$", run_line)


def test_time_of_an_error(run: Run) -> None:
    shown = (
        "error: unknown variable `nothing`\n  ┌ <entry 1>:1:7\n1 │ :time nothing\n  │       ^^^^^^^ not defined here\n"
    )
    assert run.last(":time nothing") == shown


def test_bench(run: Run) -> None:
    lines = run.last("def f(x) x + 1", ":bench f(2)").splitlines()
    assert lines[0] == "3.0"
    assert [line.split()[:2] for line in lines[1:3]] == [["○", "-O0"], ["●", "-O3"]]
    assert "█" in lines[1]


def test_bench_loses_what_is_printed_and_leaves_tiers_alone(run: Run, session: Session) -> None:
    printed = run.last("def f(x) printd(x)", "f(1)", ":bench f(2)")
    assert "2.000000" not in printed
    assert session["f"].tier is Tier.BASELINE
    assert not any(is_top_level(unit.symbol) for unit in session.stats())


def test_bench_shows_the_value_that_the_expression_would_show(run: Run) -> None:
    assert run.last(":bench for i = 1, i < 3 in i").startswith("○ -O0  ")
    assert run(":set values off", ":bench 1 + 1")[1].startswith("○ -O0  ")


def test_time_of_what_does_not_run(run: Run) -> None:
    assert run.last(":time def f(x) x def g(x) x") == "defined f, g; no expression has run\n"
    assert run.last(":time ;") == "nothing has run\n"


def test_bench_of_what_is_no_expression(run: Run) -> None:
    assert "expected a single expression" in run.last(":bench def f(x) x")
    assert "expected a single expression" in run.last(":bench 1; 2")
    assert run.last("def f(x) 1 + f(x)", ":bench f(1)").startswith("error: recursion too deep in f")


def test_optimize(run: Run, session: Session) -> None:
    printed = run("def f(x) x + 1", ":optimize f", ":optimize f")
    assert re.fullmatch(r"f ● -O3: \d+ bytes, [\d.]+ ms\n", printed[1])
    assert printed[2] == "f already runs at ● -O3\n"
    assert session["f"].tier is Tier.OPTIMIZED


def test_optimize_what_calls_what_is_not_defined(run: Run) -> None:
    shown = run.last("def f(x) g(x); nothing; def g(x) x", ":optimize f")
    assert shown.startswith("error: `g` is not defined\n")


# Files


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keep:
    """Writes a file for a test, into the folder that is the current one."""
    monkeypatch.chdir(tmp_path)

    def keep(text: str, name: str = "demo.kal") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return keep


def test_load_and_reload(run: Run, keep: Keep) -> None:
    path = keep("def f(x) x + 1\nf(1); f(2)\nfor i = 1, i < 2 in f(i)\n")
    printed = run(f":load {path}", "f(3)", lambda: path.write_text("def f(x) x + 2; f(1)"), ":reload", "f(3)")
    assert printed == [
        f"2.0\n3.0\n{path}: 1 definition, 3 expressions\n",
        "4.0\n",
        f"3.0\n{path}: 1 definition, 1 expression\n",
        "5.0\n",
    ]


def test_load_a_file_with_a_blank_in_its_name_and_nothing_in_it(run: Run, keep: Keep) -> None:
    path = keep("# nothing\n", "my demo.kal")
    assert run.last(f":load   {path}  ") == f"{path}: no definitions or expressions\n"


def test_load_a_file_with_an_error_half_way(run: Run, keep: Keep) -> None:
    path = keep("def f(x) x + 1\nf(1)\ndef binary ~ 5 (a b) nothing\ndef g(x) x\n")
    printed = run(f":load {path}", "f(2)", "g(1)", "1 ~ 2", ":list")
    assert printed[0].startswith(f"2.0\nerror: unknown variable `nothing`\n  ┌ {path}:3:22\n")
    assert printed[0].endswith(f"\n{path}: kept 1 definition, 1 expression\n")
    assert printed[1] == "3.0\n"
    assert printed[2].startswith("error: unknown function `g`\n")
    assert printed[3].startswith("error: unknown operator `~`\n")
    assert [row[0] for row in columns(printed[4])] == ["f(x)"]


def test_load_a_file_that_is_no_program(run: Run, keep: Keep) -> None:
    path = keep("def f(x) x + 1\ndef g(x\n")
    printed = run(f":load {path}", "f(1)")
    assert printed[0].endswith(f"\n{path}: nothing has run\n")
    assert printed[1].startswith("error: unknown function `f`\n")


def test_a_file_that_ends_in_recursion_can_be_loaded_again(run: Run, keep: Keep) -> None:
    path = keep("def f(x) 1 + f(x)\nf(1)\n")
    printed = run(f":load {path}", lambda: path.write_text("def f(x) x; f(7)"), ":reload")
    assert printed[0].startswith("error: recursion too deep in f")
    assert printed[0].endswith(f"{path}: kept 1 definition\n")
    assert printed[1] == f"7.0\n{path}: 1 definition, 1 expression\n"


def test_what_cannot_be_read(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run.last(":load none").startswith("error: cannot read `none`\n")
    assert "No such file or directory" in run.last(":load none")
    assert "Is a directory" in run.last(":load .")
    assert run.last(":load \x00").startswith("error: cannot read ")
    assert "`:load file` loads a file" in run.last(":reload")


def test_save_is_what_worked(run: Run, tmp_path: Path, session: Session, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "saved.kal"
    printed = run(
        "def f(x) # a comment\n  x + 1",
        "f(nothing)",
        "def g(x) x nothing",
        "1; -2",
        "f(2)",
        "_ * 2",
        "def binary ~ 50 (a b) a - b",
        ":list",
        "10 ~ 3 * 2",
        "extern erf(x)",
        f":save {path}",
    )
    assert printed[-1] == f"saved 4 definitions, 5 expressions to `{path}`\n"
    assert "var _ = 3 in _ * 2;\n" in path.read_text()
    with Session() as other:
        assert Run(other, capfd).last(f":load {path}") == (
            f"1.0\n-2.0\n3.0\n6.0\n14.0\n{path}: 4 definitions, 5 expressions\n"
        )


def test_save_writes_over_nothing_it_does_not_know(run: Run, keep: Keep) -> None:
    path = keep("def f(x) x")
    other = path.with_name("other.kal")
    printed = run("1", f":save {path}", f":save {other}", "2", f":save {other}", f":load {path}", f":save {path}")
    assert re.match(r"error: `/.*` already exists\n", printed[1])
    assert printed[4] == f"saved 2 expressions to `{other}`\n"
    assert printed[6] == f"saved 1 definition, 2 expressions to `{path}`\n"
    assert path.read_text() == "1;\n2;\ndef f(x) x"


def test_save_says_what_does_not_load(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "saved.kal"
    printed = run("def f(x) g(x); nothing; def g(x) x", f":save {path}", "def g(x) x", f":save {path}")
    assert printed[1].endswith(" does not load as it is: unknown function `g`\n")
    assert "warning" not in printed[3]


def test_save_where_one_cannot_write(run: Run, tmp_path: Path) -> None:
    assert "No such file or directory" in run.last(f":save {tmp_path}/none/x.kal")
    assert "` is a folder\n" in run.last(f":save {tmp_path}")
    assert list(tmp_path.iterdir()) == []


def test_save_writes_over_no_file_that_could_not_be_loaded(run: Run, keep: Keep) -> None:
    path = keep("def k(x\n")
    assert "already exists" in run(f":load {path}", "1", f":save {path}")[2]
    path.write_text("1; nothing; 2")
    assert "already exists" in run(f":load {path}", f":save {path}")[1]
    path.write_text("1;")
    printed = run(f":load {path}", lambda: path.write_text("1; nothing"), ":reload", f":save {path}")
    assert "already exists" in printed[2]


def test_files_are_the_same_under_other_names(run: Run, keep: Keep) -> None:
    path = keep("def f(x) x")
    keep("def g(x) x", "other file.kal")
    printed = run(":load demo.kal", ':load "other file.kal"', f":save {path}", ":save 'other file.kal'", ":reload")
    assert [line.split()[0] for line in printed[2:4]] == ["saved", "saved"]
    assert printed[4].endswith(": 2 definitions\n")


def test_parentheses_are_saved_and_shown(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "saved.kal"
    printed = run("def f(x) (x + 1)", "(1 + 2) * (3 + 4)", "if (1) then (2) else (3)", f":save {path}", ":list")
    assert path.read_text() == "def f(x) (x + 1);\n(1 + 2) * (3 + 4);\nif (1) then (2) else (3);\n"
    assert "def f(x) (x + 1)\n" in printed[-1]


def test_save_follows_a_link_and_keeps_the_mode(run: Run, keep: Keep) -> None:
    path = keep("1")
    path.chmod(0o640)
    link = path.with_name("link.kal")
    link.symlink_to(path)
    run(f":load {link}", "2", f":save {link}")
    assert (link.is_symlink(), path.read_text()) == (True, "1\n2;\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has a shell command, about ``$1``, for an editor."""

    def editor(command: str) -> None:
        path = tmp_path / "editor.sh"
        path.write_text(f"#!/bin/sh\n{command}\n")
        path.chmod(0o700)
        monkeypatch.setenv("EDITOR", str(path))

    return editor


def edits(run: Run, *entries: str | Callable[[], object]) -> list[str]:
    run.interactive = True
    # The prompt of a terminal that can do nothing is in what it printed.
    return [re.sub(r"( *\.\.\.|\[\d+\] kal)> ", "", text) for text in run(*entries)]


@pytest.fixture
def dumb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")


@pytest.mark.usefixtures("dumb")
def test_edit_a_function(run: Run, editor: Callable[[str], None]) -> None:
    editor("sed -i 's/+ 1/+ 2/' $1")
    printed = edits(run, "def f(x) x + 1", ":edit f", "f(1)", ":edit f")
    assert printed[1:] == ["f: redefined\n", "3.0\n", "nothing has changed\n"]


@pytest.mark.usefixtures("dumb")
def test_edit_names_the_callers(run: Run, editor: Callable[[str], None]) -> None:
    editor("sed -i 's/+ 1/+ 2/' $1")
    callers = "def g(x) f(x); def h(x) f(x); def i(x) 0"
    printed = edits(run, "def f(x) x + 1", callers, ":optimize g", ":edit f")
    shown = "f: redefined; its callers call the new one from now on: g (deoptimized), h\n"
    assert printed[-1] == shown


@pytest.mark.usefixtures("dumb")
def test_edit_that_adds_a_function_and_one_that_changes_a_comment(run: Run, editor: Callable[[str], None]) -> None:
    editor("echo 'def g(x) x # new' >> $1")
    assert edits(run, "def f(x) x + 1", ":edit f")[-1] == "f: the same definition as before\ng: defined\n"


@pytest.mark.usefixtures("dumb")
def test_an_edit_that_does_not_work_is_not_lost(run: Run, editor: Callable[[str], None]) -> None:
    editor("sed -i 's/x + 1/nothing/' $1")
    again = "sed -i 's/nothing/x * 5/' $1"
    printed = edits(run, "def f(x) x + 1", ":edit f", "f(1)", lambda: editor(again), ":edit f", "f(1)")
    assert printed[1].startswith("error: unknown variable `nothing`\n  ┌ <entry 2, edited>:1:10\n")
    assert printed[1].endswith("`:edit f` opens the edited text again\n")
    assert (printed[2], printed[-1]) == ("2.0\n", "5.0\n")


@pytest.mark.usefixtures("dumb")
def test_edit_the_last_entry(run: Run, editor: Callable[[str], None]) -> None:
    editor("sed -i 's/1/2/' $1")
    assert edits(run, "1 + 5", ":list", ":edit")[-1] == "7.0\nedited: 1 expression\n"


@pytest.mark.usefixtures("dumb")
def test_editors_that_fail(run: Run, editor: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    editor("exit 3")
    assert "exited with status 3" in edits(run, "1", ":edit")[-1]
    monkeypatch.setenv("EDITOR", "/no/such/editor -x")
    assert "No such file or directory" in edits(run, "1", ":edit")[-1]
    monkeypatch.setenv("EDITOR", "'")
    assert "$EDITOR is not a command" in edits(run, "1", ":edit")[-1]
    monkeypatch.setenv("EDITOR", " ")
    monkeypatch.setenv("PATH", "/nowhere")
    assert "set EDITOR" in edits(run, "1", ":edit")[-1]


def test_an_editor_needs_a_terminal(run: Run) -> None:
    assert run.last("1", ":edit").startswith("error: an editor needs a terminal\n")


# The session


def test_undo(run: Run) -> None:
    printed = run(
        "def f(x) x + 1",
        "def f(x) x + 2; def g(x) f(x) * 2",
        "g(1)",
        ":undo",
        "f(1)",
        "g(1)",
        ":undo",
        ":undo",
    )
    assert printed[3] == "restored f: def f(x) x + 1\nremoved g\n"
    assert printed[4] == "2.0\n"
    assert printed[5].startswith("error: unknown function `g`\n")
    assert printed[6] == "removed f\n"
    assert printed[7].startswith("error: nothing to undo\n")


def test_undo_within_an_entry(run: Run) -> None:
    printed = run("def z(x) 5", "def a(x) x\n:undo\ndef b(x) x + 1", ":list", ":undo", ":list", ":undo", ":list")
    assert printed[1] == "removed a\n"
    assert [row[0] for row in columns(printed[2])] == ["z(x)", "b(x)"]
    assert [row[0] for row in columns(printed[4])] == ["z(x)"]
    assert printed[6] == "no functions yet\n"


def test_an_interrupted_entry_is_taken_back_whole(run: Run, session: Session, tmp_path: Path) -> None:
    path = tmp_path / "saved.kal"

    def interrupt(event: Event) -> None:
        if event.kind is EventKind.DEFINED and event.unit == "c":
            signal.raise_signal(signal.SIGINT)

    session.subscribe(interrupt)
    # `c` and `d` take effect together, before the interruption does; `e` does not.
    entry = "def a(x) x; def b(x) x; for i = 1, 0 in a(1); def c(x) x; def d(x) x; for i = 1, 0 in a(1); def e(x) x"
    printed = run(entry, ":list", f":save {path}", ":undo", ":list")
    assert printed[0] == "interrupted\n"
    assert [row[0] for row in columns(printed[1])] == ["a(x)", "b(x)", "c(x)", "d(x)"]
    assert path.read_text().count("def") == 4
    assert printed[4] == "no functions yet\n"


def test_what_is_interrupted_while_it_is_taken_back_is_taken_back(run: Run, session: Session) -> None:
    def interrupt(event: Event) -> None:
        if event.kind is EventKind.FREED and event.unit == "f":
            signal.raise_signal(signal.SIGINT)

    session.subscribe(interrupt)
    printed = run("def f(x) x", "f(1)", ":reset", ":undo", "f(2)", ":undo", ":list")
    assert printed[4] == "2.0\n"
    assert printed[6] == "no functions yet\n"


def test_undo_a_file(run: Run, keep: Keep) -> None:
    path = keep("def f(x) x + 1\ndef g(x) f(x)\nnothing")
    printed = run(f":load {path}", ":undo", ":list")
    assert printed[1:] == ["removed f\nremoved g\n", "no functions yet\n"]


def test_undo_is_told_by_save(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "saved.kal"
    run("def f(x) x", "f(1)", "def f(x) x + 1", "f(2)", ":undo", "f(3)", f":save {path}")
    assert path.read_text() == "def f(x) x;\nf(1);\nf(3);\n"


def test_reset(run: Run, tmp_path: Path) -> None:
    path, other = tmp_path / "saved.kal", tmp_path / "other.kal"
    printed = run("def f(x) x + 1", "5", ":reset", "f(1)", "_", "6", f":save {path}", ":undo", "f(1)", f":save {other}")
    assert printed[2] == "removed 1 function: `:undo` restores it\n"
    assert printed[3].startswith("error: unknown function `f`\n")
    assert printed[4].startswith("error: unknown variable `_`\n")
    assert printed[7] == "restored f: def f(x) x + 1\n"
    assert printed[8] == "2.0\n"
    assert path.read_text() == "6;\n"
    assert other.read_text() == "def f(x) x + 1;\n5;\nf(1);\n"


def test_reset_of_nothing(run: Run) -> None:
    assert run(":reset", ":undo")[0] == "nothing to reset\n"
    assert run("5", ":reset", ":undo")[1:] == ["removed 1 expression: `:undo` restores it\n", "undid `:reset`\n"]
    assert run("def f(x) x; f(1)", ":undo", ":reset", ":reset")[2:] == [
        "removed the last value\n",
        "nothing to reset\n",
    ]


def test_undo_of_many_functions_counts_them(run: Run, keep: Keep) -> None:
    path = keep("".join(f"def f{number}(x) x\n" for number in range(300)))
    printed = run("def f7(x) 0; def f8(x) 0", f":load {path}", ":undo", ":reset", ":undo")
    assert printed[2] == "restored 2 functions: f7, f8\nremoved 298 functions: f0, f1, f2, f3, f4, …\n"
    assert printed[4] == "restored f7: def f7(x) 0\nrestored f8: def f8(x) 0\n"


def test_set(run: Run) -> None:
    printed = run(":set", ":set values off", "1", ":set values", ":set values on", "1", ":set values maybe")
    assert [row[0] for row in columns(printed[0])] == [*OPTIONS]
    assert printed[1:3] == ["", ""]
    assert columns(printed[3])[0][:2] == ["values", "off"]
    assert printed[5] == "1.0\n"
    assert printed[6].startswith("error: `values` cannot be `maybe`\n")
    assert "expected on or off" in printed[6]


def test_quit(run: Run) -> None:
    def never() -> None:
        pytest.fail("it went on")

    assert run("1", ":quit", never) == ["1.0\n"]


# Long output


def test_long_output_is_paged(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pager = tmp_path / "pager.sh"
    pager.write_text("#!/bin/sh\necho paged with $LESS; cat\n")
    pager.chmod(0o700)
    monkeypatch.setenv("PAGER", str(pager))
    monkeypatch.delenv("LESS", raising=False)
    from kaleido.repl.display.console import _LESS, Console, Size
    from kaleido.repl.settings import Settings

    settings = Settings()
    console = Console(settings, interactive=True, size=lambda: Size(80, 10))
    console.show("short\n" * 5)
    console.show("long\n" * 20)
    settings["pager"] = "off"
    console.show("long\n" * 20)
    console.flush()
    printed = run._capfd.readouterr().out
    assert printed == "short\n" * 5 + f"paged with {_LESS}\n" + "long\n" * 40


def test_colors(run: Run) -> None:
    run.colored = True
    assert "\x1b[" in run.last("def f(x) x", ":ir f")
    assert "\x1b[1;35mdef\x1b[0m" in run.last("def f(x) x", ":info f")
    run.colored = False
    assert "\x1b[" not in "".join(run("def f(x) x", ":ir f", ":info f", ":help", ":help for", ":diff f"))
