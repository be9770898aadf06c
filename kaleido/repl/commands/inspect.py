"""Commands that show the definitions of the session and the tiers they run in: `:list`, `:info`, `:tiers`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import llvmlite.binding as llvm

from kaleido import __version__
from kaleido.codegen.scope import Declaration
from kaleido.jit import Tier, UnitStats
from kaleido.repl.commands.table import OPTIONAL_FUNCTION, Command, Group, Request, Word
from kaleido.report.tables import table
from kaleido.report.tier_table import tier_table
from kaleido.session import Function, Session
from kaleido.terminal.text import padded, width

__all__ = ["COMMANDS"]

_MAX_CALLERS = 10


def _list(request: Request) -> None:
    functions = request.session.functions()
    if not functions:
        request.console.write("no functions yet\n")
        return
    rows = [[each.signature, _tier(each), " ".join(each.source.split())] for each in functions]
    headings = ("function", "tier", "definition")
    request.console.show(table(headings, rows, left=headings, columns=request.console.columns))


def _tier(function: Function) -> str:
    return f"-{function.tier}" if function.tier is not None else "not compiled"


def _tiers(request: Request) -> None:
    session, console = request.session, request.console
    shown = tier_table(session.stats(), session.engine.policy, request.loop_source, console.columns)
    console.show(shown or "nothing is compiled yet: a function is compiled when it is first called\n")


def _info(request: Request, word: Word | None = None) -> None:
    declaration = request.declared(word) if word is not None else None
    if word is not None and declaration is not None:
        request.console.show(_rows(_about_declaration(request, word.text, declaration)))
        return
    function = request.function(word) if word is not None else None
    text = _rows(_about_session(request.session) if function is None else _about_function(request, function))
    if function is not None:
        text += "\n" + request.console.highlighted(function.source, "kaleido") + "\n"
    request.console.show(text)


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    lines = list(rows)
    widest = max(width(name) for name, _ in lines)
    return "".join(f"{padded(name, widest)}  {value}".rstrip() + "\n" for name, value in lines)


def _about_declaration(request: Request, name: str, declaration: Declaration) -> Iterator[tuple[str, str]]:
    """A function that an `extern` has declared, and that is not defined."""
    place = declaration.place
    assert place is not None
    line, _ = place.source.position(place.span.start)
    prototype = place.source.text[place.span.start : place.span.end]
    yield prototype, f"declared in {place.source.name}:{line}, and not defined"
    names = {name, f"binary{name}", f"unary{name}"}
    callers = [each.name for each in request.session.functions() if names.intersection(each.calls)]
    yield "called by", ", ".join(callers) or "none"


def _about_session(session: Session) -> Iterator[tuple[str, str]]:
    policy, units = session.engine.policy, session.stats()
    yield "kaleido", f"{__version__}, on LLVM {'.'.join(map(str, llvm.llvm_version_info))}"
    yield "processor", llvm.get_host_cpu_name()
    if policy.tiered:
        yield "tiers", "-O0, then -O3 " + ("in the background" if policy.background else "while the program waits")
        yield "hot", f"after {policy.call_threshold:,} calls, or {policy.iteration_threshold:,} iterations"
    else:
        yield "tiers", "-O0 only" if policy.baseline else "-O3 only"
    yield "stack", f"{policy.stack_size:,} bytes"
    yield "functions", f"{len(session.functions()):,} defined"
    yield "compiled", ", ".join(f"{sum(unit.tier is tier for unit in units):,} at -{tier}" for tier in Tier)
    yield "code", f"{sum(sum(unit.code_bytes.values()) for unit in units):,} bytes"


def _about_function(request: Request, function: Function) -> Iterator[tuple[str, str]]:
    engine = request.session.engine
    unit = engine.describe(function.unit.symbol)
    source, span = function.origin
    line, _ = source.position(span.start)
    yield function.signature, f"defined in {source.name}:{line}"
    yield "tier", _tier(function)
    if unit.runs:
        yield "runs", f"{unit.counter.of(unit.runs)} at -O0"
    for tier in unit.compile_seconds:
        yield f"-{tier}", f"{unit.code_bytes[tier]:,} bytes, compiled in {unit.compile_seconds[tier] * 1000:.2f} ms"
    yield "version", f"{unit.versions:,}"
    yield "calls", ", ".join(function.calls) or "none"
    yield "called by", _callers(request.session, function) or "none"
    yield "dependents", ", ".join(unit.dependents) or "none"
    for loop in list(function.unit.with_nested())[1:]:
        yield "loop", _about_loop(request, engine.describe(loop.symbol))


def _about_loop(request: Request, unit: UnitStats) -> str:
    tier = f"-{unit.tier}" if unit.tier is not None else "not compiled"
    runs = f", {unit.counter.of(unit.runs)} at -O0" if unit.runs else ""
    return f"{request.loop_source(unit.name)}  ({tier}{runs})"


def _callers(session: Session, function: Function) -> str:
    names = [each.name for each in session.functions(prelude=True) if function.name in each.calls]
    more = [f"{len(names) - _MAX_CALLERS:,} more"] if len(names) > _MAX_CALLERS else []
    return ", ".join([*names[:_MAX_CALLERS], *more])


COMMANDS = [
    Command("list", Group.LOOK, (), "list your functions, with the tier each runs in", "", _list),
    Command(
        "info",
        Group.LOOK,
        (OPTIONAL_FUNCTION,),
        "describe a function, or this session",
        "Its tier, how often it ran at -O0, its version, its callees and callers, and its dependents: the functions "
        "and loops that inlined it in their optimized code. An operator is named by its sign, as in `:info |`, or as "
        "in `:info binary|`.",
        _info,
    ),
    Command(
        "tiers",
        Group.LOOK,
        (),
        "list compiled functions and loops, hottest first",
        "For each function and loop that has machine code: its tier, how often it ran at -O0, how long it took to "
        "compile at each tier, the bytes of its code, and its dependents: the functions and loops that inlined it in "
        "their optimized code. `:watch` shows the table while a program runs; `:help tiers` explains tiers.",
        _tiers,
    ),
]
