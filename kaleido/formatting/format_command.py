"""The command ``kaleido fmt``."""

from __future__ import annotations

import difflib
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import suppress

from kaleido.command_line.program_file import write_errors
from kaleido.diagnostics import FAILED, OK, KaleidoError
from kaleido.formatting.formatter import formatted
from kaleido.language.source_files import FileSource, decoded, encoded, read, reason, replace_content, shown
from kaleido.terminal import streams
from kaleido.terminal.text import painted

__all__ = ["run"]

_DESCRIPTION = """Write programs in one layout. Comments stay where they are, and the program stays the same: this is
checked before a file is written. A file with a syntax error is not changed."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_COLORS = {"-": "31", "+": "32", "@": "36"}


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command; `parser` has the options that all commands share. Return the exit code.

    It is FAILED if a file cannot be read or written or has a syntax error, and with ``--check`` if a file would change.
    Raises SystemExit for a wrong command line.
    """
    parser.description = _DESCRIPTION
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="the programs; - is standard input, to standard output"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; the exit code is 1 if a file would change")
    parser.add_argument("--diff", action="store_true", help="write nothing; show what would change")
    options = parser.parse_args(arguments)
    code = OK
    for path in options.files:
        code = max(code, _format(path, options))
    streams.flush()
    return code


def _format(path: str, options: Namespace) -> int:
    """Format one file. Returns the exit code for it."""
    try:
        source = _standard_input() if path == "-" else read(path)
        text = source.byte_order_mark + formatted(source)
        return _handle(path, source, encoded(text), options)
    except KaleidoError as error:
        write_errors(error, options.color)
    except (OSError, ValueError) as error:
        _say(f"error: {shown(path)}: {reason(error)}")
    return FAILED


def _standard_input() -> FileSource:
    data = sys.stdin.buffer.read()
    return FileSource("<standard input>", decoded(data), path="-", data=data)


def _handle(path: str, source: FileSource, data: bytes, options: Namespace) -> int:
    changed = data != source.data
    if options.diff:
        colored = streams.colored(options.color, 1)
        streams.write("".join(_difference(source, data, colored)))
    if options.check:
        if changed and not options.diff:
            _say(f"would change {source.name}")
        return FAILED if changed else OK
    if path == "-" and not options.diff:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif changed and not options.diff:
        replace_content(source.path, data)
        _say(f"formatted {source.name}")
    return OK


def _difference(source: FileSource, data: bytes, colored: bool) -> Iterator[str]:
    before, after = (_LINE.findall(decoded(each)) for each in (source.data, data))
    for line in difflib.unified_diff(before, after, source.name, f"{source.name}, formatted"):
        text = line.rstrip("\r\n")
        yield painted(text, _COLORS.get(text[:1], "") if colored else "") + "\n"


def _say(message: str) -> None:
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)
