"""What Tab offers."""

from __future__ import annotations

import pytest
from lark import Lark
from lark.lexer import PatternStr
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from kaleido import Session
from kaleido.language.parser import grammar_text
from kaleido.repl.completion import KEYWORDS, EntryCompleter


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        (":", ["help", "list", "tiers", "ir", "quit"]),
        (":l", ["list"]),
        ("  :q", ["quit"]),
        (":ir tri", ["triple"]),
        (":ir binary|", ["binary|"]),
        (":ir triple O", ["O0", "O3"]),
        (":ir triple O3 ", []),
        (":help t", ["tiers"]),
        (":list ", []),
        (":nothing x", []),
        ("1 + tri", ["triple"]),
        ("th", ["then"]),
        ("def f(x) el", ["else"]),
        ("bin", ["binary"]),
        ("12tri", []),
        ("1 + \ntri", ["triple"]),
    ],
)
def test_offers(session: Session, text: str, offered: list[str]) -> None:
    session.run("def triple(x) 3 * x")
    completions = EntryCompleter(session).get_completions(Document(text), CompleteEvent())
    assert [completion.text for completion in completions] == offered


def test_a_function_is_shown_with_its_parameters(session: Session) -> None:
    session.run("def triple(x) 3 * x")
    (completion,) = EntryCompleter(session).get_completions(Document("tripl"), CompleteEvent())
    assert completion.display_text == "triple(x)"


def test_the_keywords_are_the_grammar_s() -> None:
    grammar = Lark(grammar_text(), start="program", parser="lalr")
    patterns = [terminal.pattern for terminal in grammar.terminals]
    words = [pattern.value for pattern in patterns if isinstance(pattern, PatternStr)]
    assert sorted(KEYWORDS) == sorted(word for word in words if word.isidentifier())
