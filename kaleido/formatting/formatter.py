"""The layout of one program, and the check that nothing but the layout has changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from kaleido.diagnostics import Source
from kaleido.formatting.line_breaking import Layout
from kaleido.formatting.structure import stream
from kaleido.formatting.words import words
from kaleido.language.comparison import same_tree
from kaleido.language.lexer import lex
from kaleido.language.nodes import Item
from kaleido.language.operators import OperatorTable
from kaleido.language.parser import parse
from kaleido.language.prelude import prelude_operators
from kaleido.language.source_files import FileSource

__all__ = ["FormatterDefect", "formatted"]


class FormatterDefect(Exception):
    """The formatted text would not have been the same program. It is a defect of Kaleido."""


def formatted(source: Source, operators: OperatorTable | None = None) -> str:
    """The text of a program in the layout that the package describes; its lines end as the first one of `source` does.

    `operators` is the table in force at its beginning, by default the prelude's. For a FileSource, the result is to be
    written with ``encoded``. Raises ParseError, and FormatterDefect.
    """
    table = operators if operators is not None else prelude_operators()
    items = parse(source, table)
    original = source.original if isinstance(source, FileSource) else source.text
    layout = Layout()
    for line in stream(items, words(source.text, original), table):
        layout.add(line)
    text = layout.text()
    _check(items, text, original, table)
    line_end = re.search(r"\r\n|\r|\n", source.text)
    return text if line_end is None else text.replace("\n", line_end[0])


def _check(before: Sequence[Item], text: str, original: str, operators: OperatorTable) -> None:
    after = parse(Source("<formatted>", text), operators)
    if not all(a is not None and b is not None and same_tree(a, b) for a, b in zip_longest(before, after)):
        raise FormatterDefect("the syntax trees differ")
    if _comments(original) != _comments(text):
        raise FormatterDefect("the comments differ")


def _comments(text: str) -> list[str]:
    """The comments, without white space behind them."""
    return [token.rstrip() for token in lex(text, comments=True) if token.type == "COMMENT"]
