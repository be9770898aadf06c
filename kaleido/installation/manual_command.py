"""``kaleido man``: the manual page."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from kaleido.cli import COMMANDS
from kaleido.diagnostics import OK
from kaleido.installation.command_parsers import command_parsers
from kaleido.installation.manual_page import manual_page
from kaleido.terminal import streams

__all__ = ["run"]

_DESCRIPTION = """Write the manual page, for the program man. It finds the page in ~/.local/share/man/man1/kaleido.1;
`kaleido man | man -l -` shows it at once."""


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command; `parser` has the options that all commands share. Return the exit code."""
    parser.description = _DESCRIPTION
    parser.parse_args(arguments)
    streams.write(manual_page(command_parsers(COMMANDS)))
    streams.flush()
    return OK
