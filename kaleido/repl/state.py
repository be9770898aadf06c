"""The state of one REPL, and how it runs a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kaleido.diagnostics import KaleidoError, Source, render
from kaleido.jit import EventKind, uninterrupted
from kaleido.repl.display.console import Console
from kaleido.repl.event_log import EventLog, Tracing
from kaleido.repl.saving.saved_files import SavedFiles
from kaleido.repl.saving.undo_log import UndoLog
from kaleido.repl.settings import Settings
from kaleido.session import LAST_VALUE, Result, Session

__all__ = ["Quit", "State"]


class Quit(Exception):
    """Raised to leave the REPL."""


@dataclass
class State:
    """The session, the console and the settings of one REPL, and what its commands remember.

    `last_loaded`   the file that was loaded last
    `files`         the files that were loaded or saved
    `drafts`        edited texts that had errors, by the name of the edited function
    `last_program`  the last program that was entered
    `init_run`      whether the user's init.kal has run
    `event_log`     what happened since the start, and `tracing` the trace that is being recorded
    `drop_notice`   called with the symbol of a unit and the kind of its events that were reported already
    `entry_count`, `error_count` and `command_count` are of entries, of errors, and of commands that have run
    """

    session: Session
    console: Console
    settings: Settings
    undo_log: UndoLog = field(default_factory=UndoLog)
    last_loaded: Path | None = None
    files: SavedFiles = field(default_factory=SavedFiles)
    drafts: dict[str, str] = field(default_factory=dict)
    last_program: str = ""
    entry_count: int = 0
    error_count: int = 0
    command_count: int = 0
    init_run: bool = False
    drop_notice: Callable[[str, EventKind], None] = lambda symbol, kind: None
    event_log: EventLog = field(init=False)
    tracing: Tracing = field(init=False)

    def __post_init__(self) -> None:
        self.event_log, self.tracing = EventLog(self.session), Tracing(self.session)

    def close(self) -> None:
        """Stop listening to the session; a trace that is running ends, and is written."""
        self.event_log.close()
        if self.tracing.path is not None:
            try:
                self.tracing.stop()
            except OSError as error:
                self.console.write_error(f"error: the trace is lost: {error}")

    def entry_source(self, text: str) -> Source:
        """The text of a new entry as a source, named ``<entry N>``."""
        self.entry_count += 1
        return Source(f"<entry {self.entry_count}>", text)

    def report(self, error: KaleidoError) -> None:
        """Write the diagnostics of an error to the console."""
        self.error_count += 1
        self.console.write_error(render(error.diagnostics, self.console.palette))

    def run(self, source: Source, results: list[Result] | None = None) -> list[Result]:
        """Run a program and show its values; returns the result of each item.

        The results are also appended to `results`, so that the caller has those of the items before an error. Raises
        as ``Session.evaluate``.
        """
        results = [] if results is None else results
        items = self.session.evaluate(source)
        # Ctrl-C waits until all of a change of the session is in the undo log, too: `evaluate` raises it between two
        # changes. A program that runs is stopped at once.
        with uninterrupted():
            for result in items:
                last_value = self.session.variables.get(LAST_VALUE)
                try:
                    # First: a user waits for it.
                    self._show(result)
                finally:
                    self.undo_log.add(result, source, last_value)
                if result.warning:
                    self.console.write_message(result.warning)
                results.append(result)
        return results

    def _show(self, result: Result) -> None:
        if result.value is None or result.shown is None:
            return
        if self.settings.on("values"):
            self.console.write_value(result)
        self.session.variables[LAST_VALUE] = result.value
