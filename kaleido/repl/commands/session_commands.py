"""Commands for the session as such: `:undo`, `:reset`, `:set`, `:quit`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from typing import NoReturn

from kaleido.diagnostics import counted, suggestion
from kaleido.jit import uninterrupted
from kaleido.language.operators import ASSIGNMENT
from kaleido.language.source_files import reason
from kaleido.repl.commands.table import Command, Group, Parameter, Quit, Request, Word
from kaleido.repl.settings import OPTIONS, POLICY_OPTIONS, changed_policy, policy_value
from kaleido.repl.state import State
from kaleido.report.tables import table
from kaleido.session import LAST_VALUE, Change, Session

__all__ = ["COMMANDS"]

# `:undo` shows each function or variable, up to so many. Of more, it only counts them, and names the first.
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
    yield from _undone_entries(
        change.past.functions, "function", session, lambda name: f": {_on_one_line(session, name)}"
    )
    precedence = session.operators.infix[ASSIGNMENT]
    if change.past.operators.infix[ASSIGNMENT] != precedence:
        yield f"restored the precedence of `=`: {precedence}"
    declared = session.declared
    for name, declaration in change.past.declared.items():
        if declaration is not None and not (name in session or name in declared or name in change.past.functions):
            yield f"removed {name}"
    variables = [name for name in change.past.variables if name != LAST_VALUE]
    yield from _undone_entries(variables, "variable", session.variables, lambda name: f" = {session.variables[name]!r}")


def _undone_entries(
    names: Collection[str], noun: str, present: Container[str], describe: Callable[[str], str]
) -> Iterator[str]:
    """A line for each function or variable; if there are many, only their numbers."""
    if len(names) <= _MOST_SHOWN:
        yield from (f"restored {name}{describe(name)}" if name in present else f"removed {name}" for name in names)
        return
    for verb, there in (("restored", True), ("removed", False)):
        found = [name for name in names if (name in present) is there]
        if found:
            yield f"{verb} {_counted(found, noun)}"


def _on_one_line(session: Session, name: str) -> str:
    return " ".join(session[name].source.split())


def _counted(names: Sequence[str], noun: str) -> str:
    """The number of functions or variables, and the first names."""
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{counted(len(names), noun)}: {shown}{', …' if len(names) > _MOST_NAMED else ''}"


def _reset(request: Request) -> None:
    log = request.state.undo_log
    expressions = sum(each.name is None for each in log.items)
    with uninterrupted():
        change = request.session.reset()
        past = change.past
        if not past.functions and not past.variables and not len(log):
            request.console.write("nothing to reset\n")
            return
        log.reset(change)
    variables = [name for name in past.variables if name != LAST_VALUE]
    parts = [(len(past.functions), "function"), (len(variables), "variable")]
    removed = [counted(number, noun) for number, noun in parts if number]
    if not removed and not expressions:
        request.console.write("removed the last value\n")
        return
    what = " and ".join(removed) or counted(expressions, "expression")
    number = len(past.functions) + len(variables) or expressions
    request.console.write(f"removed {what}: `:undo` restores {'it' if number == 1 else 'them'}\n")


def _set(request: Request, word: Word | None = None, value: Word | None = None) -> None:
    if word is not None and word.text not in OPTIONS:
        hint = suggestion(word.text, OPTIONS) or "`:set` shows the options"
        request.fail(f"unknown option `{word.text}`", word, "", hint)
    if word is None or value is None:
        chosen = [option for name, option in OPTIONS.items() if word is None or name == word.text]
        rows = [[each.name, _value(request, each.name), "|".join(each.choices), each.description] for each in chosen]
        headings = ("option", "value", "choices", "description")
        expendable = ("choices",) if word is None else ("description",)
        columns = request.console.columns
        request.console.show(table(headings, rows, left=headings, columns=columns, expendable=expendable))
        return
    try:
        if word.text in POLICY_OPTIONS:
            engine = request.session.engine
            engine.configure(changed_policy(engine.policy, word.text, value.text))
        else:
            request.state.settings[word.text] = value.text
    except ValueError:
        option = OPTIONS[word.text]
        expected = " or ".join([*option.values, *["a whole number from 1 up"] * bool(option.number)])
        request.fail(f"`{word.text}` cannot be `{value.text}`", value, f"expected {expected}")
    except OSError as error:
        request.fail(f"`{word.text}` stays as it is", value, reason(error))


def _value(request: Request, name: str) -> str:
    """The present value of an option."""
    if name in POLICY_OPTIONS:
        return policy_value(request.session.engine.policy, name)
    return request.state.settings[name]


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
        "undo the last entry that changed definitions or variables",
        "Earlier definitions and values of variables are restored, new ones are removed. Functions that were at -O3 "
        "are optimized again. Another `:undo` undoes the entry before. `:save` leaves out what ran since the entry "
        "that was undone.",
        _undo,
    ),
    Command(
        "reset",
        Group.SESSION,
        (),
        "remove all your definitions and variables; `:undo` restores them",
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
        "`jit` and `threshold` are what the options `--jit` and `--threshold` begin with, and a change takes effect at "
        "once. At `O0`, code at -O3 is deoptimized, and runs are not counted. At `O3`, each function is compiled at "
        "-O3 before its next call. With a lower threshold, what has run as often is hot at its next run. To set an "
        "option whenever the REPL starts, put the command into `$XDG_CONFIG_HOME/kaleido/init.kal`.",
        _set,
    ),
    Command("quit", Group.SESSION, (), "leave the REPL; so does Ctrl-D", "", _quit),
]
