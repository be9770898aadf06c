"""Commands about the session itself: taking back, beginning anew, options, the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

from kaleido.diagnostics import counted, suggestion
from kaleido.jit import uninterrupted
from kaleido.repl.commands.table import Command, Group, Leave, Parameter, Request, Word
from kaleido.repl.settings import OPTIONS
from kaleido.repl.state import State
from kaleido.report.tables import table
from kaleido.session import Change, Session

__all__ = ["COMMANDS"]


def _undo(request: Request) -> None:
    # What is done and what is known of it change together.
    with uninterrupted():
        change = request.state.journal.undo(request.session.undo)
    if change is None:
        request.fail("there is nothing to take back", request.name)
    lines = list(_restored(request.session, change)) or ["what was forgotten is known again"]
    request.console.write("".join(f"{line}\n" for line in lines))


def _restored(session: Session, change: Change) -> Iterator[str]:
    for name in change.past.functions:
        if name in session:
            yield f"{name} is again: {' '.join(session[name].source.split())}"
        else:
            yield f"{name} is not defined any more"


def _reset(request: Request) -> None:
    state, functions = request.state, len(request.session.functions())
    if not functions and not len(state.journal) and not request.session.variables:
        request.console.write("there is nothing to forget\n")
        return
    with uninterrupted():
        state.journal.reset(request.session.reset())
        request.session.variables.clear()
    again = "it" if functions == 1 else "them"
    request.console.write(f"forgot {counted(functions, 'function')}: `:undo` brings {again} back\n")


def _set(request: Request, word: Word | None = None, value: Word | None = None) -> None:
    settings = request.state.settings
    if word is not None and word.text not in OPTIONS:
        hint = suggestion(word.text, OPTIONS) or "`:set` shows the options"
        request.fail(f"unknown option `{word.text}`", word, "", hint)
    if word is None or value is None:
        chosen = [option for name, option in OPTIONS.items() if word is None or name == word.text]
        rows = [[option.name, settings[option.name], "|".join(option.values), option.meaning] for option in chosen]
        headings = ("option", "is", "can be", "for")
        expendable = ("can be",) if word is None else ("for",)
        columns = request.console.columns
        request.console.show(table(headings, rows, left=headings, columns=columns, expendable=expendable))
        return
    try:
        settings[word.text] = value.text
    except ValueError:
        expected = " or ".join(OPTIONS[word.text].values)
        request.fail(f"`{word.text}` cannot be `{value.text}`", value, f"expected {expected}")


def _quit(request: Request) -> NoReturn:
    raise Leave


def _option_names(state: State, before: Sequence[str]) -> Iterable[str]:
    return OPTIONS


def _values(state: State, before: Sequence[str]) -> Iterable[str]:
    return OPTIONS[before[0]].values if before[0] in OPTIONS else ()


COMMANDS = [
    Command(
        "undo",
        Group.SESSION,
        (),
        "take back the last entry that defined something",
        "What it defined is as it was before, or gone; what was at -O3 will be again. Used again, it goes further "
        "back. What ran since then is no longer among what `:save` saves.",
        _undo,
    ),
    Command("reset", Group.SESSION, (), "forget all your definitions; `:undo` brings them back", "", _reset),
    Command(
        "set",
        Group.SESSION,
        (
            Parameter("option", "an option", _option_names, optional=True),
            Parameter("value", "a value", _values, optional=True),
        ),
        "the options, or a new value for one",
        "To set one each time the REPL begins, write the command into `$XDG_CONFIG_HOME/kaleido/init.kal`.",
        _set,
    ),
    Command("quit", Group.SESSION, (), "leave; so does Ctrl-D", "", _quit),
]
