"""The command ``kaleido report SCRIPT``, and ``kaleido report RECORDING.json``."""

from __future__ import annotations

import json
import os
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from kaleido import cli
from kaleido.command_line.arguments import add_program_options, parsed_by
from kaleido.command_line.options import Options
from kaleido.diagnostics import Source
from kaleido.language.source_files import reason, shown
from kaleido.page import document
from kaleido.program_report.compared import compare
from kaleido.recording import Recorder, read
from kaleido.report.recording_text import recording_text
from kaleido.session import Session
from kaleido.terminal import streams

__all__ = ["run"]

_DESCRIPTION = """Run a program as `kaleido` does, and write a page that shows what the JIT did: one file
that opens in any browser. A FILE.json is a recording, of this command or of another program, and is shown."""

# The width of a report in text that goes into a file.
_COLUMNS = 80

# Of a report, and of no other file.
_MARK = b"kaleido-recording"


class ReportOptions(Options):
    """Those of a run, and the file that is written."""

    def __init__(self) -> None:
        super().__init__()
        self.output: str | None = None
        self.json = self.text = self.compare = self.passes = False


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command; `parser` has the options that all commands share. Return the exit code of the program.

    Raises SystemExit and UsageError if the command line is wrong or a file cannot be used, and OSError if the report
    cannot be written.
    """
    options = _options(arguments, parser)
    if options.code is None and str(options.script).endswith(".json"):
        return _show(options)
    report = _Report(options)
    with report.output():
        return cli.run_program(options, close=True, observe=report.observe)


def _show(options: ReportOptions) -> int:
    """Write the report of a recording that is there, of any program."""
    path = str(options.script)
    if options.compare or options.passes:
        raise cli.UsageError("--compare and --passes need a program, not a recording")
    if options.json and options.output is None:
        raise cli.UsageError("--json needs -o here: the recording itself must not be overwritten")
    try:
        recording = read(Path(path).read_text("utf-8"))
    except OSError as error:
        raise cli.UsageError(f"cannot read {shown(path)}: {reason(error)}") from None
    except ValueError as error:
        what = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise cli.UsageError(f"{shown(path)} is not a recording: {what}") from None
    report = _Report(options)
    with report.output():
        report.write(recording)
    return 0


def _options(arguments: Sequence[str], parser: ArgumentParser) -> ReportOptions:
    parser.description = _DESCRIPTION
    add_program_options(parser)
    parser.add_argument(
        "-o", dest="output", metavar="FILE",
        help="the file to write (default: named after the script, in this folder); - is standard output, and the "
        "program then writes to standard error",
    )  # fmt: skip
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--text", action="store_true", help="write forty lines of text, to standard error without -o")
    kinds.add_argument("--json", action="store_true", help="write the recording alone, as JSON")
    parser.add_argument(
        "--compare", action="store_true",
        help="also run the program at -O0 alone, at -O3 alone and tiered, afterwards and without its output, and "
        "show the times",
    )  # fmt: skip
    parser.add_argument(
        "--passes",
        action="store_true",
        help="show what each pass of LLVM's has changed in optimized code: takes seconds",
    )
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
        if options.output != "-" and not self._is_on_screen:
            self._check(is_chosen=options.output is not None)

    @property
    def _is_on_screen(self) -> bool:
        return self._options.text and self._options.output is None

    def _default(self) -> str:
        script = self._options.script
        stem = Path(script).stem if script not in (None, "-") and self._options.code is None else "report"
        return f"{stem}.{'json' if self._options.json else 'txt' if self._options.text else 'html'}"

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

    def observe(self, session: Session, sources: Sequence[Source], cleanup: ExitStack) -> None:
        """Record a session from now on, and write the report at the end."""
        [program] = sources
        cleanup.callback(self._write, session.record(self._name(), passes=self._options.passes), program.text)

    def _name(self) -> str:
        if self._options.code is not None:
            return "<command line>"
        script = self._options.script or "-"
        return "<standard input>" if script == "-" else shown(os.path.basename(script))

    def _text(self, recording: dict[str, Any]) -> str:
        if self._options.json:
            return json.dumps(recording, separators=(",", ":")) + "\n"
        if self._options.text:
            return recording_text(recording, _COLUMNS, colored=self._options.color == "always")
        return document(recording)

    def _write(self, recorder: Recorder, text: str) -> None:
        recorder.close()
        recording = recorder.report()
        if self._options.compare:
            recording["measured"] = compare(text, self._options)
        self.write(recording)

    def write(self, recording: dict[str, Any]) -> None:
        """Write the report. Raises OSError."""
        if self._is_on_screen:
            colored = streams.colored(self._options.color, sys.stderr.fileno())
            columns = shutil.get_terminal_size().columns
            print(recording_text(recording, columns, colored=colored), end="", file=sys.stderr)
            return
        report = self._text(recording)
        if self._stdout is not None:
            with open(self._stdout, "w", encoding="utf-8", closefd=False) as file:
                file.write(report)
            return
        try:
            self._path.write_text(report, encoding="utf-8")
        except OSError as error:
            raise OSError(f"cannot write {shown(self._path)}: {reason(error)}") from None
        print(f"kaleido: the report is in {shown(self._path)}", file=sys.stderr)
