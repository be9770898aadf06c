"""The command ``kaleido report SCRIPT``."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from kaleido import cli
from kaleido.command_line.argument_parser import add_program_options, parsed_by
from kaleido.command_line.options import Options
from kaleido.language.source_files import reason, shown
from kaleido.recording import Recorder
from kaleido.recording.plain_page import document
from kaleido.session import Session
from kaleido.session.unit_descriptions import describe
from kaleido.terminal import streams

__all__ = ["run"]

_DESCRIPTION = """Run a program as `kaleido` does, and write a page that shows what the JIT did: one file
that opens in any browser."""

# Of a report, and of no other file.
_MARK = b"kaleido-recording"


class ReportOptions(Options):
    """Those of a run, and the file that is written."""

    def __init__(self) -> None:
        super().__init__()
        self.output: str | None = None
        self.json = False


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command; `parser` has the options that all commands share. Return the exit code of the program.

    Raises SystemExit and UsageError if the command line is wrong or a file cannot be used, and OSError if the report
    cannot be written.
    """
    options = _options(arguments, parser)
    report = _Report(options)
    with report.output():
        return cli.run_program(options, close=True, observe=report.observe)


def _options(arguments: Sequence[str], parser: ArgumentParser) -> ReportOptions:
    parser.description = _DESCRIPTION
    add_program_options(parser)
    parser.add_argument(
        "-o", dest="output", metavar="FILE",
        help="the file to write (default: named after the script, in this folder); - is standard output, and the "
        "program then writes to standard error",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="write the recording alone, as JSON")
    options = parsed_by(parser, arguments, ReportOptions())
    if options.script is None and options.code is None:
        parser.error("a script is needed; - is standard input")
    return options


class _Report:
    """Where the report of one run goes, and what is in it."""

    def __init__(self, options: ReportOptions) -> None:
        self._options = options
        self._path = Path(options.output or self._default())
        self._stdout: int | None = None
        if options.output != "-":
            self._check(is_chosen=options.output is not None)

    def _default(self) -> str:
        script = self._options.script
        stem = Path(script).stem if script not in (None, "-") and self._options.code is None else "report"
        return f"{stem}.json" if self._options.json else f"{stem}.html"

    def _check(self, *, is_chosen: bool) -> None:
        """Raise UsageError where the file cannot be written, or is not a report and was not asked for by name."""
        try:
            # Appending changes nothing; the contents are replaced at the end.
            with open(self._path, "ab+") as file:
                file.seek(0)
                data = b"" if is_chosen else file.read()
        except (OSError, ValueError) as error:
            raise cli.UsageError(f"cannot write {shown(self._path)}: {reason(error)}") from None
        if data and _MARK not in data:
            raise cli.UsageError(f"{shown(self._path)} exists and is not a report: name a file with -o")

    @contextmanager
    def output(self) -> Iterator[None]:
        """A context in which the program's output goes to standard error, if the report goes to standard output."""
        if self._options.output != "-":
            yield
            return
        streams.flush()
        self._stdout = os.dup(1)
        os.dup2(2, 1)
        try:
            yield
        finally:
            with suppress(OSError):
                streams.flush()
            os.dup2(self._stdout, 1)
            os.close(self._stdout)

    def observe(self, session: Session, cleanup: ExitStack) -> None:
        """Record a session from now on, and write the report at the end."""
        recorder = Recorder(session.engine, name=self._name(), describe=describe)
        cleanup.callback(self._write, recorder)

    def _name(self) -> str:
        if self._options.code is not None:
            return "<command line>"
        script = self._options.script or "-"
        return "<standard input>" if script == "-" else shown(os.path.basename(script))

    def _write(self, recorder: Recorder) -> None:
        recorder.close()
        recording = recorder.snapshot()
        text = json.dumps(recording, separators=(",", ":")) + "\n" if self._options.json else document(recording)
        if self._stdout is not None:
            with open(self._stdout, "w", encoding="utf-8", closefd=False) as file:
                file.write(text)
            return
        try:
            self._path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OSError(f"cannot write {shown(self._path)}: {reason(error)}") from None
        print(f"kaleido: the report is in {shown(self._path)}", file=sys.stderr)
