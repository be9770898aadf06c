"""Commands that show the definitions of the session and their tiers: `:list`, `:info`, `:tiers`, `:events`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kaleido import __version__
from kaleido.codegen.scope import Declaration
from kaleido.jit import Tier, Unit, UnitStats
from kaleido.repl.commands.table import OPTIONAL_UNIT, Command, Group, Request, Word, unit_names
from kaleido.repl.state import State
from kaleido.report.columns import COLUMNS, legend
from kaleido.report.tables import table
from kaleido.report.tier_marks import label
from kaleido.report.tier_table import HEADINGS, tier_table
from kaleido.session import LAST_VALUE, Function, Session
from kaleido.terminal.text import padded, width

__all__ = ["COMMANDS"]

_MAX_CALLERS = 10


def _list(request: Request) -> None:
    functions, columns = request.session.functions(), request.console.columns
    variables = {name: value for name, value in request.session.variables.items() if name != LAST_VALUE}
    tables = []
    if functions:
        rows = [[each.signature, _tier(each), " ".join(each.source.split())] for each in functions]
        headings = ("function", "tier", "definition")
        tables.append(table(headings, rows, left=headings, columns=columns))
    if variables:
        rows = [[name, repr(value)] for name, value in variables.items()]
        tables.append(table(("variable", "value"), rows, left=("variable",), columns=columns))
    request.console.show(request.console.tinted("\n".join(tables) or "no functions yet\n"))


def _tier(function: Function) -> str:
    return label(function.tier) if function.tier is not None else "not compiled"


def _tiers(request: Request) -> None:
    session, console = request.session, request.console
    shown = tier_table(session.stats(), session.engine.policy, request.loop_source, console.columns)
    headings = shown.partition("\n")[0]
    explained = legend((name for name in HEADINGS if name in headings), console.columns)
    text = (
        f"{shown}\n{explained}"
        if shown
        else "nothing is compiled yet: a function is compiled when it is first called\n"
    )
    console.show(console.tinted(text))


def _events(request: Request, word: Word | None = None) -> None:
    log = request.state.event_log
    # A function that was removed is still in the log.
    name = None if word is None else word.text if word.text in log.names else request.unit(word).label
    lines = list(log.lines(name))
    nothing = f"nothing has happened to {name} yet" if name is not None else "nothing has happened yet"
    console = request.console
    console.show(console.tinted("".join(f"{line}\n" for line in lines) or f"{nothing}\n"))


def _info(request: Request, word: Word | None = None) -> None:
    if word is not None and word.text in request.session.variables:
        request.console.show(_rows(_about_variable(request.session, word.text)))
        if not request.is_function(word):
            return
        request.console.show("\n")
    declaration = request.declared(word) if word is not None else None
    if word is not None and declaration is not None:
        request.console.show(_rows(_about_declaration(request, word.text, declaration)))
        return
    unit = request.unit(word) if word is not None else None
    rows = _rows(_about_session(request.session) if unit is None else _about_unit(request, unit))
    text = request.console.tinted(rows)
    if unit is not None:
        text += "\n" + request.console.highlighted(_source(request, unit), "kaleido") + "\n"
    request.console.show(text)


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    lines = list(rows)
    widest = max(width(name) for name, _ in lines)
    return "".join(f"{padded(name, widest)}  {value}".rstrip() + "\n" for name, value in lines)


def _about_declaration(request: Request, name: str, declaration: Declaration) -> Iterator[tuple[str, str]]:
    """A function that an `extern` has declared, and that is not defined."""
    [place] = declaration.places
    line, _ = place.source.position(place.span.start)
    prototype = place.source.text[place.span.start : place.span.end]
    yield prototype, f"declared in {place.source.name}:{line}, and not defined"
    names = {name, f"binary{name}", f"unary{name}"}
    callers = [each.name for each in request.session.functions() if names.intersection(each.calls)]
    yield "called by", ", ".join(callers) or "none"


def _about_variable(session: Session, name: str) -> Iterator[tuple[str, str]]:
    yield name, repr(session.variables[name])
    yield "kind", "the last value" if name == LAST_VALUE else "top-level variable: functions do not see it"


def _about_session(session: Session) -> Iterator[tuple[str, str]]:
    policy, units = session.engine.policy, session.stats()
    import llvmlite.binding as llvm

    yield "kaleido", f"{__version__}, on LLVM {'.'.join(map(str, llvm.llvm_version_info))}"
    yield "processor", llvm.get_host_cpu_name()
    if policy.tiered:
        yield "tiers", "-O0, then -O3 " + ("in the background" if policy.background else "while the program waits")
        yield "hot", f"at {policy.call_threshold:,} calls, or {policy.iteration_threshold:,} iterations"
    else:
        yield "tiers", "-O0 only" if policy.baseline else "-O3 only"
    yield "stack", f"{policy.stack_size:,} bytes"
    yield "functions", f"{len(session.functions()):,} defined"
    yield "compiled", ", ".join(f"{sum(unit.tier is tier for unit in units):,} at {label(tier)}" for tier in Tier)
    yield "code", f"{sum(sum(unit.code_bytes.values()) for unit in units):,} bytes"


def _source(request: Request, unit: Unit) -> str:
    owner = request.loop_owner(unit.label)
    return owner.loops[unit.label] if owner is not None else request.session[unit.label].source


def _about_unit(request: Request, unit: Unit) -> Iterator[tuple[str, str]]:
    engine, owner = request.session.engine, request.loop_owner(unit.label)
    function = owner or request.session[unit.label]
    stats = engine.describe(unit.symbol)
    source, span = function.origin
    line, _ = source.position(span.start)
    if owner is not None:
        yield unit.label, f"a loop of {owner.name}"
    else:
        yield function.signature, f"defined in {source.name}:{line}"
    yield "tier", label(stats.tier) if stats.tier is not None else "not compiled"
    if stats.runs:
        yield "runs", f"{stats.counter.of(stats.runs)} at -O0"
    for tier in stats.compile_seconds:
        yield label(tier), f"{stats.code_bytes[tier]:,} bytes, compiled in {stats.compile_seconds[tier] * 1000:.2f} ms"
    yield "version", f"{stats.versions:,}"
    yield "calls", ", ".join(_callees(request.session, unit, function)) or "none"
    yield "called by", (_callers(request.session, function) if owner is None else _outer(unit, owner)) or "none"
    yield "dependents", ", ".join(stats.dependents) or "none"
    if stats.tier is Tier.OPTIMIZED:
        for call in engine.outside_group(unit.symbol):
            yield "not inlined", f"{call.callee}: {call.reason}"
    for loop in list(unit.with_nested())[1:]:
        yield "loop", _about_loop(request, engine.describe(loop.symbol))


def _callees(session: Session, unit: Unit, function: Function) -> list[str]:
    """The functions that a unit's own source calls, which includes its loops; not the loops themselves."""
    if unit.symbol == function.unit.symbol:
        return list(function.calls)
    called = {name for each in unit.with_nested() for name in each.calls}
    return [name for name in function.calls if session[name].unit.symbol in called]


