"""Commands that measure programs, and compile on request: `:time`, `:bench`, `:optimize`, `:trace`, `:report`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kaleido.codegen.mangling import function_name, is_top_level
from kaleido.diagnostics import Source, counted
from kaleido.jit import Event, EventKind, Tier, UndefinedUnit, uninterrupted
from kaleido.language.nodes import Definition, Expression, External, For
from kaleido.language.parser import parse
from kaleido.language.source_files import reason
from kaleido.repl.commands.table import PROGRAM, UNIT, Command, Group, Kind, Parameter, Request, Word
from kaleido.report.bars import chart
from kaleido.report.tier_marks import label
from kaleido.session import Session
from kaleido.terminal import streams

__all__ = ["COMMANDS", "single_expression"]


def _time(request: Request, word: Word) -> None:
    with _compilations(request.session) as compiled:
        results = request.state.run(request.program(word))
    console = request.console
    console.begin_line()
    if all(result.value is None for result in results):
        names = ", ".join(each.item.prototype.name for each in results if isinstance(each.item, Definition | External))
        console.write(f"defined {names}; no expression has run\n" if names else "nothing has run\n")
        return
    compile_seconds = sum(result.compile_seconds for result in results)
    run_seconds = sum(result.run_seconds for result in results)
    for name, seconds, tier in (("compile", compile_seconds, Tier.BASELINE), ("run", run_seconds, Tier.OPTIMIZED)):
        console.write(console.tinted(f"{name:7}  {_milliseconds(seconds):>12}{_compiled_at(compiled, tier)}\n"))


@contextmanager
def _compilations(session: Session) -> Iterator[list[Event]]:
    """The events for all code that is compiled in the block."""
    compiled: list[Event] = []

    def listen(event: Event) -> None:
        if event.kind is EventKind.COMPILED:
            compiled.append(event)

    unsubscribe = session.subscribe(listen)
    try:
        yield compiled
    finally:
        unsubscribe()


def _compiled_at(compiled: list[Event], tier: Tier) -> str:
    events = [event for event in compiled if event.tier is tier]
    if not events:
        return ""
    if tier is Tier.OPTIMIZED:
        units = f"{counted(len(events), 'unit')} at {label(tier)}"
        return f"   meanwhile {units}, in {_milliseconds(sum(event.seconds for event in events))}"
    # The entry and its loops are compiled every time; functions only once.
    others = sum(not is_top_level(event.symbol) for event in events)
    return f"   the entry and {counted(others, 'unit')} at {label(tier)}" if others else "   only the entry itself"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.2f} ms"


def _bench(request: Request, word: Word) -> None:
    # Imported here: the prompt does not wait for what measures.
    from kaleido.bench import measure

    source, expression = single_expression(request, word)
    # Standard output must be restored whatever happens. Ctrl-C does stop native code in the block.
    with (
        uninterrupted(),
        request.session.compiled(source) as compiled,
        streams.discarded(),
        request.session.placing(source, word.span),
    ):
        measurement = measure(request.session.engine, compiled.unit, compiled.values)
    if measurement.value is not None and not isinstance(expression, For) and request.state.settings.on("values"):
        request.console.write(f"{measurement.value!r}\n")
    request.console.write(request.console.tinted(chart(measurement, request.console.columns)))


def single_expression(request: Request, word: Word) -> tuple[Source, Expression]:
    """The single expression in an argument, and its source. Definitions are errors: they cannot be run repeatedly."""
    source = request.program(word)
    items = parse(source, request.session.operators)
    if len(items) != 1 or isinstance(items[0], Definition | External):
        request.fail("expected a single expression", word)
    return source, items[0]


def _optimize(request: Request, word: Word) -> None:
    console, engine, unit = request.console, request.session.engine, request.unit(word)
    if engine.describe(unit.symbol).tier is Tier.OPTIMIZED:
        console.write(console.tinted(f"{unit.label} already runs at {label(Tier.OPTIMIZED)}\n"))
        return
    try:
        engine.optimize(unit.symbol)
    except UndefinedUnit as error:
        request.fail(f"`{function_name(error.symbol)}` is not defined", word, "calls it")
    request.state.drop_notice(unit.symbol, EventKind.SWAPPED)
    now = engine.describe(unit.symbol)
    size, seconds = now.code_bytes[Tier.OPTIMIZED], now.compile_seconds[Tier.OPTIMIZED]
    console.write(console.tinted(f"{unit.label} {label(Tier.OPTIMIZED)}: {size:,} bytes, {_milliseconds(seconds)}\n"))


def _deoptimize(request: Request, word: Word) -> None:
    engine, unit = request.session.engine, request.unit(word)
    try:
        deoptimized = engine.deoptimize(unit.symbol)
    except ValueError:
        request.fail("there is no -O0 code in this mode", word, "stays at -O3", "`:set jit tiered`")
    for each in unit.with_nested():
        if each.symbol in deoptimized:
            size = engine.describe(each.symbol).code_bytes[Tier.BASELINE]
            counted = ", counted from zero" if engine.policy.tiered else ""
            request.state.drop_notice(each.symbol, EventKind.DEOPTIMIZED)
            line = f"{each.label} {label(Tier.BASELINE)}: {size:,} bytes{counted}\n"
            request.console.write(request.console.tinted(line))
    if not deoptimized:
        is_compiled = engine.describe(unit.symbol).tier is not None
        state = f"already runs at {label(Tier.BASELINE)}" if is_compiled else "is not compiled yet"
        request.console.write(request.console.tinted(f"{unit.label} {state}\n"))


def _trace(request: Request, word: Word | None = None) -> None:
    tracing, console = request.state.tracing, request.console
    if word is None:
        if tracing.path is None:
            request.fail("no trace is running", request.name, "", "`:trace FILE` begins one")
        path = tracing.path
        console.write_message(f"{path}: {counted(tracing.stop(), 'event')}, for Perfetto or chrome://tracing")
        return
    if tracing.path is not None:
        request.fail("a trace is running already", word, f"into {tracing.path}", "`:trace` ends it")
    try:
        tracing.start(Path(word.text).expanduser())
    except OSError as error:
        hint = "another name: only traces of this session are overwritten" if isinstance(error, FileExistsError) else ""
        request.fail(f"cannot write {word.text}", word, reason(error), hint)
    console.write_message(f"tracing into {tracing.path}: `:trace` ends it")


def _report(request: Request, word: Word) -> None:
    path = Path(word.text).expanduser()
    try:
        # Only a report is overwritten.
        if path.exists() and _REPORT not in path.read_bytes():
            request.fail(
                f"{word.text} exists and is not a report", word, "not overwritten", "only reports are overwritten"
            )
        path.write_text(request.session.report(request.state.event_log.latest), encoding="utf-8")
    except OSError as error:
        request.fail(f"cannot write {word.text}", word, reason(error))
    request.console.write_message(f"the report is in {path}")


# In every report, and in no other file.
_REPORT = b"kaleido-recording"


COMMANDS = [
    Command(
        "time",
        Group.MEASURE,
        (PROGRAM,),
        "run an expression, and show its compile time and run time",
        "The compile time is for code compiled before the run: the entry itself, each time, and all functions that it "
        "can reach and that have no code yet. Code compiled at -O3 during the run is shown beside the run time. A "
        "second `:time` shows the times with all functions compiled.",
        _time,
    ),
    Command(
        "bench",
        Group.MEASURE,
        (PROGRAM,),
        "measure an expression at each tier, and show the times as bars",
        "It is evaluated repeatedly for about a second at -O0 and at -O3, in separate engines: the functions of the "
        "session stay at their tiers. Its output is discarded, and so is what it assigns to top-level variables.",
        _bench,
    ),
    Command(
        "optimize",
        Group.MEASURE,
        (UNIT,),
        "compile a function or a loop at -O3 now",
        "Whether it is hot or not. It is compiled together with its inline group: its loops and its nearest callees.",
        _optimize,
    ),
    Command(
        "deoptimize",
        Group.MEASURE,
        (UNIT,),
        "return a function and its loops, or a loop, to -O0",
        "They are counted from zero, and can become hot again. Functions that have it inlined at -O3 keep their "
        "copies, and code that is running goes on until it returns. `:set jit O0` does it to all functions.",
        _deoptimize,
    ),
    Command(
        "trace",
        Group.MEASURE,
        (Parameter("file", "a file", kind=Kind.PATH, optional=True),),
        "begin a trace into a file; without a file, end it",
        "What the JIT does from now on, as a timeline that Perfetto and `chrome://tracing` show: each compilation, "
        "each expression that runs, each swap, and arrows from hot to swapped. `:quit` ends it, too. "
        "`kaleido --trace FILE` traces from the start.",
        _trace,
    ),
    Command(
        "report",
        Group.MEASURE,
        (Parameter("file", "a file", kind=Kind.PATH),),
        "write a page that shows what the JIT did in this session",
        "One HTML file that opens in any browser: a timeline of all functions and loops with the code that each had, "
        "the source in the colors of the tiers, what was inlined and deoptimized, and advice. `kaleido report SCRIPT` "
        "makes one of a program, with samples of where the time went.",
        _report,
    ),
]
