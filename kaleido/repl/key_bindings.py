"""The keys that do something of their own at the prompt; all others are prompt_toolkit's."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from kaleido.language.operators import OperatorTable
from kaleido.repl.entries import is_incomplete, transcript

__all__ = ["key_bindings"]


def key_bindings(operators: Callable[[], OperatorTable], queue: Callable[[list[str]], None]) -> KeyBindings:
    """`operators` gives the table there is now; `queue` gets the entries of a transcript after its first."""
    bindings = KeyBindings()
    at_entry = has_focus(DEFAULT_BUFFER)

    @bindings.add("enter", filter=at_entry)
    def _(event: KeyPressEvent) -> None:
        """Run the entry, or continue it on a new line."""
        buffer = event.current_buffer
        _replace_undecodable(buffer)
        first, *others = transcript(buffer.text) or [buffer.text]
        if not others and is_incomplete(first, operators()) and not _is_insisting(first):
            buffer.newline(copy_margin=not buffer.document.current_line.isspace())
            return
        if first != buffer.text:
            buffer.text = first
        queue(others)
        buffer.validate_and_handle()

    @bindings.add("escape", "enter", filter=at_entry)
    def _(event: KeyPressEvent) -> None:
        """A new line, whether the entry is complete or not."""
        event.current_buffer.newline()

    return bindings


def _is_insisting(text: str) -> bool:
    """Whether an entry ends in two empty lines: no more is coming, and an error is better than a trap."""
    return text[len(text.rstrip()) :].count("\n") >= 2


def _replace_undecodable(buffer: Buffer) -> None:
    """Bytes that are not UTF-8 come from the terminal as lone surrogates, which nobody can write again."""
    text = buffer.text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if text != buffer.text:
        buffer.text = text
