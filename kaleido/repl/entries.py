"""Entries: where one ends, and the reader for input that is no terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kaleido.diagnostics import IncompleteInput, Source
from kaleido.jit.interrupts import interruptibly
from kaleido.language.parser import parse

if TYPE_CHECKING:
    from kaleido.language.operators import OperatorTable
    from kaleido.session import Session

__all__ = ["LineReader", "is_command", "is_incomplete"]


def is_command(text: str) -> bool:
    """Whether an entry is a command of the REPL, whatever operators the program has."""
    return text.lstrip().startswith(":")


def is_incomplete(text: str, operators: OperatorTable) -> bool:
    """Whether more text is wanted before an entry can run: the parser decides."""
    if is_command(text):
        return False
    try:
        parse(Source("<entry>", text), operators)
    except IncompleteInput:
        return True
    except Exception:
        # Whatever is wrong with the text, running it is what reports it.
        return False
    return False


class LineReader:
    """Reads entries from lines of bytes, without prompts."""

    def __init__(self, session: Session, lines: Iterable[bytes]) -> None:
        self._session = session
        self._lines = iter(lines)

    def read(self) -> str:
        """The next entry: as many lines as it takes to be complete, or all there are. Raises EOFError."""
        text = ""
        while line := interruptibly(lambda: next(self._lines, b"")):
            text += line.decode("utf-8", errors="replace")
            if text.isspace():
                text = ""
            elif not is_incomplete(text, self._session.operators):
                return text
        if not text:
            raise EOFError
        return text

    def close(self) -> None:
        """Nothing to give back: the lines belong to whoever made them."""
