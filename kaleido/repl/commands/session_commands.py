"""Commands for the session as such: `:undo`, `:reset`, `:set`, `:quit`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

from kaleido.diagnostics import counted, suggestion
from kaleido.jit import uninterrupted
from kaleido.language.operators import ASSIGNMENT
from kaleido.repl.commands.table import Command, Group, Parameter, Quit, Request, Word
from kaleido.repl.settings import OPTIONS
from kaleido.repl.state import State
from kaleido.report.tables import table
from kaleido.session import Change, Session

__all__ = ["COMMANDS"]

# `:undo` shows each function, up to so many. Of more, it only counts them, and names the first.
_MOST_SHOWN, _MOST_NAMED = 12, 5


def _undo(request: Request) -> None:
    # Ctrl-C must not come between the change of the session and that of the undo log.
    with uninterrupted():
        change = request.state.undo_log.undo(request.session.undo)
    if change is None:
        request.fail("nothing to undo", request.name)
    lines = list(_undone(request.session, change)) or ["undid `:reset`"]
    request.console.write("".join(f"{line}\n" for line in lines))


def _undone(session: Session, change: Change) -> Iterator[str]:
    names = change.past.functions
    if len(names) > _MOST_SHOWN:
        yield from _counts(session, names)
        return
    for name in names:
        if name in session:
            yield f"restored {name}: {' '.join(session[name].source.split())}"
        else:
            yield f"removed {name}"
    precedence = session.operators.infix[ASSIGNMENT]
    if change.past.operators.infix[ASSIGNMENT] != precedence:
        yield f"restored the precedence of `=`: {precedence}"
    declared = session.declared
    for name, declaration in change.past.declared.items():
        if declaration is not None and not (name in session or name in declared or name in change.past.functions):
            yield f"removed {name}"


def _counts(session: Session, names: Iterable[str]) -> Iterator[str]:
    for verb, there in (("restored", True), ("removed", False)):
        found = [name for name in names if (name in session) is there]
        if found:
            yield f"{verb} {_counted(found)}"


def _counted(names: Sequence[str]) -> str:
    """The number of functions, and the first names."""
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{counted(len(names), 'function')}: {shown}{', …' if len(names) > _MOST_NAMED else ''}"


def _reset(request: Request) -> None:
    log, variables = request.state.undo_log, request.session.variables
    expressions = sum(each.name is None for each in log.items)
    with uninterrupted():
        change = request.session.reset()
        functions = len(change.past.functions)
        if not functions and not len(log) and not variables:
            request.console.write("nothing to reset\n")
            return
        log.reset(change)
        variables.clear()
    if not functions and not expressions:
        request.console.write("removed the last value\n")
        return
    what = counted(functions, "function") if functions else counted(expressions, "expression")
    them = "it" if (functions or expressions) == 1 else "them"
    request.console.write(f"removed {what}: `:undo` restores {them}\n")


def _set(request: Request, word: Word | None = None, value: Word | None = None) -> None:
    settings = request.state.settings
    if word is not None and word.text not in OPTIONS:
        hint = suggestion(word.text, OPTIONS) or "`:set` shows the options"
        request.fail(f"unknown option `{word.text}`", word, "", hint)
    if word is None or value is None:
        chosen = [option for name, option in OPTIONS.items() if word is None or name == word.text]
        rows = [[option.name, settings[option.name], "|".join(option.values), option.description] for option in chosen]
        headings = ("option", "value", "choices", "description")
        expendable = ("choices",) if word is None else ("description",)
        columns = request.console.columns
        request.console.show(table(headings, rows, left=headings, columns=columns, expendable=expendable))
        return
    try:
        settings[word.text] = value.text
    except ValueError:
        expected = " or ".join(OPTIONS[word.text].values)
        request.fail(f"`{word.text}` cannot be `{value.text}`", value, f"expected {expected}")


def _quit(request: Request) -> NoReturn:
    raise Quit


def _option_names(state: State, before: Sequence[str]) -> Iterable[str]:
    return {name: option.description for name, option in OPTIONS.items()}


def _values(state: State, before: Sequence[str]) -> Iterable[str]:
    return OPTIONS[before[0]].values if before[0] in OPTIONS else ()


COMMANDS = [
    Command(
        "undo",
        Group.SESSION,
        (),
        "undo the last entry that changed definitions",
        "Earlier definitions are restored, new ones are removed. Functions that were at -O3 are optimized again. "
        "Another `:undo` undoes the entry before. `:save` leaves out what ran since the entry that was undone.",
        _undo,
    ),
    Command(
        "reset",
        Group.SESSION,
        (),
        "remove all your definitions; `:undo` restores them",
        "Those of your init.kal stay.",
        _reset,
    ),
    Command(
        "set",
        Group.SESSION,
        (
            Parameter("option", "an option", _option_names, optional=True),
            Parameter("value", "a value", _values, optional=True),
        ),
        "show the options, or set one",
        "To set an option whenever the REPL starts, put the command into `$XDG_CONFIG_HOME/kaleido/init.kal`.",
        _set,
    ),
    Command("quit", Group.SESSION, (), "leave the REPL; so does Ctrl-D", "", _quit),
]
