"""The engine's symbols and signatures for functions of the language."""

from __future__ import annotations

from kaleido.jit import Signature

__all__ = ["function_name", "signature", "symbol"]

_PREFIX = "kal."


def symbol(name: str) -> str:
    """The engine's symbol for a function: with a prefix, so that LLVM does not take a user's `sin` for libm's."""
    return _PREFIX + name


def function_name(symbol: str) -> str:
    """The function that an engine's symbol is for."""
    return symbol.removeprefix(_PREFIX)


def signature(arity: int) -> Signature:
    """Every function of the language takes doubles and gives one."""
    return Signature("double", ("double",) * arity)
