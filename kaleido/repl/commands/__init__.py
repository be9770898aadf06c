"""The commands: one table, from which running them, `:help` and completion derive."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kaleido.diagnostics import Source, Span
from kaleido.repl.commands import compiled, control, files, help, inspect, measure
from kaleido.repl.commands.table import Command, Kind, Leave, Parameter, Request, Word
from kaleido.repl.state import State

__all__ = ["COMMANDS", "Command", "Kind", "Leave", "Parameter", "execute"]

COMMANDS: Mapping[str, Command] = {
    command.name: command
    for module in (help, inspect, compiled, measure, files, control)
    for command in module.COMMANDS
}
"""The commands by name, in the order in which `:help` shows them."""


def execute(state: State, source: Source) -> None:
    """Run the command that an entry is. Raises KaleidoError, and Leave."""
    found = re.search(r"\S+", source.text)
    assert found is not None
    name = Word(found[0], Span(*found.span()))
    request = Request(state, source, name, COMMANDS)
    command = request.command(name)
    arguments = command.arguments(source.text, found.end())
    usage = f"it is `{command.usage}`"
    if len(arguments) > len(command.parameters):
        request.fail("too many arguments", arguments[len(command.parameters)], "not expected", usage)
    if len(arguments) < command.required:
        missing = command.parameters[len(arguments)]
        request.fail(f"`:{command.name}` needs an argument", name, f"expected {missing.noun} after it", usage)
    command.run(request, *arguments)
