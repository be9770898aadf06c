"""Text to tokens, by the terminals of the grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from kaleido.language.parse_tables import TERMINALS

__all__ = ["Terminal", "Token", "lex", "terminals"]


class Terminal(NamedTuple):
    """A terminal of the grammar.

    `pattern`  its regular expression, for `re`
    `text`     its text if that is always the same, such as ``def`` or ``(``; otherwise None
    `ignored`  whether the lexer drops it: white space and comments
    """

    pattern: str
    text: str | None
    ignored: bool


class Token(str):
    """The text of a token, with its terminal as `type`, its offset in the text, and its line, from 1.

    Precedences change while a text is parsed: a token of type INFIX keeps the one in force.
    """

    __slots__ = ("line", "precedence", "start", "type")

    type: str
    start: int
    line: int
    precedence: int | None

    def __new__(cls, kind: str, text: str, start: int = 0, line: int = 0, precedence: int | None = None) -> Token:
        self = str.__new__(cls, text)
        self.type, self.start, self.line, self.precedence = kind, start, line, precedence
        return self

    @property
    def end(self) -> int:
        """The offset after it."""
        return self.start + len(self)


@cache
def terminals() -> Mapping[str, Terminal]:
    """The terminals by name. The first that matches wins, except that a keyword beats NAME."""
    return {name: Terminal(pattern, text, ignored) for name, pattern, text, ignored in TERMINALS}


def lex(text: str, *, comments: bool = False) -> Iterator[Token]:
    """The tokens of a text: with those of type COMMENT, or without them, as the grammar wants it.

    A character that begins no other token is of type STRAY.
    """
    pattern, keywords, ignored = _scanner()
    line = 1
    for match in pattern.finditer(text):
        kind, value = match.lastgroup or "", match[0]
        if kind not in ignored:
            # No such token has a line break.
            yield Token(keywords.get(value, kind) if kind == "NAME" else kind, value, match.start(), line)
        elif comments and value.startswith("#"):
            yield Token("COMMENT", value, match.start(), line)
        elif "\n" in value:
            line += value.count("\n")


@cache
def _scanner() -> tuple[re.Pattern[str], Mapping[str, str], frozenset[str]]:
    """The regular expression of all tokens, the keywords with their terminals, and the terminals to drop."""
    keywords = {each.text: name for name, each in terminals().items() if each.text and each.text.isidentifier()}
    groups = [f"(?P<{name}>{each.pattern})" for name, each in terminals().items() if name not in keywords.values()]
    return re.compile("|".join(groups)), keywords, frozenset(name for name, each in terminals().items() if each.ignored)
