"""Commands that show what there is."""

from __future__ import annotations

from collections.abc import Iterator

import llvmlite.binding as llvm

from kaleido import __version__
from kaleido.jit import Tier, UnitStats
from kaleido.language.parser import parse
from kaleido.language.printer import outline
from kaleido.repl.commands.table import ANY_FUNCTION, PROGRAM, Command, Group, Request, Word
from kaleido.report.tables import table
from kaleido.report.tier_table import tier_table
from kaleido.session import Function, Session
from kaleido.terminal.text import padded, width

__all__ = ["COMMANDS", "loop_source"]

_CALLERS_SHOWN = 10


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
    session = request.session
    shown = tier_table(
        session.stats(), session.engine.policy, lambda name: loop_source(session, name), request.console.columns
    )
    request.console.show(shown or "nothing is compiled yet: a function is compiled when it is first called\n")


def loop_source(session: Session, name: str) -> str:
    """The source of a loop, by its unit's name. Nothing for what is no loop of a function."""
    owner, is_loop, _ = name.rpartition(".for@")
    return session[owner].loops.get(name, "") if is_loop and owner in session else ""


def _info(request: Request, word: Word | None = None) -> None:
    session, function = request.session, request.function(word) if word is not None else None
    lines = list(_about_session(session) if function is None else _about_function(session, function))
    widest = max(width(name) for name, _ in lines)
    text = "".join(f"{padded(name, widest)}  {value}".rstrip() + "\n" for name, value in lines)
    if function is not None:
        text += "\n" + request.console.highlighted(function.source, "kaleido") + "\n"
    request.console.show(text)


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
    yield "functions", f"{len(session.functions()):,} of yours"
    yield "compiled", ", ".join(f"{sum(unit.tier is tier for unit in units):,} at -{tier}" for tier in Tier)
    yield "code", f"{sum(sum(unit.code_bytes.values()) for unit in units):,} bytes"


def _about_function(session: Session, function: Function) -> Iterator[tuple[str, str]]:
    unit = session.engine.describe(function.unit.symbol)
    source, span = function.origin
    line, _ = source.position(span.start)
    yield function.signature, f"defined in {source.name}:{line}"
    yield "tier", _tier(function)
    if unit.runs:
        yield "runs", f"{unit.counter.of(unit.runs)} at -O0"
    for tier in unit.compile_seconds:
        yield f"-{tier}", f"{unit.code_bytes[tier]:,} bytes, compiled in {unit.compile_seconds[tier] * 1000:.2f} ms"
    yield "version", f"{unit.versions:,}"
    yield "calls", ", ".join(function.calls) or "nothing"
    yield "called by", _callers(session, function) or "nobody"
    yield "bound by", ", ".join(unit.dependents) or "nobody"
    for loop in list(function.unit.with_nested())[1:]:
        yield "loop", _about_loop(session, session.engine.describe(loop.symbol))


def _about_loop(session: Session, unit: UnitStats) -> str:
    tier = f"-{unit.tier}" if unit.tier is not None else "not compiled"
    runs = f", {unit.counter.of(unit.runs)} at -O0" if unit.runs else ""
    return f"{loop_source(session, unit.name)}  ({tier}{runs})"


def _callers(session: Session, function: Function) -> str:
    names = [each.name for each in session.functions(prelude=True) if function.name in each.calls]
    more = [f"{len(names) - _CALLERS_SHOWN:,} more"] if len(names) > _CALLERS_SHOWN else []
    return ", ".join([*names[:_CALLERS_SHOWN], *more])


def _ast(request: Request, word: Word) -> None:
    items = parse(request.program(word), request.session.operators)
    request.console.show("".join(outline(item) for item in items))


COMMANDS = [
    Command("list", Group.LOOK, (), "your functions, and the tier each runs in", "", _list),
    Command(
        "info",
        Group.LOOK,
        (ANY_FUNCTION,),
        "all about a function, or about this session",
        "Its tier, how often it has run, its versions, whom it calls, who calls it, and who has it bound in optimized "
        "code. An operator is named by its sign, or as in `binary|`.",
        _info,
    ),
    Command(
        "tiers",
        Group.LOOK,
        (),
        "what is compiled, hottest first",
        "Each function and loop that has code: its tier, how often it ran at -O0, what compiling it took, the bytes of "
        "its code, and whose optimized code has it bound inside. `:watch` shows the table while something runs; "
        "`:help tiers` says what tiers are.",
        _tiers,
    ),
    Command(
        "ast",
        Group.INSIDE,
        (PROGRAM,),
        "the syntax tree of an expression or a definition",
        "Nothing is run, and nothing is defined. What `if`, `for` and `var` take to their right, and which operator "
        "binds tighter, is seen here.",
        _ast,
    ),
]
