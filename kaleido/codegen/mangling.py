"""The engine's symbols and signatures for functions of the language."""

from __future__ import annotations

from kaleido.jit import Signature

__all__ = ["function_name", "signature", "symbol"]

_PREFIX = "kal."


def symbol(name: str) -> str:
    """The engine's symbol for a function. Its prefix keeps LLVM from treating a program's `sin` as that of libm."""
    return _PREFIX + name


def function_name(symbol: str) -> str:
    """The name of the function that has a symbol of the engine."""
    return symbol.removeprefix(_PREFIX)


def signature(arity: int) -> Signature:
    """The signature of a function of the language: it takes `arity` doubles and returns a double."""
    return Signature("double", ("double",) * arity)
