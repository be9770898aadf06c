"""The program that a command is given as a file, and the messages about its errors."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

from kaleido.diagnostics import COLORED, PLAIN, KaleidoError, Source, render
from kaleido.language.source_files import decoded, read, reason, shown
from kaleido.terminal import streams

__all__ = ["program_source", "write_errors"]


def program_source(path: str, parser: ArgumentParser) -> Source:
    """The program in a file; ``-`` is standard input. Raises SystemExit, after a message, if it cannot be read."""
    try:
        return Source("<standard input>", decoded(sys.stdin.buffer.read())) if path == "-" else read(path)
    except (OSError, ValueError) as error:
        parser.error(f"cannot read {shown(path)}: {reason(error)}")


def write_errors(error: KaleidoError, color: str) -> None:
    """Write the errors in a program to standard error, for a value of `--color`."""
    palette = COLORED if streams.colored(color, sys.stderr.fileno()) else PLAIN
    print(render(error.diagnostics, palette), file=sys.stderr)
