"""Entries: where one ends, what it consists of, and the reader for plain lines.

An entry is a program, or a command of the REPL, or several of both. A line that starts with a colon is a command. But
`:` may be an operator too: within a program, a line is a command only where the program could end before it, and only
where the colon is the very first character and a letter follows.

A line ends as the grammar has it, with CR, LF or both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kaleido.jit import interruptibly
from kaleido.language.parser import IncrementalParser

if TYPE_CHECKING:
    from kaleido.language.operators import OperatorTable
    from kaleido.session import Session

__all__ = [
    "CONTINUATION",
    "PROMPT",
    "Entry",
    "LineReader",
    "Piece",
    "is_command",
    "is_incomplete",
    "pieces",
    "transcript",
]

PROMPT, CONTINUATION = "kal> ", "...> "

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_COMMAND_IN_PROGRAM = re.compile(r":[^\W\d_]")


def is_command(text: str) -> bool:
    """Whether an entry begins with a command of the REPL, whatever operators the program has."""
    return text.lstrip().startswith(":")


def is_incomplete(text: str, operators: OperatorTable) -> bool:
    """Whether more text is wanted before an entry can run: the parser decides.

    `operators` is the table in force at its beginning.
    """
    entry = Entry(operators)
    entry.feed(text)
    return entry.is_incomplete


class _Program(IncrementalParser):
    """A program of an entry. Whatever goes wrong with reading it, running it is what reports that."""

    _lost = False

    def feed(self, line: str) -> None:
        try:
            super().feed(line)
        except Exception:
            self._lost = True

    @property
    def incomplete(self) -> bool:
        return not self._lost and super().incomplete


class Entry:
    """An entry that is still being written. In all, it takes time in proportion to its length."""

    def __init__(self, operators: OperatorTable) -> None:
        self._operators = operators
        # None at the beginning and behind a command.
        self._program: _Program | None = None

    def feed(self, text: str) -> None:
        """Add lines, with their line ends. Only the last one may be without."""
        for line in _LINE.findall(text):
            if _is_command_line(line, self._program):
                self._end_program()
            elif self._program is not None or not line.isspace():
                self._program = self._program or _Program(self._operators)
                self._program.feed(line)

    @property
    def is_incomplete(self) -> bool:
        """Whether it cannot run as it is, only because something is missing at its end."""
        return self._program is not None and self._program.incomplete

    def _end_program(self) -> None:
        # It has not run yet. If nothing is wrong with it, what follows will have its operators.
        if self._program is not None:
            self._operators = self._program.operators
            self._program = None


@dataclass(frozen=True)
class Piece:
    """A program or a command of an entry.

    `text` begins with as many empty lines as stand before it in the entry, so that its lines and columns are the
    entry's. (They are empty, not blanked out: five thousand commands have five thousand such texts.)
    """

    text: str
    is_command: bool


def pieces(text: str, operators: Callable[[], OperatorTable]) -> Iterator[Piece]:
    """Cut an entry into programs and commands, one after another.

    Run each piece before asking for the next: `operators` is called for the table where a program begins, and a
    program, or a command, may change it. Blank pieces are left out; the line ends in the texts are as they were.
    """
    before, lines = 0, list[str]()
    program: _Program | None = None
    for line in _LINE.findall(text):
        if _is_command_line(line, program):
            if program is not None:
                yield Piece("\n" * before + "".join(lines), is_command=False)
                before, lines, program = before + len(lines), [], None
            yield Piece("\n" * (before + len(lines)) + line, is_command=True)
            before, lines = before + len(lines) + 1, []
            continue
        lines.append(line)
        if program is not None or not line.isspace():
            program = program or _Program(operators())
            program.feed(line)
    if program is not None:
        yield Piece("\n" * before + "".join(lines), is_command=False)


def _is_command_line(line: str, program: _Program | None) -> bool:
    """Whether a line is a command; `program` is what stands before it, since the last command."""
    if program is None:
        return is_command(line)
    return _COMMAND_IN_PROGRAM.match(line) is not None and not program.incomplete


def transcript(text: str) -> list[str]:
    """The entries of a transcript of the REPL, without their prompts and their last line end; blank ones are left out.

    Nothing if the text is no transcript, which is one if a line of it begins with the prompt. What has no prompt is
    output, or stands before the first. One blank entry, if there are only such.
    """
    entries = ["".join(lines) for lines in _entered(text)]
    return [re.sub(r"(?:\r\n|\r|\n)\Z", "", entry) for entry in entries if entry.strip()] or [""] * bool(entries)


def _entered(text: str) -> list[list[str]]:
    """The lines of each entry of a transcript."""
    entries: list[list[str]] = []
    for line in _LINE.findall(text):
        first, further = _behind(PROMPT, line), _behind(CONTINUATION, line)
        if first is not None:
            entries.append([first])
        elif entries and further is not None:
            entries[-1].append(further)
    return entries


def _behind(prompt: str, line: str) -> str | None:
    """The rest of a line; None where it has no such prompt. The clipboard may have lost the blank of the prompt."""
    if line.startswith(prompt):
        return line.removeprefix(prompt)
    return line.removeprefix(prompt.rstrip()) if line.rstrip() == prompt.rstrip() else None


class LineReader:
    """Reads entries from lines of bytes: from what is no terminal, or with `ask` from one that can do nothing else.

    `ask` is called with the prompt before each line is read. With it, Ctrl-C throws away the entry that is being typed,
    and two empty lines end an incomplete one.
    """

    def __init__(self, session: Session, lines: Iterable[bytes], *, ask: Callable[[str], None] | None = None) -> None:
        self._session = session
        self._lines = iter(lines)
        self._ask = ask

    def read(self) -> str:
        """The next entry: as many lines as it takes to be complete, or all there are.

        Raises EOFError at the end, and without `ask` KeyboardInterrupt, at Ctrl-C while a line is read.
        """
        while True:
            try:
                return self._read_entry()
            except KeyboardInterrupt:
                if self._ask is None:
                    raise
                # The terminal has left the cursor behind ^C.
                self._ask("\n")

    def discard(self) -> None:
        """Nothing was read that is not part of an entry."""

    def close(self) -> None:
        """Nothing to give back: the lines belong to whoever made them."""

    def _read_entry(self) -> str:
        entry, lines, blank = Entry(self._session.operators), list[str](), 0
        while line := self._read_line(CONTINUATION if lines else PROMPT):
            blank = blank + 1 if line.isspace() else 0
            if not lines and blank:
                continue
            lines.append(line)
            entry.feed(line)
            if not entry.is_incomplete or (self._ask is not None and blank == 2):
                return "".join(lines)
        if self._ask is not None:
            # The terminal has left the cursor behind the prompt.
            self._ask("\n")
        if not lines:
            raise EOFError
        return "".join(lines)

    def _read_line(self, prompt: str) -> str:
        """The next line, with its line end; nothing at the end of input."""
        if self._ask is not None:
            self._ask(prompt)
        return interruptibly(lambda: next(self._lines, b"")).decode("utf-8", errors="replace")
