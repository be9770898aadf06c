"""``kaleido completions``: completions for shells."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from kaleido.cli import COMMANDS
from kaleido.diagnostics import OK
from kaleido.installation.command_parsers import command_parsers
from kaleido.installation.shell_completions import SHELLS
from kaleido.terminal import streams

__all__ = ["run"]

_DESCRIPTION = """Write completions for a shell: commands, options, their values, and files. The shell reads them from

  bash  ~/.local/share/bash-completion/completions/kaleido
  zsh   a file _kaleido in a folder of $fpath
  fish  ~/.config/fish/completions/kaleido.fish"""


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command; `parser` has the options that all commands share. Return the exit code."""
    parser.description = _DESCRIPTION
    parser.add_argument("shell", choices=tuple(SHELLS), help="the shell")
    options = parser.parse_args(arguments)
    streams.write(SHELLS[options.shell](command_parsers(COMMANDS)))
    streams.flush()
    return OK
