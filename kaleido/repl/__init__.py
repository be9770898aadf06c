"""The REPL: read an entry, run it, show what came of it, until the user leaves.

In the order an entry meets them:

==============  ==========================================================================
``history``     the file that entries are remembered in
``completion``  names and commands for Tab
``status``      the toolbar: units at each tier, and what the recompiler is doing
``entries``     where an entry ends, and the reader for input that is no terminal
``prompt``      the reader for terminals, on prompt_toolkit
``commands``    what begins with a colon, in one table
==============  ==========================================================================

Only ``prompt``, ``history`` and ``completion`` import prompt_toolkit, and only a terminal makes them.
"""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Protocol

from kaleido import __version__, streams
from kaleido.diagnostics import DEFECT_NOTICE, OK, KaleidoError, Source
from kaleido.jit.interrupts import interruptibly, uninterrupted
from kaleido.rendering import PLAIN, Palette, render
from kaleido.repl.commands import Leave, execute
from kaleido.repl.entries import LineReader, is_command

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from kaleido.session import Session

__all__ = ["Repl"]


class _Reader(Protocol):
    """Where entries come from."""

    def read(self) -> str:
        """The text of the next entry. Raises EOFError when there are no more."""

    def close(self) -> None: ...


class Repl:
    """A read-eval-print loop over a session, which stays the caller's.

    `quiet`     show no values
    `remember`  keep the history in a file, not only until the end
    `input`     prompt_toolkit's, instead of standard input; with it the REPL takes its input for a terminal
    `output`    prompt_toolkit's, instead of standard output; what programs print does not go there
    `palette`   the colours of messages
    """

    def __init__(
        self,
        session: Session,
        *,
        quiet: bool = False,
        remember: bool = True,
        input: Input | None = None,
        output: Output | None = None,
        palette: Palette = PLAIN,
    ) -> None:
        self._session = session
        self._palette = palette
        self._quiet, self._remember = quiet, remember
        self._input, self._output = input, output
        self._entries = 0

    def run(self) -> int:
        """Read and run entries until the user leaves; returns the exit code.

        Ctrl-C ends what is running, and the next entry is read. Raises OSError where standard output cannot be written,
        and KeyboardInterrupt at Ctrl-C while input that is no terminal is read.
        """
        # Ctrl-C strikes where something is read or run, and not in between.
        with uninterrupted():
            reader = self._reader()
            try:
                while True:
                    self._run_entry(reader.read())
            except (EOFError, Leave):
                return OK
            finally:
                reader.close()

    def _reader(self) -> _Reader:
        if self._input is None and not _on_a_terminal():
            return LineReader(self._session, sys.stdin.buffer)
        from kaleido.repl.prompt import Prompt

        self._complain(f"Kaleido {__version__}. `:help` shows the commands, Ctrl-D leaves.")
        if self._session.engine.unprotected:
            self._complain(f"warning: {self._session.engine.unprotected}")
        return Prompt(self._session, remember=self._remember, input=self._input, output=self._output)

    def _run_entry(self, text: str) -> None:
        self._entries += 1
        source = Source(f"<entry {self._entries}>", text)
        try:
            interruptibly(lambda: self._execute(source))
        except KaleidoError as error:
            self._complain(render(error.diagnostics, self._palette))
        except KeyboardInterrupt as stop:
            self._complain(str(stop) or "interrupted")
        except OSError as error:
            self._complain(f"error: {error}")
        except Leave:
            raise
        except Exception:
            self._complain(traceback.format_exc() + DEFECT_NOTICE)
        streams.flush()

    def _execute(self, source: Source) -> None:
        if is_command(source.text):
            streams.write(execute(self._session, source))
            return
        for result in self._session.evaluate(source):
            if result.shown is not None and not self._quiet:
                streams.write(f"{result.shown}\n")

    def _complain(self, message: str) -> None:
        """Print on standard error, after everything that the program has printed before."""
        streams.flush()
        print(message, file=sys.stderr, flush=True)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
