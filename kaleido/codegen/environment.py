"""What a name in a program refers to, while it is being checked and lowered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from kaleido.diagnostics import Diagnostic, KaleidoError, Source, Span, suggestion
from kaleido.jit import Signature

__all__ = ["Environment", "function_name", "signature", "symbol"]

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


@dataclass(frozen=True)
class Environment:
    """The functions a text can call: names (``f``, ``binary|``) with the number of their parameters."""

    source: Source
    arities: Mapping[str, int]

    def fail(self, title: str, span: Span, label: str = "", hint: str = "") -> NoReturn:
        raise KaleidoError(Diagnostic(title, self.source, span, label, hint))

    def arity(self, name: str, span: Span) -> int:
        """How many arguments function `name` takes; a KaleidoError at `span` where there is none."""
        if name not in self.arities:
            self.fail(f"unknown function `{name}`", span, "not defined", suggestion(name, self.arities))
        return self.arities[name]
