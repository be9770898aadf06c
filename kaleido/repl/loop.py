"""The read-eval-print loop. The commands are imported when one is looked for: the first prompt is there before."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from kaleido import __version__
from kaleido.diagnostics import DEFECT_NOTICE, FAILED, OK, KaleidoError, Source
from kaleido.jit import interruptibly, uninterrupted
from kaleido.language.source_files import FileSource
from kaleido.repl.display.console import Console, Size
from kaleido.repl.display.progress import ProgressDisplay
from kaleido.repl.entries import LineReader, Piece, split_entry
from kaleido.repl.saving.user_files import init_file
from kaleido.repl.state import Quit, State

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from kaleido.session import Session

__all__ = ["Repl"]


# Words that are commands if they are a whole entry.
_WORDS = {"exit": ":quit", "quit": ":quit", "help": ":help"}


class _Reader(Protocol):
    """A source of entries."""

    def read(self) -> str:
        """Return the text of the next entry. Raises EOFError at the end of the input."""

    def discard(self) -> None:
        """Drop the unread entries that were pasted together with the last one."""

    def close(self) -> None: ...


class Repl:
    """A read-eval-print loop over a session. The caller closes the session.

    `quiet`         start with the values of expressions hidden
    `save_history`  keep the history in a file, not only in memory
    `sources`       programs to run before the first entry is read
    `run_init`      run the user's init.kal before those
    `color`         when to use colors: ``auto``, ``always`` or ``never``
    `lines`         input as lines of bytes, instead of standard input
    `input`         input for prompt_toolkit, instead of standard input; the REPL then treats its input as a terminal
    `output`        output for prompt_toolkit, instead of standard output; what programs print does not go there
    `console`       where results are written, instead of standard output and standard error
    """

    def __init__(
        self,
        session: Session,
        *,
        quiet: bool = False,
        save_history: bool = True,
        sources: Iterable[Source] = (),
        run_init: bool = True,
        color: str = "auto",
        lines: Iterable[bytes] | None = None,
        input: Input | None = None,
        output: Output | None = None,
        console: Console | None = None,
    ) -> None:
        self._save_history, self._sources, self._run_init = save_history, list(sources), run_init
        self._lines, self._input, self._output = lines, input, output
        console = console or _console(color, self._is_interactive(), output)
        self._state = State(session, console, console.settings)
        if quiet:
            console.settings["values"] = "off"

    def _is_interactive(self) -> bool:
        on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        return self._input is not None or (self._lines is None and on_terminal)

    def _is_asked(self) -> bool:
        """Whether a user types, and sees a prompt on standard error, while standard output goes elsewhere."""
        return self._lines is None and sys.stdin.isatty() and sys.stderr.isatty()

    def run(self) -> int:
        """Read and run entries until the user leaves; returns the exit code.

        Ctrl-C stops the running entry, and the loop reads the next one. Raises OSError if standard output cannot be
        written, and KeyboardInterrupt at Ctrl-C while the loop reads input that is not a terminal.
        """
        # KeyboardInterrupt is raised only while an entry is read or run.
        with uninterrupted(), closing(ProgressDisplay(self._state.console)) as progress:
            self._greet()
            reader = self._reader()
            try:
                if self._run_init:
                    self._run_init_file(progress)
                for source in self._sources:
                    self._run_source(source, progress)
                if self._is_typed_at:
                    self._state.session.stop_caching_expressions()
                while True:
                    text = reader.read()
                    source = _as_command(self._state.entry_source(text), self._state)
                    if not self._run_entry(source, progress):
                        reader.discard()
            except (EOFError, Quit):
                return self._exit_code()
            finally:
                reader.close()
                self._state.close()

    def _exit_code(self) -> int:
        """FAILED after an error in entries that come from a file or a pipe; otherwise OK."""
        return FAILED if self._state.error_count and not self._is_typed_at else OK

    @property
    def _is_typed_at(self) -> bool:
        return self._state.console.interactive or self._is_asked()

    def _greet(self) -> None:
        console = self._state.console
        if self._is_typed_at:
            console.write_message(f"Kaleido {__version__}. `:help` shows the commands, Ctrl-D leaves.")
            if self._state.session.engine.unprotected:
                console.write_message(f"warning: {self._state.session.engine.unprotected}")

    def _reader(self) -> _Reader:
        console, session = self._state.console, self._state.session
        lines = sys.stdin.buffer if self._lines is None else self._lines

        def number() -> int:
            return self._state.entry_count + 1

        if not console.interactive:
            return LineReader(session, lines, ask=console.ask if self._is_asked() else None, number=number)
        if self._input is None and console.dumb:
            return LineReader(session, lines, ask=console.ask, number=number)
        from kaleido.repl.line_editor.prompt import Prompt

        return Prompt(self._state, save_history=self._save_history, input=self._input, output=self._output)

    def _run_init_file(self, progress: ProgressDisplay) -> None:
        """Run the user's init.kal. Its definitions then belong to the initial state of the session."""
        state = self._state
        try:
            source = init_file()
        except OSError as error:
            state.console.write_message(f"warning: init.kal is not run: {error}")
            return
        if source is not None:
            try:
                complete = self._run_entry(source, progress) and not state.error_count
                if not complete:
                    self._report_incomplete(source)
            finally:
                # Also if it ends with `:quit`.
                state.session.make_initial()
                state.undo_log.clear()
                state.init_run = True

    def _run_source(self, source: Source, progress: ProgressDisplay) -> None:
        """Run a program of the command line. A file counts as loaded, for `:reload` and `:save`."""
        if not isinstance(source, FileSource):
            self._run(source, [Piece(source.text, is_command=False)], progress)
            return
        self._state.last_loaded = source.path
        self._state.undo_log.begin_entry()
        with progress.tracking():
            self._run_piece(source, is_command=False)
        self._state.console.flush()

    def _report_incomplete(self, init: Source) -> None:
        from kaleido.repl.commands.files import summary

        items = [each.item for each in self._state.undo_log.items]
        ran = bool(items) or self._state.command_count
        what = f"only this has run: {summary(items, self._state.command_count)}" if ran else "nothing has run"
        self._state.console.write_message(f"{init.name}: {what}")

    def _run_entry(self, source: Source, progress: ProgressDisplay) -> bool:
        """Run the programs and commands of an entry; returns False if the user stopped it."""
        return self._run(source, split_entry(source.text, lambda: self._state.session.operators), progress)

    def _run(self, source: Source, pieces: Iterable[Piece], progress: ProgressDisplay) -> bool:
        self._state.undo_log.begin_entry()
        with progress.tracking():
            for piece in pieces:
                if not self._run_piece(Source(source.name, piece.text), is_command=piece.is_command):
                    return False
        self._state.console.flush()
        return True

    def _run_piece(self, source: Source, *, is_command: bool) -> bool:
        state = self._state
        try:
            if is_command:
                from kaleido.repl.commands import execute

                interruptibly(lambda: execute(state, source))
                state.command_count += 1
            else:
                state.last_program = source.text.strip("\r\n")
                interruptibly(lambda: self._run_program(source))
        except KaleidoError as error:
            state.report(_with_command_hint(error, source.text.strip()))
        except KeyboardInterrupt as stop:
            state.console.write_message(str(stop) or "interrupted")
            return False
        except (OSError, MemoryError) as error:
            state.console.write_error(f"error: {error or 'out of memory'}")
        except Quit:
            raise
        except Exception:
            state.console.write_error(traceback.format_exc() + DEFECT_NOTICE)
        return True

    def _run_program(self, source: Source) -> None:
        if isinstance(source, FileSource):
            from kaleido.repl.commands import COMMANDS
            from kaleido.repl.commands.files import run_file

            run_file(self._state, source, COMMANDS, report_success=False)
        else:
            self._state.run(source)


