"""Commands that run something and tell what it took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from kaleido.bench import measure
from kaleido.codegen.mangling import function_name
from kaleido.diagnostics import Source, counted
from kaleido.jit import Event, EventKind, Tier, UndefinedUnit, interruptibly, uninterrupted
from kaleido.language.nodes import Definition, Expression, External, For
from kaleido.language.parser import parse
from kaleido.repl.commands.inspect import loop_source
from kaleido.repl.commands.table import FUNCTION, PROGRAM, Command, Group, Request, Word
from kaleido.repl.redraw import live
from kaleido.report.bars import chart
from kaleido.report.tier_table import tier_table
from kaleido.session import Session
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
    request.console.write(f"compile  {_milliseconds(compile_seconds):>12}{_made(compiled, Tier.BASELINE)}\n")
    request.console.write(f"run      {_milliseconds(run_seconds):>12}{_made(compiled, Tier.OPTIMIZED)}\n")


@contextmanager
def _compilations(session: Session) -> Iterator[list[Event]]:
    """What is compiled in the block."""
    compiled: list[Event] = []

    def listen(event: Event) -> None:
        if event.kind is EventKind.COMPILED:
            compiled.append(event)

    unsubscribe = session.subscribe(listen)
    try:
        yield compiled
    finally:
        unsubscribe()


def _made(compiled: list[Event], tier: Tier) -> str:
    events = [event for event in compiled if event.tier is tier]
    if not events:
        return ""
    what = f"{counted(len(events), 'unit')} at -{tier}"
    if tier is Tier.BASELINE:
        return f"   {what}"
    return f"   meanwhile {what}, in {_milliseconds(sum(event.seconds for event in events))}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.2f} ms"


def _bench(request: Request, word: Word) -> None:
    source, expression = _expression(request, word)
    # Standard output must be given back whatever happens. Where native code runs, Ctrl-C strikes all the same.
    with (
        uninterrupted(),
        closing(request.session.units(source)) as units,
        streams.discarded(),
        request.session.placing(source, word.span),
    ):
        measurement = measure(request.session.engine, next(units))
    if measurement.value is not None and not isinstance(expression, For) and request.state.settings.on("values"):
        request.console.write(f"{measurement.value!r}\n")
    request.console.write(chart(measurement, request.console.columns))


def _expression(request: Request, word: Word) -> tuple[Source, Expression]:
    """An argument that is to be run many times: what defines something is not."""
    source = request.program(word)
    items = parse(source, request.session.operators)
    if len(items) != 1 or isinstance(items[0], Definition | External):
        request.fail("this is not one expression", word)
    return source, items[0]


def _watch(request: Request, word: Word) -> None:
    watched = _Watched(request, _expression(request, word)[0])
    try:
        with live(request.console, watched.picture):
            while True:
                interruptibly(watched.run)
    except KeyboardInterrupt:
        request.console.write(f"stopped after {watched.told_runs}\n")


class _Watched:
    """A program that runs again and again."""

    def __init__(self, request: Request, source: Source) -> None:
        self._session, self._console, self._source = request.session, request.console, source
        self._shown = ""
        self.runs = 0

    def run(self) -> None:
        for result in self._session.evaluate(self._source):
            self._shown = result.shown or self._shown
        self.runs += 1

    @property
    def told_runs(self) -> str:
        return f"{self.runs:,} run{'' if self.runs == 1 else 's'}"

    def picture(self) -> str:
        """How often it has run, its value, and the table of tiers."""
        columns = self._console.columns
        what = " ".join(self._source.text.split())
        told = f"{what}   {self.told_runs}{f', {self._shown}' if self._shown else ''}"
        tiers = tier_table(self._session.stats(), self._session.engine.policy, self._loop_source, columns)
        return f"{self._console.emphasized(cut(told, columns))}\n{tiers}(Ctrl-C stops)\n"

    def _loop_source(self, name: str) -> str:
        if not name.startswith("top@"):
            return loop_source(self._session, name)
        line, column = map(int, name.rpartition(".for@")[2].split(":"))
        return self._source.line(line)[column - 1 :]


def _optimize(request: Request, word: Word) -> None:
    function = request.function(word)
    engine, unit = request.session.engine, function.unit
    if function.tier is Tier.OPTIMIZED:
        request.console.write(f"{function.name} runs at -{Tier.OPTIMIZED} already\n")
        return
    try:
        engine.optimize(unit.symbol)
    except UndefinedUnit as error:
        request.fail(f"`{function_name(error.symbol)}` is not defined", word, "calls it")
    now = engine.describe(unit.symbol)
    size, seconds = now.code_bytes[Tier.OPTIMIZED], now.compile_seconds[Tier.OPTIMIZED]
    request.console.write(f"{function.name} -{Tier.OPTIMIZED}: {size:,} bytes, {_milliseconds(seconds)}\n")


COMMANDS = [
    Command(
        "time",
        Group.MEASURE,
        (PROGRAM,),
        "run an expression, and tell what compiling and running took",
        "Compiling is what happens before it runs: itself, and all it can reach that has no code yet. What is compiled "
        "at -O3 while it runs is told beside the run. A second `:time` of the same shows what is left when "
        "everything is compiled.",
        _time,
    ),
    Command(
        "bench",
        Group.MEASURE,
        (PROGRAM,),
        "what an expression takes at each tier, as bars",
        "It is evaluated again and again for about a second at -O0 and at -O3, in engines of its own: the session's "
        "functions stay in their tiers. What it prints is lost.",
        _bench,
    ),
    Command(
        "watch",
        Group.MEASURE,
        (PROGRAM,),
        "run an expression again and again, with `:tiers` live",
        "Until Ctrl-C. Functions and loops become hot, and are swapped, before your eyes. What it prints is lost.",
        _watch,
    ),
    Command(
        "optimize",
        Group.MEASURE,
        (FUNCTION,),
        "compile a function at -O3 now",
        "Whether it is hot or not. Its loops, and callees that are worth it, are compiled with it.",
        _optimize,
    ),
]
