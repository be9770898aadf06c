"""The definition of a command: one row of a table, from which execution, `:help` and completion derive."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple, NoReturn

from kaleido.codegen.builtin_operators import BUILTIN_OPERATORS
from kaleido.codegen.scope import Declaration
from kaleido.diagnostics import Diagnostic, KaleidoError, Source, Span, suggestion
from kaleido.jit import Tier, Unit
from kaleido.repl.display.console import Console
from kaleido.repl.state import Quit, State
from kaleido.session import Function, Session

__all__ = [
    "OPTIONAL_FUNCTION",
    "OPTIONAL_UNIT",
    "PROGRAM",
    "UNIT",
    "Command",
    "Group",
    "Kind",
    "Parameter",
    "Quit",
    "Request",
    "Word",
    "abbreviated",
    "tier_names",
    "unit_names",
]


class Group(Enum):
    """The groups of commands, in the order in which `:help` shows them."""

    LEARN = "Learn"
    LOOK = "Look"
    INSIDE = "Look inside"
    MEASURE = "Measure"
    FILES = "Files"
    SESSION = "Session"


class Kind(Enum):
    """The kinds of arguments: one word, or the rest of the line as a path or as a program."""

    WORD = auto()
    PATH = auto()
    PROGRAM = auto()


class Parameter(NamedTuple):
    """A parameter of a command.

    `name`        its name in the usage of the command
    `noun`        its description in error messages, with an article
    `candidates`  returns the words that completion offers for it, given the arguments before it; in a mapping, each
                  with its description
    """

    name: str
    noun: str
    candidates: Callable[[State, Sequence[str]], Iterable[str]] = lambda state, before: ()
    kind: Kind = Kind.WORD
    optional: bool = False

    def __str__(self) -> str:
        return f"[{self.name}]" if self.optional else self.name


class Command(NamedTuple):
    """A row of the table.

    `summary`  its description in one line
    `details`  a paragraph that `:help` adds; may be empty
    `run`      is called with a Request, and a Word for each argument
    """

    name: str
    group: Group
    parameters: tuple[Parameter, ...]
    summary: str
    details: str
    run: Callable[..., None]

    @property
    def usage(self) -> str:
        return " ".join([f":{self.name}", *map(str, self.parameters)])

    @property
    def required(self) -> int:
        """The minimum number of arguments."""
        return sum(not parameter.optional for parameter in self.parameters)

    def arguments(self, line: str, start: int) -> list[Word]:
        """The arguments in `line` from `start` on, split by the kinds of the parameters; at most one too many."""
        words: list[Word] = []
        while (match := re.compile(r"\s*(\S+)").match(line, start)) and len(words) <= len(self.parameters):
            expected = self.parameters[len(words)].kind if len(words) < len(self.parameters) else Kind.WORD
            end = match.end() if expected is Kind.WORD else len(line.rstrip())
            words.append(Word(line[match.start(1) : end], Span(match.start(1), end)))
            start = end
        return words


class Word(NamedTuple):
    """The name or an argument of a command, and its span in the entry."""

    text: str
    span: Span


class Request(NamedTuple):
    """A command that was entered: the state it works on, and the source that its errors point to.

    `name` is its name as it was entered, with the colon.
    """

    state: State
    source: Source
    name: Word
    commands: Mapping[str, Command]

    @property
    def session(self) -> Session:
        return self.state.session

    @property
    def console(self) -> Console:
        return self.state.console

    def fail(self, title: str, word: Word, label: str = "", hint: str = "") -> NoReturn:
        """Raise KaleidoError with a diagnostic that points to `word`."""
        raise KaleidoError(Diagnostic(title, self.source, word.span, label, hint))

    def program(self, word: Word) -> Source:
        """An argument as a program, with the positions that it has in the entry."""
        before = re.sub(r"[^\r\n]", " ", self.source.text[: word.span.start])
        return Source(self.source.name, before + word.text, self.source.text)

    def is_function(self, word: Word) -> bool:
        """Whether an argument names a function, as :meth:`function` finds it."""
        return any(name in self.session for name in _function_names(word))

    def function(self, word: Word) -> Function:
        """The function that an argument names by its name, or by the sign of its operator."""
        names = _function_names(word)
        found = next((name for name in names if name in self.session), None)
        if found is None and BUILTIN_OPERATORS.intersection(names):
            self.fail(f"`{word.text}` is built in", word, "not a function")
        if found is None and self.declared(word) is not None:
            self.fail(f"`{word.text}` is declared, and not defined", word, "no function yet", "`def` it")
        if found is None and word.text in self.session.variables:
            self.fail(f"`{word.text}` is a variable", word, "not a function")
        if found is None:
            hint = suggestion(word.text, unit_names(self.state))
            self.fail(f"unknown function `{word.text}`", word, "not defined", hint)
        return self.session[found]

    def declared(self, word: Word) -> Declaration | None:
        """The declaration of a function that an `extern` has declared, and that is not defined."""
        declared = self.session.declared
        return next((declared[name] for name in _function_names(word) if name in declared), None)

    def unit(self, word: Word) -> Unit:
        """The unit of the function, or of the loop (as in ``sum.for@1:22``), that an argument names."""
        owner = self.loop_owner(word.text)
        if owner is not None:
            return next(unit for unit in owner.unit.with_nested() if unit.label == word.text)
        if self.state.event_log.has_ended(word.text):
            ended = "code at top level is freed when its expression ends"
            self.fail(f"`{word.text}` has ended", word, ended, "the code of a loop in a function stays: `def` one")
        function, is_loop, _ = word.text.rpartition(".for@")
        if is_loop and function in self.session:
            loops = ", ".join(f"`{name}`" for name in self.session[function].loops)
            self.fail(f"`{function}` has no loop `{word.text}`", word, "", f"its loops: {loops}" if loops else "")
        return self.function(word).unit

    def loop_owner(self, name: str) -> Function | None:
        """The function that has a loop of this name; None where there is none."""
        owner, is_loop, _ = name.rpartition(".for@")
        function = self.session[owner] if is_loop and owner in self.session else None
        return function if function is not None and name in function.loops else None

    def loop_source(self, name: str) -> str:
        """The source of a loop on one line, by its unit's name; empty for other units and for loops at top level."""
        owner = self.loop_owner(name)
        return owner.loops[name] if owner is not None else ""

    def tier(self, word: Word) -> Tier:
        """The tier that an argument names, such as ``O3`` or ``-o3``."""
        try:
            return Tier(word.text.removeprefix("-").upper())
        except ValueError:
            self.fail(f"unknown tier `{word.text}`", word, f"expected {' or '.join(Tier)}")

    def command(self, word: Word) -> Command:
        """The command that an argument names, with or without its colon. The beginning of one name is enough."""
        name = word.text.removeprefix(":")
        found = abbreviated(name, self.commands)
        if len(found) != 1:
            self._fail_unknown(word, name, found)
        return self.commands[found[0]]

    def _fail_unknown(self, word: Word, name: str, found: Sequence[str]) -> NoReturn:
        if name and found:
            *others, last = (f"`:{each}`" for each in found)
            self.fail(f"`:{name}` is ambiguous", word, "", f"{', '.join(others)} or {last}?")
        hint = suggestion(name, self.commands).replace("`", "`:", 1)
        hint = hint or ("`:help` shows the commands" if name else "the name follows the colon, as in `:help`")
        self.fail(f"unknown command `:{name}`", word, "not a command", hint)


def _function_names(word: Word) -> Sequence[str]:
    return word.text, f"binary{word.text}", f"unary{word.text}"


def abbreviated(name: str, commands: Iterable[str]) -> list[str]:
    """The commands that a name may stand for: the one of that name, or those that begin with it."""
    full = {"?": "help"}.get(name, name)
    return [full] if full in commands else [each for each in commands if name and each.startswith(name)]


def function_names(state: State, before: Sequence[str] = ()) -> list[str]:
    """The names of all functions, with those of operators and of the prelude."""
    return [function.name for function in state.session.functions(prelude=True)]


def unit_names(state: State, before: Sequence[str] = ()) -> list[str]:
    """The names of all functions, and of their loops."""
    functions = state.session.functions(prelude=True)
    return [name for function in functions for name in (function.name, *function.loops)]


OPTIONAL_FUNCTION = Parameter("f", "a function", function_names, optional=True)
UNIT = Parameter("f", "a function", unit_names)
OPTIONAL_UNIT = UNIT._replace(optional=True)
PROGRAM = Parameter("expr", "an expression", kind=Kind.PROGRAM)


def tier_names(state: State, before: Sequence[str] = ()) -> list[str]:
    return list(Tier)
