"""The command `:watch`: runs an expression again and again, and shows the time of each run as its tiers change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from kaleido.codegen.mangling import top_level_name
from kaleido.diagnostics import KaleidoError, Source
from kaleido.jit import Tier, interruptibly, uninterrupted
from kaleido.language.nodes import Definition, External
from kaleido.repl.commands.measure import single_expression
from kaleido.repl.commands.table import PROGRAM, Command, Group, Request, Word
from kaleido.repl.display.redraw import redrawing
from kaleido.report.run_times import RunTimes
from kaleido.report.tier_table import tier_table
from kaleido.session import Function, Session
from kaleido.terminal.text import cut

__all__ = ["COMMANDS"]

# The rows of the chart are one for so many rows of the window, up to a maximum.
_ROWS_FOR_ONE, _MOST_ROWS = 6, 5


def _watch(request: Request, word: Word) -> None:
    program = _watched(request, word)
    try:
        with redrawing(request.console, program.picture) as write:
            while True:
                interruptibly(program.run)
                if request.console.dumb:
                    program.report(write)
    except KeyboardInterrupt:
        request.console.write(f"stopped after {program.run_count}\n")


def _watched(request: Request, word: Word) -> _WatchedProgram:
    """The program that an argument names: an expression, or a function or loop, of which the last call is meant."""
    session = request.session
    function = request.loop_owner(word.text)
    if function is None and word.text in session:
        function = session[word.text]
    if function is None or word.text in session.variables:
        source, _ = single_expression(request, word)
        reached = _reached(session, source.text)
        return _WatchedProgram(request, source, [unit.symbol for each in reached for unit in each.unit.with_nested()])
    text = _last_call(request, function)
    if text is None:
        hint = f"watch a call: `:watch {_call(function)}`"
        request.fail(f"nothing that calls `{function.name}` has run yet", word, "", hint)
    source = Source(request.source.name, text)
    return _WatchedProgram(request, source, [request.unit(word).symbol], word.text)


def _reached(session: Session, text: str) -> list[Function]:
    """The user's functions that a program names, and those that they call."""
    own = {function.name: function for function in session.functions()}
    found: dict[str, Function] = {}
    waiting = [name for name in re.findall(r"\w+", text) if name in own]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = own[name]
            waiting += [each for each in own[name].calls if each in own]
    return [*found.values()]


def _last_call(request: Request, function: Function) -> str | None:
    """The last expression that has run and can reach `function`; else a call without arguments, if that is possible."""
    for each in reversed(request.state.undo_log.items):
        is_expression = not isinstance(each.item, Definition | External)
        if is_expression and function.name in (found.name for found in _reached(request.session, each.text)):
            return each.text
    return None if function.parameters else f"{function.name}()"


def _call(function: Function) -> str:
    return f"{function.name}({', '.join(function.parameters)})" if function.name.isidentifier() else "expr"


class _WatchedProgram:
    """A program that runs repeatedly, and a picture of its progress.

    `symbols`  the units whose tier is shown: -O3 if one of them runs at it
    `name`     the unit that was asked for, if one was
    """

    def __init__(self, request: Request, source: Source, symbols: Iterable[str], name: str = "") -> None:
        self._request, self._source, self._symbols, self._name = request, source, list(symbols), name
        self._value = ""
        self._times = RunTimes()
        self._has_ended = self._has_failed = False

    def run(self) -> None:
        tier, seconds = self._tier(), 0.0
        try:
            # Ctrl-C stops a program that runs, but does not come between a run and its undoing.
            with uninterrupted():
                for result in self._request.session.evaluate(self._source):
                    self._value = result.shown or self._value
                    seconds += result.run_seconds
                    if result.change is not None:
                        # Each run begins with the same variables, and none is left over.
                        self._request.session.undo(result.change)
        except BaseException as error:
            self._has_ended, self._has_failed = True, isinstance(error, KaleidoError)
            raise
        self._times.add(seconds, tier)

    def _tier(self) -> Tier:
        engine = self._request.session.engine
        with suppress(KeyError):
            if any(engine.describe(symbol).tier is Tier.OPTIMIZED for symbol in self._symbols):
                return Tier.OPTIMIZED
        return Tier.BASELINE if engine.policy.baseline else Tier.OPTIMIZED

    @property
    def run_count(self) -> str:
        runs = len(self._times)
        return f"{runs:,} run{'' if runs == 1 else 's'}"

    def report(self, write: Callable[[str], None]) -> None:
        """Write a line, each time that there are twice as many runs."""
        if len(self._times) == 1:
            write(f"{self._heading()}   Ctrl-C stops\n")
        if latest := self._times.latest():
            write(f"{self._request.console.tinted(latest)}\n")

    def picture(self) -> str:
        """The program, its number of runs and its last value; the chart of its run times; the table of `:tiers`.

        Empty if the first run has failed: then there is only an error to show.
        """
        if self._has_failed and not len(self._times):
            return ""
        session, console = self._request.session, self._request.console
        value = f", {self._value}" if self._value else ""
        heading = console.emphasized(cut(f"{self._heading()}   {self.run_count}{value}", console.columns))
        chart = "".join(f"{line}\n" for line in self._chart()) if len(self._times) else ""
        tiers = tier_table(session.stats(), session.engine.policy, self._loop_source, console.columns)
        stops = "" if self._has_ended else "(Ctrl-C stops)\n"
        return f"{heading}\n{chart}{console.tinted(tiers)}{stops}"

    def _heading(self) -> str:
        program = " ".join(self._source.text.split())
        return f"{self._name} in {program}" if self._name else program

    def _chart(self) -> Iterator[str]:
        console = self._request.console
        height = min(_MOST_ROWS, max(1, console.rows // _ROWS_FOR_ONE))
        for line in self._times.chart(console.columns - 1, height):
            yield "".join(console.tinted(text, tier) for tier, text in line)
        yield console.tinted(cut(f"time per run: {self._times.summary()}", console.columns))
        yield ""

    def _loop_source(self, name: str) -> str:
        owner, _, place = name.rpartition(".for@")
        if owner != top_level_name(self._source.name):
            return self._request.loop_source(name)
        line, column = map(int, place.split(":"))
        return self._source.line(line)[column - 1 :]


COMMANDS = [
    Command(
        "watch",
        Group.MEASURE,
        (PROGRAM,),
        "run an expression repeatedly, and show the time of each run",
        "Until Ctrl-C. The chart has a column for each of the first runs, and for more and more of the later ones. "
        "Below each is the mark of the tier in which it began: ○ at -O0, ● when a function that it can reach runs at "
        "-O3. So one sees what the swap is worth. The table is that of `:tiers`. The name of a function or a loop, as "
        "in `:watch sum.for@1:22`, means the last expression that called it, and the tier is that of this unit. The "
        "output of the expression is discarded, and so is what it assigns to top-level variables.",
        _watch,
    ),
]
