"""The tables are those of the grammar; and the lexer and the parser that run them agree with Lark's."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark import Lark, Tree
from lark import Token as LarkToken
from lark import UnexpectedToken as LarkUnexpectedToken

from kaleido.diagnostics import ParseError, Source
from kaleido.language.lalr import END, ShiftReduceParser, UnexpectedToken
from kaleido.language.lexer import Token, lex
from kaleido.language.parser import parse
from kaleido.language.table_generator import TABLES, grammar, tables_text
from tests.test_language import PROGRAMS, read
from tests.test_parser import TABLE

COMMAND = "python -m kaleido.language.table_generator"

LARK: Lark = grammar()


def test_the_tables_are_those_of_the_grammar() -> None:
    assert TABLES.read_text("utf-8") == tables_text(), f"run `{COMMAND}`"


@given(st.text(st.sampled_from("a1.+-(#\"'`\r\n\t\x0b\x85\u2028\0=;") | st.characters()))
def test_the_lexer_agrees(text: str) -> None:
    theirs = [(each.type, str(each), each.start_pos, each.end_pos, each.line) for each in LARK.lex(text)]
    assert [(each.type, str(each), each.start, each.end, each.line) for each in lex(text)] == theirs


class TreeBuilder:
    """Builds what Lark builds without a transformer."""

    def __getattr__(self, name: str) -> Any:
        return lambda children: Tree(name, children)


class BothParsers(ShiftReduceParser):
    """Feeds each token to Lark's parser, too."""

    def __init__(self, builder: object) -> None:
        super().__init__(builder)
        self.trees = ShiftReduceParser(TreeBuilder())
        self.lark = LARK.parse_interactive(start="program")

    def feed(self, token: Token) -> None:
        self.check()
        try:
            super().feed(token)
        except UnexpectedToken:
            with pytest.raises(UnexpectedToken):
                self.trees.feed(token)
            with pytest.raises(LarkUnexpectedToken):
                self.lark.feed_token(LarkToken(token.type, str(token)))
            raise
        self.trees.feed(token)
        self.lark.feed_token(LarkToken(token.type, str(token)))

    def finish(self) -> Any:
        self.check()
        items = super().finish()
        assert self.trees.finish() == self.lark.feed_eof()  # type: ignore[no-untyped-call]
        return items

    def check(self) -> None:
        """Both have the same actions, and accept the same terminals."""
        theirs: Any = self.lark
        assert set(self.actions) == {name for name in theirs.choices() if name.isupper()}
        assert {name for name in (*self.actions, END) if self.accepts(name)} == theirs.accepts()


@pytest.mark.parametrize("path", sorted(PROGRAMS.rglob("*.kal")), ids=lambda path: path.name)
def test_the_parser_agrees(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaleido.language.parser.ShiftReduceParser", BothParsers)
    # What fails here are the assertions above.
    with suppress(ParseError):
        parse(Source(path.name, read(path)), TABLE)
