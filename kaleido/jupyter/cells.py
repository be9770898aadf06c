"""Runs cells of a notebook: each is an entry of the REPL, with programs and commands.

What a cell shows goes to an :class:`Outlet`, in the order in which it was produced. A value at the end of a cell is its
result; the values before it are lines of output.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial

from kaleido.diagnostics import COLORED, ParseError, Source
from kaleido.jit import interruptibly, uninterrupted
from kaleido.jupyter import rich_output
from kaleido.language.operators import OperatorTable
from kaleido.language.parser import parse
from kaleido.repl.commands import COMMANDS, abbreviated, execute
from kaleido.repl.display.console import Console, Size
from kaleido.repl.entries import split_entry
from kaleido.repl.line_editor.notices import Notices
from kaleido.repl.settings import Settings
from kaleido.repl.state import State
from kaleido.session import Result, Session

__all__ = ["Cells", "Outlet"]

_SIZE = Size(120, 10_000)


class Outlet(ABC):
    """Where the output of cells goes. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._value: str | None = None

    def write(self, text: str, stream: str = "stdout") -> None:
        """Write to ``stdout`` or ``stderr``, after what the program has written so far."""
        with self._lock:
            self.drain()
            self.send(stream, text)

    def show(self, data: rich_output.Data) -> None:
        """Show a text in one of several forms."""
        with self._lock:
            self.drain()
            self.display(data)

    def value(self, value: str) -> None:
        """Take the value of the last expression of a program, which may be the result of the cell."""
        with self._lock:
            self.drain()
            self._value = value

    def end_value(self) -> None:
        """The cell goes on: write the value that was not its result."""
        with self._lock:
            if self._value is not None:
                value, self._value = self._value, None
                self.send("stdout", f"{value}\n")

    def result(self) -> str | None:
        """The result of the cell that has ended; None if it has none."""
        with self._lock:
            self.drain()
            value, self._value = self._value, None
            return value

    def drain(self) -> None:
        """Send what the program has written since the last call."""
        with self._lock:
            text = self.take()
            if text:
                self.send("stdout", text)

    @abstractmethod
    def take(self) -> str:
        """The output of the program since the last call; empty where it reaches its reader by itself."""

    @abstractmethod
    def send(self, stream: str, text: str) -> None:
        """Send a text to ``stdout`` or ``stderr``."""

    @abstractmethod
    def display(self, data: Mapping[str, str]) -> None:
        """Send a text by MIME types."""


class _NotebookConsole(Console):
    """The console of the commands, which writes to an outlet.

    `last`  where the last item of the program that runs begins
    """

    last: int | None = None

    def __init__(self, outlet: Outlet) -> None:
        super().__init__(Settings(), interactive=False, colored=True, palette=COLORED, size=lambda: _SIZE)
        self._outlet = outlet

    def write(self, text: str) -> None:
        self._outlet.write(text)

    def write_value(self, result: Result) -> None:
        assert result.shown is not None
        if result.item.span.start == self.last:
            self._outlet.value(result.shown)
        else:
            self.write(f"{result.shown}\n")

    def write_message(self, message: str) -> None:
        self._outlet.write(f"{message}\n", "stderr")

    def flush(self) -> None:
        self._outlet.drain()


class Cells:
    """Runs cells in one session, which the caller closes."""

    def __init__(self, session: Session, outlet: Outlet) -> None:
        self._console = _NotebookConsole(outlet)
        self._outlet, self._session = outlet, session
        self.state = State(session, self._console, self._console.settings)
        self._notices = Notices(session, lambda: None)

    def run(self, text: str, name: str) -> str | None:
        """Run a cell, which errors call `name`. Returns its result: the value of its last expression, as it is shown.

        Raises KaleidoError, Interrupted or KeyboardInterrupt, OSError and MemoryError; what is before the error has
        run. Output and notices up to then are with the outlet.
        """
        self.state.entry_count += 1
        self.state.undo_log.begin_entry()
        try:
            # Ctrl-C takes effect where no change is half done.
            with uninterrupted():
                for piece in split_entry(text, lambda: self._session.operators):
                    interruptibly(partial(self._run_piece, Source(name, piece.text), is_command=piece.is_command))
        finally:
            result = self._outlet.result()
            lines = self._notices.take()
            if lines and self.state.settings.on("notices"):
                self._outlet.show(rich_output.notices(lines))
        return result

    def close(self) -> None:
        """Stop listening to the session."""
        self._notices.close()
        self.state.close()

    def _run_piece(self, source: Source, *, is_command: bool) -> None:
        self._outlet.end_value()
        if not is_command:
            self.state.last_program = source.text.strip("\r\n")
            self._console.last = _last_item(source, self._session.operators)
            self.state.run(source)
            return
        name, *arguments = source.text.split()
        command = abbreviated(name.removeprefix(":"), COMMANDS)
        if command == ["tiers"] and not arguments:
            self._outlet.show(rich_output.tiers(self._session))
        elif command == ["report"] and not arguments:
            page = self._session.report(self.state.event_log.latest)
            self._outlet.show(rich_output.report(page))
        elif command == ["quit"]:
            self._outlet.write("a notebook ends with its kernel\n", "stderr")
        else:
            execute(self.state, source)


def _last_item(source: Source, operators: OperatorTable) -> int | None:
    """Where the last item of a program begins; None if it has a syntax error, or no items."""
    try:
        items = parse(source, operators)
    except ParseError:
        return None
    return items[-1].span.start if items else None
