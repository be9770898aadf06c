"""The command ``kaleido lsp``."""

from __future__ import annotations

import math
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence

from kaleido.command_line.arguments import missing_extra
from kaleido.diagnostics import OK

__all__ = ["run"]

_DESCRIPTION = """The language server, for editors: the Language Server Protocol on standard input and output.
kaleido/editors has the setups for VS Code, Emacs, Vim and Neovim."""


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Serve one editor until it ends the session, and return the exit code.

    `parser` has the options that all commands share. Raises SystemExit if the command line is wrong, or the extra is
    not installed.
    """
    parser.description = _DESCRIPTION
    parser.add_argument(
        "--run-seconds", type=_seconds, default=10.0, metavar="N",
        help="a program that the editor runs ends after N seconds (default: 10)",
    )  # fmt: skip
    parser.add_argument("--extern", action="store_true", help="allow programs to declare C functions of their own")
    parser.add_argument("--stdio", action="store_true", help="accepted, because editors add it: it is always so")
    options = parser.parse_args(arguments)
    try:
        from kaleido.lsp.language_server import create_server
    except ImportError as error:
        missing_extra(parser, "the language server", "lsp", error)
    create_server(seconds=options.run_seconds, externs=options.extern).start_io()
    return OK


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= 86_400:
        raise ArgumentTypeError(f"seconds, at most a day, not {text[:40]!r}")
    return seconds
