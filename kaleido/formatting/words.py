"""A text as words, each with the comments before and behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kaleido.language.lexer import Token, lex, terminals
from kaleido.terminal.text import width

__all__ = ["Comment", "Word", "words"]

_OPERATOR = re.compile(terminals()["OPERATOR"].pattern)
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class Comment(NamedTuple):
    """A comment, from its `#` on.

    `blank_before`  whether a blank line is before it
    `continues`     whether it continues the comment at the end of the line before: it begins in the same column
    """

    text: str
    blank_before: bool = False
    continues: bool = False


class Word:
    """A token, without `;`. The last word is the end of the text, which has no characters.

    `start`            its offset in the text
    `comments`         the comments on the lines before it
    `comment`          the comment behind it, at the end of its line
    `on_new_line`      whether a line break is before it
    `after_semicolon`  whether a `;` is before it
    `blank_before`     whether a blank line is directly before it, after its `comments`
    """

    __slots__ = ("after_semicolon", "blank_before", "comment", "comments", "on_new_line", "start", "text")

    def __init__(self, text: str, start: int) -> None:
        self.text, self.start = text, start
        self.comments: list[Comment] = []
        self.comment: Comment | None = None
        self.on_new_line = self.after_semicolon = self.blank_before = False

    @property
    def is_operator(self) -> bool:
        """Whether it consists of operator characters."""
        return _OPERATOR.match(self.text) is not None

    def split(self, length: int) -> tuple[Word, Word]:
        """The first characters, and the others: a run of operator characters may be several operators."""
        first, second = Word(self.text[:length], self.start), Word(self.text[length:], self.start + length)
        first.comments, first.on_new_line, first.blank_before = self.comments, self.on_new_line, self.blank_before
        first.after_semicolon, second.comment = self.after_semicolon, self.comment
        return first, second


class _Collector:
    """Attaches each comment to the word that it is behind, or to the next one."""

    def __init__(self, text: str, original: str) -> None:
        self._text, self._original = text, original
        self._done: Word | None = None
        self._next = Word("", 0)
        # Where the last token ends, and where its line begins.
        self._end = self._line = 0
        # The column of the comment that the next one may continue.
        self._column: int | None = None

    def words(self) -> Iterator[Word]:
        for token in lex(self._text, comments=True):
            found = [each.end() for each in _LINE_BREAK.finditer(self._text, self._end, token.start)]
            breaks = len(found)
            if found:
                self._next.on_new_line, self._line = True, found[-1]
            if token.type == "COMMENT":
                self._comment(token, breaks)
            else:
                self._next.blank_before |= breaks > 1
                if token == ";":
                    self._next.after_semicolon = True
                else:
                    yield self._finished(token)
            self._end = token.end
        self._next.on_new_line = True
        yield self._next

    def _finished(self, token: Token) -> Word:
        word, self._next = self._next, Word("", 0)
        word.text, word.start = str(token), token.start
        self._done, self._column = word, None
        return word

    def _comment(self, token: Token, breaks: int) -> None:
        text = self._original[token.start : token.end].rstrip()
        column = width(self._text[self._line : token.start].expandtabs())
        if self._done is not None and self._done.comment is None and not self._next.on_new_line:
            self._done.comment, self._column = Comment(text), column
            return
        continues = breaks == 1 and column == self._column
        self._next.comments.append(Comment(text, breaks > 1 or self._next.blank_before, continues))
        self._next.blank_before = False
        self._column = self._column if continues else None


def words(text: str, original: str) -> Iterator[Word]:
    """The words of a text. `original` has its comments: see `FileSource.original`."""
    return _Collector(text, original).words()