def _as_command(source: Source, state: State) -> Source:
    """A command for an entry that is only a word: ``exit``, ``quit``, ``help``, or the name of a function to show.

    Functions and variables come first: a word that names one is never ``exit`` and the like.
    """
    word = source.text.strip().removesuffix(";").rstrip()
    if word in state.session.variables:
        return source
    if word.isidentifier() and word in state.session:
        return Source(source.name, f":info {word}")
    word = word.removesuffix("()")
    command = _WORDS.get(word) if word not in state.session else None
    return source if command is None else Source(source.name, command)


def _with_command_hint(error: KaleidoError, program: str) -> KaleidoError:
    """`error`, with a hint if `program` is the name of a command without its colon."""
    from kaleido.repl.commands import COMMANDS

    word = program.removesuffix("()")
    if word not in COMMANDS:
        return error
    return KaleidoError(error.diagnostic._replace(hint=f"commands begin with a colon: `:{word}`"))


def _console(color: str, interactive: bool, output: Output | None) -> Console:
    """A console on the standard streams, as wide as prompt_toolkit's output where that is given."""

    def size() -> Size:
        assert output is not None
        found = output.get_size()
        return Size(found.columns, found.rows)

    return Console.of_streams(color, interactive=interactive, size=size if output is not None else None)
