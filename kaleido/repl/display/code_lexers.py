"""Pygments lexers for LLVM IR and assembly as LLVM prints them, without error tokens.

The names of Kaleido's loops and operators are quoted, as in ``"kal.sum.for@1:22#1"@PLT``. Pygments' lexer for assembly
knows no quoted names: it takes the quotes for errors, and the rest for a number or a comment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from pygments.lexer import inherit
from pygments.lexers.asm import GasLexer
from pygments.token import Error, Name, Text, _TokenType

__all__ = ["AssemblyLexer", "without_errors"]


class AssemblyLexer(GasLexer):
    """Assembly in AT&T syntax, with quoted names."""

    tokens: ClassVar[dict[str, list[Any]]] = {
        "root": [(r'"[^"\n]*":', Name.Label), inherit],
        "instruction-args": [(r'"[^"\n]*"(?:@PLT)?', Name.Constant), inherit],
    }


def without_errors(tokens: Iterable[tuple[_TokenType, str]]) -> Iterator[tuple[_TokenType, str]]:
    """The tokens, with errors as plain text: what LLVM prints has none, only what a lexer does not know."""
    return ((Text if kind is Error else kind, text) for kind, text in tokens)
