"""Tab completion: commands and their arguments, functions with their parameters, keywords, names used in the entry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from kaleido.repl.entries import is_command
from kaleido.repl.state import State

__all__ = ["EntryCompleter"]


class EntryCompleter(Completer):
    """Completes the word before the cursor, from the commands and the current definitions of the session."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        text = document.text_before_cursor
        if is_command(text):
            return self._complete_command(text.lstrip(), complete_event)
        return self._complete_program(text, document.text)

    def _complete_command(self, text: str, event: CompleteEvent) -> Iterator[Completion]:
        # Here, because the first prompt is drawn without it.
        from kaleido.repl.commands import COMMANDS, abbreviated

        name, *arguments = re.split(r"\s+", text.removeprefix(":"))
        if not arguments:
            for known, command in COMMANDS.items():
                if known.startswith(name):
                    yield Completion(known, -len(name), display=command.usage, display_meta=command.summary)
        elif len(found := abbreviated(name, COMMANDS)) == 1:
            yield from self._complete_argument(found[0], arguments, text, event)

    def _complete_argument(
        self, name: str, arguments: list[str], text: str, event: CompleteEvent
    ) -> Iterator[Completion]:
        from kaleido.repl.commands import COMMANDS, Kind

        parameters = COMMANDS[name].parameters
        # The last parameter may take the rest of the line.
        takes_all = bool(parameters) and parameters[-1].kind is not Kind.WORD
        index = min(len(arguments), len(parameters)) - 1 if takes_all else len(arguments) - 1
        if not 0 <= index < len(parameters):
            return
        rest = re.split(r"\s+", text, maxsplit=index + 1)[-1]
        match parameters[index].kind:
            case Kind.PATH:
                yield from self._paths.get_completions(Document(rest), event)
            case Kind.PROGRAM:
                yield from self._complete_program(rest, rest)
            case Kind.WORD:
                yield from _matching(rest, parameters[index].candidates(self._state, arguments[:index]))

    def _complete_program(self, text: str, entry: str) -> Iterator[Completion]:
        """Completions of the last word of `text`, which ends at the cursor. `entry` is the text on both sides of it."""
        from kaleido.language.highlighting import patterns

        word = re.findall(r"\w*$", text)[0]
        session = self._state.session
        # The user's own functions come first.
        listed = (*session.functions(), *session.functions(prelude=True))
        functions = {each.name: each.signature for each in listed}
        for name, signature in functions.items():
            # A call cannot name the function of an operator, such as ``binary|``.
            if name.isidentifier() and name.startswith(word):
                yield Completion(name, -len(word), display=signature)
        others = [*patterns().keywords, *session.variables, *_names(entry)]
        yield from _matching(word, (each for each in dict.fromkeys(others) if each not in functions and each != word))


def _names(entry: str) -> Iterator[str]:
    """The names that an entry uses, such as its parameters and variables."""
    from kaleido.language.highlighting import patterns

    return (match[0] for match in patterns().pattern.finditer(entry) if match.lastgroup == "NAME")


def _matching(word: str, candidates: Iterable[str]) -> Iterator[Completion]:
    """The candidates that begin with `word`; those of a mapping with the description that it has for them."""
    descriptions = candidates if isinstance(candidates, Mapping) else {}
    return (
        Completion(each, -len(word), display_meta=descriptions.get(each, ""))
        for each in candidates
        if each.startswith(word)
    )
