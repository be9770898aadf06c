"""Runs the blocks of a chapter: Kaleidoscope in a live session, the others in a folder with the reader's program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import TYPE_CHECKING

from kaleido.diagnostics import KaleidoError, Source
from kaleido.jit import interruptibly
from kaleido.language.nodes import Definition, External
from kaleido.language.parser import parse
from kaleido.repl import Repl
from kaleido.repl.display.console import Console
from kaleido.session import Session
from kaleido.terminal.text import painted
from kaleido.tutorial.chapters import Block
from kaleido.tutorial.keyboard import terminal_mode
from kaleido.tutorial.reader import RUN, Reader, agrees

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

__all__ = ["BlockRunner"]

_NOTE_COLOR = "90"


class BlockRunner:
    """Runs the blocks of one chapter. Closing it ends its session and removes its folder.

    `before`           the program's blocks from earlier chapters
    `lines`            the input of the prompt if `console` is no terminal, or a dumb one
    `input`, `output`  prompt_toolkit's, for the prompt
    """

    def __init__(
        self,
        console: Console,
        before: Sequence[Block] = (),
        *,
        lines: Iterable[bytes] | None = None,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._console, self._before = console, before
        self._lines, self._input, self._output = lines, input, output
        self._cleanup = ExitStack()
        self._session: Session | None = None
        self._file = ""
        self._evaluated: set[str] = set()

    def close(self) -> None:
        self._end_session()
        self._cleanup.close()

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    @cached_property
    def _folder(self) -> Path:
        return Path(self._cleanup.enter_context(TemporaryDirectory(prefix="kaleido-tutorial-")))

    def run(self, block: Block, earlier: Iterable[Block]) -> None:
        """Run a block that comes after the `earlier` ones of the chapter. Writes its output, and its errors."""
        if block.language in RUN:
            self._run_in_folder(block, earlier)
        else:
            self._run_in_session(block, earlier)

    def prompt(self, earlier: Iterable[Block]) -> None:
        """Run a prompt of the REPL, in a session with the definitions of the last file in `earlier`.

        Definitions entered at the prompt are kept until a block begins another file.
        """
        session = self._session_after(earlier)
        names = [each.name for each in session.functions()]
        self._note(f"Defined so far: {', '.join(names) or 'nothing yet'}. Ctrl-D returns to the chapter.")
        repl = Repl(
            session,
            run_init=False,
            lines=self._lines,
            input=self._input,
            output=self._output,
            console=self._console,
        )
        with terminal_mode(by_line=True):
            repl.run()

    # Kaleidoscope. A block with a title begins a file, with a session of its own; a block without one continues it.

    def _run_in_session(self, block: Block, earlier: Iterable[Block]) -> None:
        if block.title:
            self._end_session()
            earlier = []
            self._console.write(f"$ kaleido {block.title}\n")
        session = self._session_after([*earlier, block], except_for=block)
        console = Console(
            self._console.settings,
            interactive=False,
            colored=self._console.colored,
            palette=self._console.palette,
        )
        source = Source(block.title or "block", block.text)
        self._reporting_errors(lambda: Repl(session, sources=[source], run_init=False, lines=[], console=console).run())
        self._note_definitions(source, session)

    def _note_definitions(self, source: Source, session: Session) -> None:
        """List the names that a block defines if it has definitions only: then it has no output."""
        with suppress(KaleidoError):
            items = parse(source, session.operators)
            names = [item.prototype.name for item in items if isinstance(item, Definition | External)]
            if len(names) == len(items) and {*names} <= {each.name for each in session.functions()}:
                self._note(f"Defined: {', '.join(names)}.")

    def _session_after(self, blocks: Iterable[Block], except_for: Block | None = None) -> Session:
        """The live session with the definitions of the last file in `blocks`, except for a block that will be run."""
        file: list[Block] = []
        for block in blocks:
            if block.language == "kal":
                file = [block] if block.title else [*file, block]
        if self._session is None or (file and file[0].place != self._file):
            self._end_session()
            self._session, self._file, self._evaluated = Session(), file[0].place if file else "", set()
        for block in file:
            if block.place not in self._evaluated:
                self._evaluated.add(block.place)
                if block is not except_for:
                    # A chapter may show a block with errors on purpose.
                    with suppress(KaleidoError):
                        list(self._session.evaluate(_definitions(block, self._session)))
        return self._session

    # The reader's program

    def _run_in_folder(self, block: Block, earlier: Iterable[Block]) -> None:
        reader = Reader(self._folder, list(self._before), timeout=None)
        for each in earlier:
            reader.take(each)
        self._reporting_errors(lambda: self._run_as_reader(reader, block))

    def _run_as_reader(self, reader: Reader, block: Block) -> None:
        def write(text: str) -> None:
            self._console.write(text)
            self._console.flush()

        real = interruptibly(lambda: reader.run(block, write))
        if agrees(block.text, real):
            self._note("✓ as the chapter shows")
        else:
            self._note("The output is not what the chapter shows. Does the block need one above that has not been run?")

    def _reporting_errors(self, run: Callable[[], object]) -> None:
        """Call `run`. Errors and Ctrl-C are written, so that the chapter continues."""
        try:
            run()
        except KeyboardInterrupt as stop:
            self._console.write_error(str(stop) or "interrupted")
        except (OSError, ValueError) as error:
            self._console.write_error(f"error: {error}")

    def _note(self, text: str) -> None:
        for line in wrap(text, self._console.columns):
            self._console.write(painted(line, _NOTE_COLOR if self._console.colored else "") + "\n")


def _definitions(block: Block, session: Session) -> Source:
    """A block without its expressions. Raises KaleidoError."""
    source = Source(block.title or "block", block.text)
    items = [item for item in parse(source, session.operators) if isinstance(item, Definition | External)]
    return Source(source.name, ";\n".join(block.text[item.span.start : item.span.end] for item in items))
