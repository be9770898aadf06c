"""Programs from files: what `:load` does, and what the REPL begins with."""

from __future__ import annotations

import os
from pathlib import Path

from kaleido.diagnostics import KaleidoError, ParseError, Source, counted
from kaleido.language.nodes import Definition, External
from kaleido.language.source_files import read
from kaleido.repl.state import State
from kaleido.repl.user_files import folder, refuse_others
from kaleido.session import Result

__all__ = ["beginning", "brought", "load"]


def load(state: State, path: Path) -> bool:
    """Run a file, and say what it brought: errors included. Raises OSError, and ValueError, where it cannot be read.

    What stands before the item that has an error stays; of that item, and of what comes after it, nothing does. Gives
    whether all of the file has run.
    """
    source = read(path)
    done: list[Result] = []
    try:
        state.run(source, done)
    except KaleidoError as error:
        state.report(error)
        kept = "nothing of it has run" if isinstance(error, ParseError) or not done else f"kept {brought(done)}"
        state.console.write_error(f"{source.name}: {kept}")
        return False
    state.console.write_error(f"{source.name}: {brought(done)}")
    return True


def brought(results: list[Result]) -> str:
    """What a text came to, in numbers."""
    if not results:
        return "nothing in it"
    definitions = sum(isinstance(result.item, Definition | External) for result in results)
    expressions = len(results) - definitions
    parts = [counted(definitions, "definition")] if definitions else []
    return ", ".join([*parts, *([counted(expressions, "expression")] if expressions else [])])


def beginning() -> Source | None:
    """What the user wants to begin with, ``$XDG_CONFIG_HOME/kaleido/init.kal``, if there is one. Raises OSError.

    It is run without being asked for, so it must be the user's own and nobody else's to write.
    """
    path = folder("XDG_CONFIG_HOME", ".config") / "init.kal"
    if not path.exists():
        return None
    for each in (path, path.parent):
        refuse_others(each, os.geteuid(), 0)
    return read(path)
