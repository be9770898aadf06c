"""Highlighting of the input while it is typed, and the themes as styles of prompt_toolkit."""

from __future__ import annotations

import re
from collections.abc import Callable

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.base import OneStyleAndTextTuple
from prompt_toolkit.lexers import Lexer, PygmentsLexer
from prompt_toolkit.styles import BaseStyle, Style, merge_styles, style_from_pygments_dict

from kaleido.language.highlighting import KaleidoConsoleLexer, KaleidoLexer
from kaleido.repl.commands import COMMANDS, Kind
from kaleido.repl.entries import is_command, is_prompted
from kaleido.repl.themes import UI, theme

__all__ = ["EntryLexer", "styles"]

_COMMAND = re.compile(r"\s*:\S*")


class EntryLexer(Lexer):
    """Highlights programs, commands (with an argument that is a program), and transcripts."""

    def __init__(self) -> None:
        # Lexing may start at any line: only white space spans a line end.
        self._program = PygmentsLexer(KaleidoLexer, sync_from_start=False)
        self._transcript = PygmentsLexer(KaleidoConsoleLexer)

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        if any(map(is_prompted, document.lines)):
            return self._transcript.lex_document(document)
        program = self._program.lex_document(document)
        if not is_command(document.text):
            return program
        return lambda line: self._command_line(document.lines[line]) if not line else program(line)

    def _command_line(self, line: str) -> StyleAndTextTuples:
        match = _COMMAND.match(line)
        if match is None:
            return [("", line)]
        name: OneStyleAndTextTuple = ("class:pygments.keyword.pseudo", match[0])
        command = COMMANDS.get(match[0].strip().removeprefix(":"))
        rest = line[match.end() :]
        if command is None or not any(each.kind is Kind.PROGRAM for each in command.parameters):
            return [name, ("", rest)]
        return [name, *self._program.lex_document(Document(rest))(0)]


def styles(name: str) -> BaseStyle:
    """The styles of a theme and of the parts of the prompt, for prompt_toolkit."""
    return merge_styles([style_from_pygments_dict(dict(theme(name))), Style.from_dict(dict(UI))])
