"""The functions that an item of a program may call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kaleido.diagnostics import Label, Source
from kaleido.language.nodes import Definition, Prototype

__all__ = ["Declaration", "Scope"]


@dataclass(frozen=True)
class Declaration:
    """A function that may be called.

    `arity` is its number of parameters; None if its declaration has an error, and then a call may have any number of
    arguments. `place` is the prototype, for messages.
    """

    arity: int | None
    place: Label | None = None

    @classmethod
    def of(cls, prototype: Prototype, source: Source) -> Declaration:
        """The declaration that a prototype makes."""
        return cls(prototype.arity, Label(source, prototype.span, f"`{prototype.name}` is declared here"))

    @property
    def places(self) -> list[Label]:
        """`place` as a list, for a message's further places."""
        return [self.place] if self.place is not None else []


@dataclass(frozen=True)
class Scope:
    """The functions that an item may call, by name (``f``, ``binary|``).

    A built-in operator is in it only if the program defines that operator. `preceding` is the definition just before
    an expression at top level, if there is one: a hint uses it.
    """

    functions: Mapping[str, Declaration]
    preceding: Definition | None = None
