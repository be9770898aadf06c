"""What a command is: a row of one table, from which running it, `:help` and completion derive."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import NoReturn

from kaleido.codegen.builtin_operators import BUILTIN_OPERATORS
from kaleido.diagnostics import Diagnostic, KaleidoError, Source, Span, suggestion
from kaleido.jit import Tier
from kaleido.repl.console import Console
from kaleido.repl.state import State
from kaleido.session import Function, Session

__all__ = [
    "ANY_FUNCTION",
    "FUNCTION",
    "PROGRAM",
    "Command",
    "Group",
    "Kind",
    "Leave",
    "Parameter",
    "Request",
    "Word",
    "tier_names",
]


class Leave(Exception):
    """The user wants to leave the REPL."""


class Group(Enum):
    """What commands are for, in the order in which `:help` shows them."""

    LEARN = "Learn"
    LOOK = "Look"
    INSIDE = "Look inside"
    MEASURE = "Measure"
    FILES = "Files"
    SESSION = "Session"


class Kind(Enum):
    """What an argument is: a word, or all that is left of the line, which is a file's name or a program."""

    WORD = auto()
    PATH = auto()
    PROGRAM = auto()


@dataclass(frozen=True)
class Parameter:
    """A parameter of a command.

    `name` stands for it where the command is described, `noun` is what it is. `candidates` are the words that
    completion offers for it, behind the other arguments.
    """

    name: str
    noun: str
    candidates: Callable[[State, Sequence[str]], Iterable[str]] = lambda state, before: ()
    kind: Kind = Kind.WORD
    optional: bool = False

    def __str__(self) -> str:
        return f"[{self.name}]" if self.optional else self.name


@dataclass(frozen=True)
class Command:
    """A row of the table. `details` say more than `summary`; `run` gets the request and a Word for each argument."""

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
        """How many arguments it needs at least."""
        return sum(not parameter.optional for parameter in self.parameters)

    def arguments(self, line: str, start: int) -> list[Word]:
        """The arguments in `line` from `start` on, by the kinds of its parameters; one more if there are too many."""
        words: list[Word] = []
        while (match := re.compile(r"\s*(\S+)").match(line, start)) and len(words) <= len(self.parameters):
            expected = self.parameters[len(words)].kind if len(words) < len(self.parameters) else Kind.WORD
            end = match.end() if expected is Kind.WORD else len(line.rstrip())
            words.append(Word(line[match.start(1) : end], Span(match.start(1), end)))
            start = end
        return words


@dataclass(frozen=True)
class Word:
    """An argument of a command, and where it stands in the entry."""

    text: str
    span: Span


@dataclass(frozen=True)
class Request:
    """A command as it was entered: what it may look at, and where to point when it cannot be done.

    `name` is its name as it stands there, colon and all.
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
        raise KaleidoError(Diagnostic(title, self.source, word.span, label, hint))

    def program(self, word: Word) -> Source:
        """An argument as a program, whose errors are where they stand in the entry."""
        before = re.sub(r"[^\r\n]", " ", self.source.text[: word.span.start])
        return Source(self.source.name, before + word.text, self.source.text)

    def function(self, word: Word) -> Function:
        """The function that an argument names: by itself, or as an operator."""
        names = (word.text, f"binary{word.text}", f"unary{word.text}")
        found = next((name for name in names if name in self.session), None)
        if found is None and BUILTIN_OPERATORS.intersection(names):
            self.fail(f"`{word.text}` is built in", word, "there is no function to look at")
        if found is None:
            hint = suggestion(word.text, function_names(self.state))
            self.fail(f"unknown function `{word.text}`", word, "not defined", hint)
        return self.session[found]

    def tier(self, word: Word) -> Tier:
        """The tier that an argument names, with or without a dash."""
        try:
            return Tier(word.text.removeprefix("-").upper())
        except ValueError:
            self.fail(f"unknown tier `{word.text}`", word, f"expected {' or '.join(Tier)}")

    def command(self, word: Word) -> Command:
        """The command that an argument names, with its colon or without."""
        name = word.text.removeprefix(":")
        if name not in self.commands:
            # What it may be short for, or a slip of.
            full = next((known for known in self.commands if name and known.startswith(name)), name)
            hint = suggestion(f":{full}", [f":{known}" for known in self.commands])
            hint = hint or ("`:help` shows the commands" if name else "the name follows the colon, as in `:help`")
            self.fail(f"unknown command `:{name}`", word, "not a command", hint)
        return self.commands[name]


def function_names(state: State, before: Sequence[str] = ()) -> list[str]:
    """The functions there are, operators among them."""
    return [function.name for function in state.session.functions(prelude=True)]


FUNCTION = Parameter("f", "a function", function_names)
ANY_FUNCTION = replace(FUNCTION, optional=True)
PROGRAM = Parameter("expr", "an expression", kind=Kind.PROGRAM)


def tier_names(state: State, before: Sequence[str] = ()) -> list[str]:
    return list(Tier)
