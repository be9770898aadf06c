"""Python functions as externs: what a session makes of one that its host registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kaleido.codegen.mangling import signature
from kaleido.diagnostics import Source
from kaleido.jit import Callback
from kaleido.language.lexer import lex

__all__ = ["PythonFunction"]


class PythonFunction:
    """A Python function of floats, and the C function that runs it.

    `parameters` are names for its parameters, their number, or None for those of its own signature. Raises ValueError
    for a name that a function of the language cannot have, TypeError where the parameters are not known.
    """

    def __init__(self, name: str, function: Callable[..., Any], parameters: Sequence[str] | int | None = None) -> None:
        if not callable(function):
            raise TypeError(f"{name} is {function!r}, which cannot be called")
        if not _is_name(name):
            raise ValueError(f"{name!r} cannot be the name of a function")
        self.name, self.function = name, function
        self.parameters = _parameters(name, function, parameters)
        self.callback = Callback(self._run, signature(len(self.parameters)))

    @property
    def source(self) -> Source:
        """Its declaration."""
        return Source(f"<Python function {self.name}>", f"extern {self.name}({' '.join(self.parameters)})")

    def _run(self, *arguments: float) -> float:
        value = self.function(*arguments)
        if value is None:
            return 0.0
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TypeError(f"{self.name} returned {value!r}, which is not a number") from None


def _parameters(name: str, function: Callable[..., Any], given: Sequence[str] | int | None) -> list[str]:
    if given is None:
        return _own_parameters(name, function)
    if isinstance(given, int):
        return [f"x{number}" for number in range(1, given + 1)]
    for each in given:
        if not _is_name(each):
            raise ValueError(f"{each!r} cannot be the name of a parameter")
    return list(given)


def _own_parameters(name: str, function: Callable[..., Any]) -> list[str]:
    """The parameters that a Python function must be given."""
    from inspect import Parameter
    from inspect import signature as signature_of

    try:
        parameters = signature_of(function).parameters.values()
    except ValueError:
        # Some functions in C have none.
        raise TypeError(f"the parameters of {name} are not known: pass `parameters`, their number or names") from None
    if any(each.kind is Parameter.VAR_POSITIONAL for each in parameters):
        raise TypeError(f"{name} takes any number of arguments: pass `parameters`, their number or names")
    required = [each for each in parameters if each.default is Parameter.empty]
    if any(each.kind is Parameter.KEYWORD_ONLY for each in required):
        raise TypeError(f"{name} needs arguments by keyword, which a program cannot pass")
    named = [each.name for each in required if each.kind is not Parameter.VAR_KEYWORD]
    # A name in Python need not be one in the language.
    return [each if _is_name(each) else f"x{number}" for number, each in enumerate(named, 1)]


def _is_name(text: str) -> bool:
    return [(token.type, str(token)) for token in lex(text)] == [("NAME", text)]
