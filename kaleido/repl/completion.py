"""What Tab offers: commands and their arguments, the names of functions, keywords."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from kaleido.repl.commands import COMMANDS
from kaleido.repl.entries import is_command
from kaleido.session import Session

__all__ = ["KEYWORDS", "EntryCompleter"]

KEYWORDS = ("def", "extern", "if", "then", "else", "for", "in", "var", "binary", "unary")


class EntryCompleter(Completer):
    """Completes the word before the cursor by what a session knows at that moment."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        text = document.text_before_cursor
        return self._command(text.lstrip()) if is_command(text) else self._program(text)

    def _command(self, text: str) -> Iterator[Completion]:
        name, *arguments = re.split(r"\s+", text.removeprefix(":"))
        if not arguments:
            for known, command in COMMANDS.items():
                if known.startswith(name):
                    yield Completion(known, -len(name), display=command.usage, display_meta=command.summary)
        elif name in COMMANDS and len(arguments) <= len(COMMANDS[name].parameters):
            parameter = COMMANDS[name].parameters[len(arguments) - 1]
            yield from _matching(arguments[-1], parameter.candidates(self._session))

    def _program(self, text: str) -> Iterator[Completion]:
        word = re.findall(r"\w*$", text)[0]
        for function in self._session.functions(prelude=True):
            # The function of an operator (``binary|``) cannot be called by its name.
            if function.name.isidentifier() and function.name.startswith(word):
                yield Completion(function.name, -len(word), display=function.signature)
        yield from _matching(word, KEYWORDS)


def _matching(word: str, candidates: Iterable[str]) -> Iterator[Completion]:
    return (Completion(each, -len(word)) for each in candidates if each.startswith(word))
