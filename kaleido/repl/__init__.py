"""The REPL: read an entry, run it, show what came of it, until the user leaves.

In the order an entry meets them:

===============  =============================================================================
``history``      the file that entries are remembered in
``entries``      where an entry ends, and the reader for plain lines
``prompt``       the reader for terminals, on prompt_toolkit, with
``keys``         ... what Enter does
``painting``     ... colors, which ``themes`` has
``completion``   ... what Tab offers
``signatures``   ... what is being called
``status``       ... the toolbar: units at each tier, and what the recompiler is doing
``notices``      ... lines above the prompt when the JIT has done something
``state``        what the REPL knows, and how it runs a program
``journal``      what has worked, and what it changed
``settings``     what the user may choose
``console``      where things are shown
``attendant``    looks after what takes long
``commands``     what begins with a colon, in one table; ``topics`` is what `:help` teaches
===============  =============================================================================

Only a terminal makes a ``prompt``, and only that imports prompt_toolkit.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from kaleido import __version__
from kaleido.diagnostics import DEFECT_NOTICE, OK, KaleidoError, Source
from kaleido.jit import interruptibly, uninterrupted
from kaleido.repl.commands import COMMANDS, Leave, execute
from kaleido.repl.console import Console, Size
from kaleido.repl.entries import LineReader, Piece, pieces
from kaleido.repl.init_file import beginning
from kaleido.repl.progress import Attendant
from kaleido.repl.state import State

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from kaleido.session import Session

__all__ = ["Repl"]


class _Reader(Protocol):
    """Where entries come from."""

    def read(self) -> str:
        """The text of the next entry. Raises EOFError when there are no more."""

    def discard(self) -> None:
        """Forget what was entered together with the last entry, and has not been read."""

    def close(self) -> None: ...


class Repl:
    """A read-eval-print loop over a session, which stays the caller's.

    `quiet`     show no values
    `remember`  keep the history in a file, not only until the end
    `sources`   programs to run before anything is read
    `begin`     run the user's init.kal before that
    `color`     whether to show colors: one of ``auto``, ``always``, ``never``
    `lines`     plain lines of input, as bytes, instead of standard input
    `input`     prompt_toolkit's, instead of standard input; with it the REPL takes its input for a terminal
    `output`    prompt_toolkit's, instead of standard output; what programs print does not go there
    `console`   where results are shown, instead of standard output and standard error
    """

    def __init__(
        self,
        session: Session,
        *,
        quiet: bool = False,
        remember: bool = True,
        sources: Iterable[Source] = (),
        begin: bool = True,
        color: str = "auto",
        lines: Iterable[bytes] | None = None,
        input: Input | None = None,
        output: Output | None = None,
        console: Console | None = None,
    ) -> None:
        self._remember, self._sources, self._begin = remember, list(sources), begin
        self._lines, self._input, self._output = lines, input, output
        console = console or _console(color, self._is_interactive(), output)
        self._state = State(session, console, console.settings)
        if quiet:
            console.settings["values"] = "off"

    def _is_interactive(self) -> bool:
        on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        return self._input is not None or (self._lines is None and on_terminal)

    def run(self) -> int:
        """Read and run entries until the user leaves; returns the exit code.

        Ctrl-C ends what is running, and the next entry is read. Raises OSError where standard output cannot be written,
        and KeyboardInterrupt at Ctrl-C while input that is no terminal is read.
        """
        # Ctrl-C strikes where something is read or run, and not in between.
        with uninterrupted():
            self._greet()
            attendant = Attendant(self._state.console)
            reader = self._reader()
            try:
                if self._begin:
                    self._begin_with_own(attendant)
                for source in self._sources:
                    self._run(source, [Piece(source.text, is_command=False)], attendant)
                while True:
                    text = reader.read()
                    if not self._run_entry(self._state.entry(text), attendant):
                        reader.discard()
            except (EOFError, Leave):
                return OK
            finally:
                reader.close()
                attendant.close()

    def _greet(self) -> None:
        console = self._state.console
        if console.interactive:
            console.write_error(f"Kaleido {__version__}. `:help` shows the commands, Ctrl-D leaves.")
            if self._state.session.engine.unprotected:
                console.write_error(f"warning: {self._state.session.engine.unprotected}")

    def _reader(self) -> _Reader:
        console, session = self._state.console, self._state.session
        lines = sys.stdin.buffer if self._lines is None else self._lines
        if not console.interactive:
            return LineReader(session, lines)
        if self._input is None and console.dumb:
            return LineReader(session, lines, ask=console.ask)
        from kaleido.repl.prompt import Prompt

        return Prompt(self._state, remember=self._remember, input=self._input, output=self._output)

    def _begin_with_own(self, attendant: Attendant) -> None:
        try:
            source = beginning()
        except OSError as error:
            self._state.console.write_error(f"warning: init.kal is not run: {error}")
            return
        if source is not None:
            errors = self._state.errors
            self._run_entry(source, attendant)
            if self._state.errors > errors:
                self._state.console.write_error(f"{source.name}: what stands behind an error has not run")

    def _run_entry(self, source: Source, attendant: Attendant) -> bool:
        """Run the programs and commands of an entry; False if the user stopped it."""
        return self._run(source, pieces(source.text, lambda: self._state.session.operators), attendant)

    def _run(self, source: Source, parts: Iterable[Piece], attendant: Attendant) -> bool:
        self._state.journal.begin()
        with attendant.attending():
            for piece in parts:
                if not self._run_piece(Source(source.name, piece.text), is_command=piece.is_command):
                    return False
        self._state.console.flush()
        return True

    def _run_piece(self, source: Source, *, is_command: bool) -> bool:
        state = self._state
        try:
            if is_command:
                interruptibly(lambda: execute(state, source))
            else:
                state.last_program = source.text.strip("\r\n")
                interruptibly(lambda: state.run(source))
        except KaleidoError as error:
            state.report(_hinted(error, source.text.strip()))
        except KeyboardInterrupt as stop:
            state.console.write_error(str(stop) or "interrupted")
            return False
        except OSError as error:
            state.console.write_error(f"error: {error}")
        except Leave:
            raise
        except Exception:
            state.console.write_error(traceback.format_exc() + DEFECT_NOTICE)
        return True


def _hinted(error: KaleidoError, entry: str) -> KaleidoError:
    """The error of an entry; one that is a command but for its colon is told so."""
    word = entry.removesuffix("()")
    command = "quit" if word == "exit" else word
    if command not in COMMANDS:
        return error
    return KaleidoError(replace(error.diagnostic, hint=f"commands begin with a colon: `:{command}`"))


def _console(color: str, interactive: bool, output: Output | None) -> Console:
    """The terminal, or the standard streams where there is none."""

    def size() -> Size:
        assert output is not None
        found = output.get_size()
        return Size(found.columns, found.rows)

    return Console.of_streams(color, interactive=interactive, size=size if output is not None else None)
