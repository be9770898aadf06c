"""What a REPL knows, and how it runs a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kaleido.diagnostics import KaleidoError, Source, render
from kaleido.jit import raise_pending, uninterrupted
from kaleido.repl.console import Console
from kaleido.repl.settings import Settings
from kaleido.repl.undo_log import Journal
from kaleido.session import Result, Session

__all__ = ["LAST_VALUE", "State"]

LAST_VALUE = "_"
"""The variable that has the value shown last."""


@dataclass
class State:
    """
    `loaded`        the file that was loaded last
    `known`         the files whose whole content is in the session, or was: they may be written over
    `drafts`        edited texts that did not work, by the function that was edited
    `last_program`  the last entry that was no command
    """

    session: Session
    console: Console
    settings: Settings
    journal: Journal = field(default_factory=Journal)
    loaded: Path | None = None
    known: set[Path] = field(default_factory=set)
    drafts: dict[str, str] = field(default_factory=dict)
    last_program: str = ""
    entries: int = 0
    errors: int = 0

    def entry(self, text: str) -> Source:
        """The next entry, under a name of its own."""
        self.entries += 1
        return Source(f"<entry {self.entries}>", text)

    def report(self, error: KaleidoError) -> None:
        """Show what is wrong."""
        self.errors += 1
        self.console.write_error(render(error.diagnostics, self.console.palette))

    def run(self, source: Source, done: list[Result] | None = None) -> list[Result]:
        """Run a program and show its values; what each item came to, which `done` has also where there is an error.

        Raises as ``Session.evaluate``.
        """
        results = [] if done is None else done
        items = self.session.evaluate(source)
        # What has been done must be in the journal, too, before Ctrl-C may strike. Where a program runs, it does.
        with uninterrupted():
            for result in items:
                self.journal.add(result, source, self.session.variables)
                self._show(result)
                results.append(result)
                raise_pending()
        return results

    def _show(self, result: Result) -> None:
        if result.shown is not None and self.settings.on("values"):
            self.console.begin_line()
            self.console.write(f"{result.shown}\n")
        if result.shown is not None and result.value is not None:
            self.session.variables[LAST_VALUE] = result.value
