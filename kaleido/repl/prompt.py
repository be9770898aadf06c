"""The reader for terminals, on prompt_toolkit."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.utils import is_dumb_terminal

from kaleido.jit.interrupts import forget
from kaleido.repl.completion import EntryCompleter
from kaleido.repl.entries import is_incomplete
from kaleido.repl.history import open_history
from kaleido.repl.status import Status
from kaleido.session import Session

if TYPE_CHECKING:
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

__all__ = ["Prompt"]

_PROMPT, _CONTINUATION = "kal> ", "...> "


class Prompt:
    """Reads entries at a prompt. Close it to stop following the session."""

    def __init__(
        self,
        session: Session,
        *,
        remember: bool = True,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._status = Status(session, changed=self._invalidate)
        self._prompt: PromptSession[str] = PromptSession(
            _PROMPT,
            multiline=True,
            prompt_continuation=_continuation,
            key_bindings=_key_bindings(session),
            history=open_history() if remember else InMemoryHistory(),
            completer=EntryCompleter(session),
            complete_while_typing=False,
            bottom_toolbar=lambda: f" {self._status.text()} ",
            enable_suspend=True,
            input=input,
            output=output,
        )

    def read(self) -> str:
        """The next entry that is not blank. Raises EOFError at Ctrl-D on an empty line."""
        interrupts = 0
        while True:
            self._begin_line()
            try:
                text = self._prompt.prompt()
            except KeyboardInterrupt:
                interrupts = 0 if self._prompt.default_buffer.text else interrupts + 1
                if interrupts == 2:
                    print("Ctrl-D leaves", file=sys.stderr, flush=True)
                    interrupts = 0
                continue
            finally:
                # While it reads, the prompt takes Ctrl-C for a key. Before and after, there is nothing to interrupt.
                forget()
            interrupts = 0
            if text.strip():
                return text

    def close(self) -> None:
        self._status.close()

    def _begin_line(self) -> None:
        """Go to the beginning of a line: a program may have left the cursor in the middle of one.

        Nobody knows where the cursor is. So a mark is written, and spaces up to the width of the terminal.
        From the middle of a line they end on the next one; from its beginning, on the same one, where the
        mark is then erased.
        """
        if is_dumb_terminal():
            return
        output = self._prompt.output
        output.write_raw("\x1b[7m%\x1b[0m" + " " * (output.get_size().columns - 1) + "\r\x1b[K")
        output.flush()

    def _invalidate(self) -> None:
        # On another thread: the prompt may not be there yet, or end at any point of this with its event loop.
        with suppress(RuntimeError, AttributeError):
            self._prompt.app.invalidate()


def _continuation(width: int, line: int, wraps: int) -> str:
    """What stands before a line of an entry that is not its first; nothing before the rest of a long line."""
    return " " * width if wraps else _CONTINUATION


def _key_bindings(session: Session) -> KeyBindings:
    bindings = KeyBindings()
    at_entry = has_focus(DEFAULT_BUFFER)

    @bindings.add("enter", filter=at_entry)
    def _(event: KeyPressEvent) -> None:
        """Run the entry, or continue it on a new line."""
        buffer = event.current_buffer
        _replace_undecodable(buffer)
        if is_incomplete(buffer.text, session.operators) and not _is_insisting(buffer.text):
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @bindings.add("escape", "enter", filter=at_entry)
    def _(event: KeyPressEvent) -> None:
        """A new line, whether the entry is complete or not."""
        event.current_buffer.newline(copy_margin=False)

    return bindings


def _is_insisting(text: str) -> bool:
    """Whether an entry ends in two empty lines: no more is coming, and an error is better than a trap."""
    return text[len(text.rstrip()) :].count("\n") >= 2


def _replace_undecodable(buffer: Buffer) -> None:
    """Bytes that are not UTF-8 come from the terminal as lone surrogates, which nobody can write again."""
    text = buffer.text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if text != buffer.text:
        buffer.text = text
