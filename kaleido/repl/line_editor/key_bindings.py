"""The bindings of Enter and Alt-Enter at the prompt; all other keys have prompt_toolkit's bindings."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from kaleido.language.operators import OperatorTable
from kaleido.repl.entries import is_incomplete, transcript_entries

__all__ = ["key_bindings"]


def key_bindings(operators: Callable[[], OperatorTable], queue: Callable[[list[str]], None]) -> KeyBindings:
    """The bindings of the REPL.

    `operators`  returns the current operator table
    `queue`      is called with the entries of a pasted transcript after its first
    """
    bindings = KeyBindings()
    at_prompt = has_focus(DEFAULT_BUFFER)

    @bindings.add("enter", filter=at_prompt)
    def _(event: KeyPressEvent) -> None:
        """Run a complete entry, continue an incomplete one on a new line."""
        buffer = event.current_buffer
        _replace_undecodable(buffer)
        first, *others = transcript_entries(buffer.text) or [buffer.text]
        if not others and is_incomplete(first, operators()) and not _ends_in_two_empty_lines(first):
            buffer.newline(copy_margin=not buffer.document.current_line.isspace())
            return
        if first != buffer.text:
            buffer.text = first
        queue(others)
        buffer.validate_and_handle()

    @bindings.add("escape", "enter", filter=at_prompt)
    def _(event: KeyPressEvent) -> None:
        """Insert a new line, whether the entry is complete or not."""
        event.current_buffer.newline()

    return bindings


def _ends_in_two_empty_lines(text: str) -> bool:
    """Whether the user has ended an incomplete entry by two empty lines, to see its error."""
    return text[len(text.rstrip()) :].count("\n") >= 2


def _replace_undecodable(buffer: Buffer) -> None:
    """Replace the lone surrogates that the input has for bytes that are not UTF-8: they cannot be written."""
    text = buffer.text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if text != buffer.text:
        buffer.text = text
