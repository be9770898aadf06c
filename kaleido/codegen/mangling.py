"""The engine's symbols and signatures for functions of the language, and the names of other units."""

from __future__ import annotations

import re
from functools import lru_cache

from kaleido.jit import Signature

__all__ = ["array_symbol", "function_name", "is_top_level", "signature", "symbol", "top_level_name", "top_level_symbol"]

_SEPARATORS = re.compile(r"[\s,]+")

_PREFIX, _TOP_LEVEL_PREFIX, _ARRAY_PREFIX = "kal.", "top.", "map."


def symbol(name: str) -> str:
    """The engine's symbol for a function. Its prefix keeps LLVM from treating a program's `sin` as that of libm."""
    return _PREFIX + name


def function_name(symbol: str) -> str:
    """The name of the function that has a symbol of the engine, or a loop over arrays that has one."""
    if symbol.startswith(_ARRAY_PREFIX):
        return symbol.split(".", 2)[2]
    return symbol.removeprefix(_PREFIX)


def array_symbol(name: str, kind: str) -> str:
    """The symbol of a unit that calls a function for the elements of arrays. `kind` is a word."""
    return f"{_ARRAY_PREFIX}{kind}.{name}"


def top_level_symbol(name: str) -> str:
    """The symbol of a unit at top level: of an expression, or of a loop in one."""
    return _TOP_LEVEL_PREFIX + name


def is_top_level(symbol: str) -> bool:
    """Whether a symbol is that of an expression at top level, or of a loop in one."""
    return symbol.startswith(_TOP_LEVEL_PREFIX)


def top_level_name(source: str) -> str:
    """What names of units at top level begin with, by the name of their source.

    ``entry-5`` for ``<entry 5>``, and ``demo.kal`` for ``some/demo.kal``: no blanks, because they are arguments of
    commands.
    """
    inner = source[1:-1] if source.startswith("<") and source.endswith(">") else source.rpartition("/")[2]
    return _SEPARATORS.sub("-", inner)


@lru_cache(maxsize=256)
def signature(arity: int) -> Signature:
    """The signature of a function of the language: it takes `arity` doubles and returns a double."""
    return Signature("double", ("double",) * arity)
