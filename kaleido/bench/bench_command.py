"""The command ``kaleido bench FILE``."""

from __future__ import annotations

import json
import shutil
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from functools import partial

from kaleido.bench.program_runs import measure_program
from kaleido.command_line.program_file import program_source, write_errors
from kaleido.diagnostics import FAILED, OK, KaleidoError, Source
from kaleido.language.source_files import shown
from kaleido.report.bars import program_chart
from kaleido.report.measurement import ProgramMeasurement
from kaleido.session import LibraryError, Session
from kaleido.terminal import streams

__all__ = ["run"]

_DESCRIPTION = """Run a program at -O0, at -O3 and tiered, by turns, and show how long it takes to
compile and to run in each mode. Its output is discarded."""

# Narrower charts are not readable.
_LEAST_COLUMNS = 40


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command; `parser` has the options that all commands share. Return the exit code.

    Raises SystemExit if the command line is wrong or the file cannot be read, and OSError if output cannot be written.
    """
    options = _options(arguments, parser)
    source = program_source(options.file, parser)
    open_session = partial(_session, options=options, parser=parser)
    try:
        with streams.discarded():
            found = measure_program(source, seconds=options.seconds, open_session=open_session)
    except KaleidoError as error:
        write_errors(error, options.color)
        return FAILED
    columns = max(_LEAST_COLUMNS, shutil.get_terminal_size().columns)
    streams.write(_as_json(source, found) if options.json else program_chart(found, columns))
    streams.flush()
    return OK


def _options(arguments: Sequence[str], parser: ArgumentParser) -> Namespace:
    parser.description = _DESCRIPTION
    parser.add_argument("file", metavar="FILE", help="the program; - is standard input")
    parser.add_argument("--json", action="store_true", help="write the seconds of each run, as JSON")
    parser.add_argument(
        "--seconds", type=_seconds, default=5.0, metavar="N",
        help="how long to measure (default: 5); each mode runs at least once",
    )  # fmt: skip
    parser.add_argument(
        "--load", action="append", default=[], metavar="LIB", help="a shared library to search for externs"
    )
    parser.add_argument(
        "--no-extern", dest="externs", action="store_false", help="allow no C functions except the prelude's"
    )
    return parser.parse_args(arguments)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1e6:
        raise ArgumentTypeError(f"a number of seconds, not {text[:40]!r}")
    return number


def _session(mode: str, options: Namespace, parser: ArgumentParser) -> Session:
    try:
        return Session(jit=mode, libraries=options.load, externs=options.externs)
    except LibraryError as error:
        parser.error(f"cannot load {shown(error.library)}: {error.reason}")


def _as_json(source: Source, found: ProgramMeasurement) -> str:
    modes = {
        mode: [{"compile": each.compile, "run": each.run, "beside": each.beside} for each in runs]
        for mode, runs in found.runs.items()
    }
    return json.dumps({"file": source.name, "seconds": modes}, indent=1) + "\n"
