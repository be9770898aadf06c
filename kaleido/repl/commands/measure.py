"""Commands that measure programs, and compile on request: `:time`, `:bench`, `:watch`, `:optimize`, `:trace`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kaleido.bench import measure
from kaleido.codegen.mangling import function_name, is_top_level, top_level_name
from kaleido.diagnostics import Source, counted
from kaleido.jit import Event, EventKind, Tier, UndefinedUnit, interruptibly, uninterrupted
from kaleido.language.nodes import Definition, Expression, External, For
from kaleido.language.parser import parse
from kaleido.language.source_files import reason
from kaleido.repl.commands.table import PROGRAM, UNIT, Command, Group, Kind, Parameter, Request, Word
from kaleido.repl.redraw import redrawing
from kaleido.report.bars import chart
from kaleido.report.tier_table import tier_table
from kaleido.session import Function, Session
from kaleido.terminal import streams
from kaleido.terminal.text import cut

__all__ = ["COMMANDS"]


def _time(request: Request, word: Word) -> None:
    with _compilations(request.session) as compiled:
        results = request.state.run(request.program(word))
    request.console.begin_line()
    if all(result.value is None for result in results):
        request.console.write("nothing has run\n")
        return
    compile_seconds = sum(result.compile_seconds for result in results)
    run_seconds = sum(result.run_seconds for result in results)
    request.console.write(f"compile  {_milliseconds(compile_seconds):>12}{_compiled_at(compiled, Tier.BASELINE)}\n")
    request.console.write(f"run      {_milliseconds(run_seconds):>12}{_compiled_at(compiled, Tier.OPTIMIZED)}\n")


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
        units = f"{counted(len(events), 'unit')} at -{tier}"
        return f"   meanwhile {units}, in {_milliseconds(sum(event.seconds for event in events))}"
    # The entry and its loops are compiled every time; functions only once.
    others = sum(not is_top_level(event.symbol) for event in events)
    return f"   the entry and {counted(others, 'unit')} at -{tier}" if others else "   only the entry itself"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.2f} ms"


def _bench(request: Request, word: Word) -> None:
    source, expression = _expression(request, word)
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
    request.console.write(chart(measurement, request.console.columns))


def _expression(request: Request, word: Word) -> tuple[Source, Expression]:
    """The single expression in an argument, and its source. Definitions are errors: they cannot be run repeatedly."""
    source = request.program(word)
    items = parse(source, request.session.operators)
    if len(items) != 1 or isinstance(items[0], Definition | External):
        request.fail("expected a single expression", word)
    return source, items[0]


def _watch(request: Request, word: Word) -> None:
    owner = request.loop_owner(word.text)
    if owner is not None:
        request.fail(f"`{word.text}` runs in `{owner.name}`", word, "", f"watch a call: `:watch {_call(owner)}`")
    program = _WatchedProgram(request, _expression(request, word)[0])
    try:
        with redrawing(request.console, program.picture):
            while True:
                interruptibly(program.run)
    except KeyboardInterrupt:
        request.console.write(f"stopped after {program.run_count}\n")


def _call(function: Function) -> str:
    return f"{function.name}({', '.join(function.parameters)})" if function.name.isidentifier() else "expr"


class _WatchedProgram:
    """A program that runs repeatedly, and a picture of its progress."""

    def __init__(self, request: Request, source: Source) -> None:
        self._request, self._source = request, source
        self._value = ""
        self._runs = 0

    def run(self) -> None:
        # Ctrl-C stops a program that runs, but does not come between a run and its undoing.
        with uninterrupted():
            for result in self._request.session.evaluate(self._source):
                self._value = result.shown or self._value
                if result.change is not None:
                    # Each run begins with the same variables, and none is left over.
                    self._request.session.undo(result.change)
        self._runs += 1

    @property
    def run_count(self) -> str:
        return f"{self._runs:,} run{'' if self._runs == 1 else 's'}"

    def picture(self) -> str:
        """The program, its number of runs and its last value, above the table of `:tiers`."""
        session, console = self._request.session, self._request.console
        program = " ".join(self._source.text.split())
        heading = f"{program}   {self.run_count}{f', {self._value}' if self._value else ''}"
        tiers = tier_table(session.stats(), session.engine.policy, self._loop_source, console.columns)
        return f"{console.emphasized(cut(heading, console.columns))}\n{tiers}(Ctrl-C stops)\n"

    def _loop_source(self, name: str) -> str:
        owner, _, place = name.rpartition(".for@")
        if owner != top_level_name(self._source.name):
            return self._request.loop_source(name)
        line, column = map(int, place.split(":"))
        return self._source.line(line)[column - 1 :]


def _optimize(request: Request, word: Word) -> None:
    engine, unit = request.session.engine, request.unit(word)
    if engine.describe(unit.symbol).tier is Tier.OPTIMIZED:
        request.console.write(f"{unit.label} already runs at -{Tier.OPTIMIZED}\n")
        return
    try:
        engine.optimize(unit.symbol)
    except UndefinedUnit as error:
        request.fail(f"`{function_name(error.symbol)}` is not defined", word, "calls it")
    now = engine.describe(unit.symbol)
    size, seconds = now.code_bytes[Tier.OPTIMIZED], now.compile_seconds[Tier.OPTIMIZED]
    request.console.write(f"{unit.label} -{Tier.OPTIMIZED}: {size:,} bytes, {_milliseconds(seconds)}\n")


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
        "watch",
        Group.MEASURE,
        (PROGRAM,),
        "run an expression repeatedly, and show `:tiers` meanwhile",
        "Until Ctrl-C. The table shows how functions and loops become hot and are swapped. The output of the "
        "expression is discarded, and so is what it assigns to top-level variables.",
        _watch,
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
        "trace",
        Group.MEASURE,
        (Parameter("file", "a file", kind=Kind.PATH, optional=True),),
        "begin a trace into a file; without a file, end it",
        "What the JIT does from now on, as a timeline that Perfetto and `chrome://tracing` show: each compilation, "
        "each expression that runs, each swap, and arrows from hot to swapped. `:quit` ends it, too. "
        "`kaleido --trace FILE` traces from the start.",
        _trace,
    ),
]