def _outer(loop: Unit, owner: Function) -> str:
    """The function or loop around a loop."""
    return next(unit.label for unit in owner.unit.with_nested() if loop in unit.nested_units)


def _about_loop(request: Request, loop: UnitStats) -> str:
    tier = label(loop.tier) if loop.tier is not None else "not compiled"
    runs = f", {loop.counter.of(loop.runs)} at -O0" if loop.runs else ""
    return f"{loop.name}  {tier}{runs}  {request.loop_source(loop.name)}"


def _callers(session: Session, function: Function) -> str:
    names = [each.name for each in session.functions(prelude=True) if function.name in each.calls]
    more = [f"{len(names) - _MAX_CALLERS:,} more"] if len(names) > _MAX_CALLERS else []
    return ", ".join([*names[:_MAX_CALLERS], *more])


def _names(state: State, before: Sequence[str] = ()) -> list[str]:
    return [*unit_names(state), *state.session.variables]


COMMANDS = [
    Command("list", Group.LOOK, (), "list your functions, with the tier each runs in, and variables", "", _list),
    Command(
        "info",
        Group.LOOK,
        (OPTIONAL_UNIT._replace(candidates=_names),),
        "describe a function, a loop or a variable, or this session",
        "Its tier, how often it ran at -O0, its version, its callees and callers, and its dependents: the functions "
        "and loops that inlined it in their optimized code. An operator is named by its sign, as in `:info |`, or as "
        "in `:info binary|`; a loop by its line and column, as in `:info sum.for@1:22`.",
        _info,
    ),
    Command(
        "tiers",
        Group.LOOK,
        (),
        "list functions and loops that have code, those at -O3 first",
        "At -O0, those first that are nearest to their threshold. "
        + " ".join(f"`{name}`: {COLUMNS[name]}." for name in HEADINGS if name in COLUMNS)
        + " `:watch` shows the table while a program runs; `:help tiers` explains tiers.",
        _tiers,
    ),
    Command(
        "events",
        Group.LOOK,
        (OPTIONAL_UNIT,),
        "list what happened to a function, or to all, since the start",
        "One line each, with the seconds since the start: definitions, compilations, swaps with what made them hot, "
        "deoptimizations and their reasons, and code that was freed. The lines of a function include those of its "
        "loops.",
        _events,
    ),
]
