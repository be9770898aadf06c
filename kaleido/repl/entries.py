"""Entries: where an entry ends, how it splits into programs and commands, and the reader for plain lines.

An entry is a program, or a command of the REPL, or a sequence of both. A line that begins with a colon is a command.
But a user may also define `:` as an operator. So within a program a line is a command only if the program could end
before it, and if the colon is its first character and a letter follows.

Lines end as in the grammar: with CR, LF or both.

An entry is parsed up to three times: when Enter is pressed, to see whether it is complete; when it is split into
programs and commands, if a line of it may be a command; and when a program runs. The first two only look for the end of
a program. They report nothing: the third parse, with the operators in force when the program runs, reports all errors.
It continues the first one where that has read the same text at once (see ``language.parser``), as of most entries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from kaleido.jit import interruptibly
from kaleido.language.parser import IncrementalParser
from kaleido.repl.classic_transcripts import classic_entries

if TYPE_CHECKING:
    from kaleido.language.operators import OperatorTable
    from kaleido.session import Session

__all__ = [
    "CONTINUATION",
    "PROMPT",
    "EntryScanner",
    "LineReader",
    "Piece",
    "is_command",
    "is_incomplete",
    "is_prompted",
    "numbered_prompt",
    "split_entry",
    "transcript_entries",
]

PROMPT, CONTINUATION = "kal> ", "...> "

# Prompts in a transcript: with or without the number of the entry, and continuations aligned with those. The clipboard
# may have dropped the blank at the end.
_FIRST = re.compile(r"(?:\[[0-9]+\] )?kal>(?: |(?=\s*\Z))")
_FURTHER = re.compile(r" *\.\.\.>(?: |(?=\s*\Z))")

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_COMMAND_IN_PROGRAM = re.compile(r":[^\W\d_]")


def numbered_prompt(number: int) -> str:
    """The prompt with the number of the entry, which is its name in messages: ``<entry 3>``."""
    return f"[{number}] {PROMPT}"


def is_command(text: str) -> bool:
    """Whether an entry begins with a command of the REPL. This does not depend on the operators."""
    return text.lstrip().startswith(":")


def is_incomplete(text: str, operators: OperatorTable) -> bool:
    """Whether an entry needs more text before it can run. The parser decides.

    `operators` is the table in force at the beginning of the entry.
    """
    scanner = EntryScanner(operators)
    scanner.feed(text)
    return scanner.is_incomplete


class _ProgramScanner:
    """Finds the end of a program. If the parser raises, the program counts as complete: running it raises again.

    Lines are parsed when the result is asked for: most entries have one line, and splitting them asks for nothing.
    """

    def __init__(self, operators: OperatorTable) -> None:
        self._initial = operators
        self._unread: list[str] = []
        self._failed = False

    def feed(self, line: str) -> None:
        self._unread.append(line)

    @cached_property
    def _parser(self) -> IncrementalParser:
        return IncrementalParser(self._initial)

    @property
    def incomplete(self) -> bool:
        """Whether its only error is that it ends too early."""
        self._parse()
        return not self._failed and self._parser.incomplete

    @property
    def operators(self) -> OperatorTable:
        """The table in force at its end, if it has no error."""
        self._parse()
        return self._parser.operators

    def _parse(self) -> None:
        text = "".join(self._unread)
        self._unread.clear()
        try:
            self._parser.feed(text)
        except Exception:
            self._failed = True


class EntryScanner:
    """Finds the end of an entry while its lines arrive. The total time is linear in the length of the entry."""

    def __init__(self, operators: OperatorTable) -> None:
        self._operators = operators
        # None at the beginning and after a command.
        self._program: _ProgramScanner | None = None

    def feed(self, text: str) -> None:
        """Add lines, with their line ends. Only the last line may lack one."""
        for line in _LINE.findall(text):
            if _is_command_line(line, self._program):
                self._end_program()
            elif self._program is not None or not line.isspace():
                self._program = self._program or _ProgramScanner(self._operators)
                self._program.feed(line)

    @property
    def is_incomplete(self) -> bool:
        """Whether the entry has no error, but ends too early."""
        return self._program is not None and self._program.incomplete

    def _end_program(self) -> None:
        # The program has not run yet. If it has no error, the following program uses its operators.
        if self._program is not None:
            self._operators = self._program.operators
            self._program = None


class Piece(NamedTuple):
    """A program or a command of an entry.

    `text` begins with one empty line for each earlier line of the entry, so that lines and columns in it are those of
    the entry. (Copies of the earlier lines would take quadratic memory: an entry may have thousands of commands.)
    """

    text: str
    is_command: bool


def split_entry(text: str, operators: Callable[[], OperatorTable]) -> Iterator[Piece]:
    """Split an entry into programs and commands, lazily. Blank programs are left out, line ends are kept.

    Run each piece before asking for the next: it may change the operators, and `operators` is called for the current
    table at the beginning of each program.
    """
    before, lines = 0, list[str]()
    program: _ProgramScanner | None = None
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
            program = program or _ProgramScanner(operators())
            program.feed(line)
    if program is not None:
        yield Piece("\n" * before + "".join(lines), is_command=False)


def _is_command_line(line: str, program: _ProgramScanner | None) -> bool:
    """Whether a line is a command. `program` has the lines before it, back to the last command."""
    if program is None:
        return is_command(line)
    return _COMMAND_IN_PROGRAM.match(line) is not None and not program.incomplete


def is_prompted(line: str) -> bool:
    """Whether a line of a transcript begins an entry."""
    return _FIRST.match(line) is not None


def transcript_entries(text: str) -> list[str]:
    """The entries of a transcript of the REPL, without prompts and final line ends; empty if `text` is no transcript.

    A text is a transcript if one of its lines begins with a prompt, with or without a number. Lines without a prompt
    are output, or precede the first entry. Blank entries are left out; if all entries are blank, the result is one
    empty entry. A text without our prompt may be a transcript of LLVM's tutorial.
    """
    entries = ["".join(lines) for lines in _prompted_lines(text)] or classic_entries(text)
    return [re.sub(r"(?:\r\n|\r|\n)\Z", "", entry) for entry in entries if entry.strip()] or [""] * bool(entries)


def _prompted_lines(text: str) -> list[list[str]]:
    """The lines of each entry of a transcript, without their prompts."""
    entries: list[list[str]] = []
    for line in _LINE.findall(text):
        first, further = _FIRST.match(line), _FURTHER.match(line)
        if first is not None:
            entries.append([line[first.end() :]])
        elif entries and further is not None:
            entries[-1].append(line[further.end() :])
    return entries


class LineReader:
    """Reads entries from lines of bytes: from a file or pipe, or with `ask` from a terminal without cursor control.

    `ask` is called with the prompt before each line is read, which has the `number` of the entry. With it, Ctrl-C
    discards the entry that is being typed, and two empty lines end an incomplete one.
    """

    def __init__(
        self,
        session: Session,
        lines: Iterable[bytes],
        *,
        ask: Callable[[str], None] | None = None,
        number: Callable[[], int] = lambda: 1,
    ) -> None:
        self._session = session
        self._lines = iter(lines)
        self._ask, self._number = ask, number

    def read(self) -> str:
        """Return the next entry: the lines up to where it is complete, or up to the end of the input.

        Raises EOFError at the end of the input and, without `ask`, KeyboardInterrupt at Ctrl-C while a line is read.
        """
        while True:
            try:
                return self._read_entry()
            except KeyboardInterrupt:
                if self._ask is None:
                    raise
                # The terminal has left the cursor after its echo of Ctrl-C.
                self._ask("\n")

    def discard(self) -> None:
        """Do nothing: no lines are read ahead."""

    def close(self) -> None:
        """Do nothing: the caller owns the lines."""

    def _read_entry(self) -> str:
        scanner, lines, blank = EntryScanner(self._session.operators), list[str](), 0
        prompt = numbered_prompt(self._number())
        while line := self._read_line(CONTINUATION.rjust(len(prompt)) if lines else prompt):
            blank = blank + 1 if line.isspace() else 0
            if not lines and blank:
                continue
            lines.append(line)
            scanner.feed(line)
            if not scanner.is_incomplete or (self._ask is not None and blank == 2):
                return "".join(lines)
        if self._ask is not None:
            # The terminal has left the cursor after the prompt.
            self._ask("\n")
        if not lines:
            raise EOFError
        return "".join(lines)

    def _read_line(self, prompt: str) -> str:
        """The next line, with its line end; empty at the end of the input."""
        if self._ask is not None:
            self._ask(prompt)
        return interruptibly(lambda: next(self._lines, b"")).decode("utf-8", errors="replace")
