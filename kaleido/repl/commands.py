"""The commands: one table, from which running them, `:help` and completion derive."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

from kaleido.codegen.environment import symbol
from kaleido.diagnostics import Diagnostic, KaleidoError, Source, Span, suggestion
from kaleido.jit import Counts, Tier, UnitStats
from kaleido.report.statistics import table
from kaleido.session import Function, Session

__all__ = ["COMMANDS", "Command", "Leave", "Parameter", "execute"]


class Leave(Exception):
    """The user wants to leave the REPL."""


@dataclass(frozen=True)
class Word:
    """A word of a command, and where it stands in the entry."""

    text: str
    span: Span


@dataclass(frozen=True)
class Request:
    """A command as it was entered: whom to ask, and where to point when it cannot be done."""

    session: Session
    source: Source

    def fail(self, title: str, word: Word, label: str = "", hint: str = "") -> NoReturn:
        raise KaleidoError(Diagnostic(title, self.source, word.span, label, hint))


@dataclass(frozen=True)
class Parameter:
    """A parameter of a command; `candidates` are the words that completion offers for it."""

    name: str
    candidates: Callable[[Session], Iterable[str]]
    optional: bool = False

    def __str__(self) -> str:
        return f"[{self.name}]" if self.optional else self.name


@dataclass(frozen=True)
class Command:
    """A row of the table. `run` gets the request and a Word for each argument, and returns what to print."""

    name: str
    parameters: tuple[Parameter, ...]
    summary: str
    run: Callable[..., str]

    @property
    def usage(self) -> str:
        return " ".join([f":{self.name}", *map(str, self.parameters)])

    @property
    def required(self) -> int:
        """How many arguments it needs at least."""
        return sum(not parameter.optional for parameter in self.parameters)


def execute(session: Session, source: Source) -> str:
    """Run the command that an entry is, and return what it prints. Raises KaleidoError, and Leave."""
    request = Request(session, source)
    name, *arguments = _words(source.text)
    command = _command(request, name)
    usage = f"it is `{command.usage}`"
    if len(arguments) > len(command.parameters):
        request.fail("too many arguments", arguments[len(command.parameters)], "not expected", usage)
    if len(arguments) < command.required:
        missing = command.parameters[len(arguments)]
        request.fail(f"`:{command.name}` needs an argument", name, f"expected {missing} after it", usage)
    return command.run(request, *arguments)


def _words(text: str) -> list[Word]:
    """The words of a command; the first is its name, colon and all."""
    return [Word(match[0], Span(*match.span())) for match in re.finditer(r"\S+", text)]


def _command(request: Request, word: Word) -> Command:
    """The command that `word` names, with its colon or without."""
    name = word.text.removeprefix(":")
    if name not in COMMANDS:
        hint = _suggested(name) or "`:help` shows the commands"
        request.fail(f"unknown command `:{name}`", word, "not a command", hint)
    return COMMANDS[name]


def _suggested(name: str) -> str:
    """A hint with the command that `name` may be short for, or a slip of."""
    full = next((known for known in COMMANDS if name and known.startswith(name)), name)
    return suggestion(f":{full}", [f":{known}" for known in COMMANDS])


# The commands


def _help(request: Request, word: Word | None = None) -> str:
    commands = list(COMMANDS.values()) if word is None else [_command(request, word)]
    width = max(len(command.usage) for command in commands)
    text = "".join(f"{command.usage:<{width}}  {command.summary}\n" for command in commands)
    return text if word is not None else text + _ENTRIES


_ENTRIES = """
Anything else is a program: definitions, which are kept, and expressions, whose values are shown.
Enter runs it when it is complete and asks for more when it is not; Alt-Enter makes a new line.
"""


def _list(request: Request) -> str:
    functions = request.session.functions()
    if not functions:
        return "no functions yet\n"
    return table(["function", "tier"], [[each.signature, each.tier or "not compiled"] for each in functions])


def _tiers(request: Request) -> str:
    units = [unit for unit in request.session.stats() if unit.counts is not Counts.NOTHING]
    rows = [_row(unit, unit.tier) for unit in units if unit.tier is not None]
    if not rows:
        return "nothing is compiled yet: a function is compiled when it is first called\n"
    return table(["unit", "tier", "runs at O0", "compile ms", "bytes", "bound by"], rows)


def _row(unit: UnitStats, tier: Tier) -> list[str]:
    return [
        unit.name,
        tier,
        f"{unit.runs:,} {unit.counts}",
        f"{unit.compile_seconds[tier] * 1000:.2f}",
        f"{unit.code_bytes[tier]:,}",
        ", ".join(unit.bound_by) or "-",
    ]


def _ir(request: Request, word: Word, tier_word: Word | None = None) -> str:
    function = _function(request, word)
    tier = _tier(request, tier_word) if tier_word is not None else function.tier or Tier.BASELINE
    engine = request.session.engine
    unit = engine.unit(symbol(function.name))
    # At -O3 a function's module has its loops in it; at the baseline each is compiled by itself.
    shown = unit.whole() if tier is Tier.BASELINE else [unit]
    return "\n".join(engine.ir(each.symbol, tier).rstrip("\n") + "\n" for each in shown)


def _function(request: Request, word: Word) -> Function:
    if word.text not in request.session:
        names = _function_names(request.session)
        request.fail(f"unknown function `{word.text}`", word, "not defined", suggestion(word.text, names))
    return request.session[word.text]


def _tier(request: Request, word: Word) -> Tier:
    try:
        return Tier(word.text.upper())
    except ValueError:
        request.fail(f"unknown tier `{word.text}`", word, f"expected {' or '.join(Tier)}")


def _quit(request: Request) -> NoReturn:
    raise Leave


# What completion offers


def _command_names(session: Session) -> Iterable[str]:
    return COMMANDS


def _function_names(session: Session) -> list[str]:
    return [function.name for function in session.functions(prelude=True)]


def _tier_names(session: Session) -> list[str]:
    return list(Tier)


_FUNCTION = Parameter("f", _function_names)
_TIER = Parameter("|".join(Tier), _tier_names, optional=True)
_COMMAND = Parameter("command", _command_names, optional=True)

COMMANDS = {
    command.name: command
    for command in [
        Command("help", (_COMMAND,), "what the commands do", _help),
        Command("list", (), "your functions, and the tier each runs in", _list),
        Command("tiers", (), "the compiled functions and loops: tier, runs, time to compile, size", _tiers),
        Command("ir", (_FUNCTION, _TIER), "a function's LLVM IR, in the tier it runs in or in another", _ir),
        Command("quit", (), "leave; so does Ctrl-D", _quit),
    ]
}
"""The commands by name, in the order in which `:help` shows them."""
