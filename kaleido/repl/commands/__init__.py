"""The commands of the REPL: one table, from which execution, `:help` and completion derive.

====================  ==========================================================
``table``             classes Command, Parameter and Request: what a row has
``help``              `:help`
``topics``            the pages of `:help TOPIC`
``examples``          the example of each command, for `:help`
``inspect``           `:list`, `:info`, `:tiers`, `:events`
``representations``   `:ast`, `:ir`, `:asm`, `:diff`, `:cfg`
``unit_code``         the code of a unit, in the tier that it runs in
``measure``           `:time`, `:bench`, `:optimize`, `:deoptimize`, `:trace`, `:report`
``watch``             `:watch`
``files``             `:load`, `:reload`, `:edit`, `:save`
``session_commands``  `:undo`, `:reset`, `:set`, `:quit`
====================  ==========================================================

A new command is a row in the list COMMANDS of one of these modules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kaleido.diagnostics import Source, Span
from kaleido.repl.commands import files, help, inspect, measure, representations, session_commands, watch
from kaleido.repl.commands.table import Command, Kind, Parameter, Quit, Request, Word, abbreviated
from kaleido.repl.state import State

__all__ = ["COMMANDS", "Command", "Kind", "Parameter", "Quit", "abbreviated", "execute"]

_OTHERS = [
    *inspect.COMMANDS,
    *representations.COMMANDS,
    *measure.COMMANDS,
    *watch.COMMANDS,
    *files.COMMANDS,
    *session_commands.COMMANDS,
]

COMMANDS: Mapping[str, Command] = {command.name: command for command in [help.help_command(_OTHERS), *_OTHERS]}
"""The commands by name, in the order in which `:help` shows them."""


def execute(state: State, source: Source) -> None:
    """Run the command in `source`. Raises KaleidoError if it cannot be run, and Quit for `:quit`."""
    found = re.search(r"\S+", source.text)
    assert found is not None
    name = Word(found[0], Span(*found.span()))
    request = Request(state, source, name, COMMANDS)
    command = request.command(name)
    arguments = command.arguments(source.text, found.end())
    usage = f"the usage is `{command.usage}`"
    if len(arguments) > len(command.parameters):
        request.fail("too many arguments", arguments[len(command.parameters)], "not expected", usage)
    if len(arguments) < command.required:
        missing = command.parameters[len(arguments)]
        request.fail(f"`:{command.name}` needs an argument", name, f"expected {missing.noun} after it", usage)
    command.run(request, *arguments)
