"""The functions that an item of a program may call, and the top-level variables that it may use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from kaleido.diagnostics import Label, Source
from kaleido.language.nodes import Definition, Prototype, Variable

__all__ = ["LAST_VALUE", "Declaration", "Scope"]

LAST_VALUE = "_"
"""The top-level variable with the last value at the prompt. An assignment to it lasts until the expression ends."""


class Declaration(NamedTuple):
    """A function that may be called.

    `arity` is its number of parameters; None if its declaration has an error, and then a call may have any number of
    arguments. `prototype` of `source` declares it; None if that is not known.
    """

    arity: int | None
    prototype: Prototype | None = None
    source: Source | None = None

    @classmethod
    def of(cls, prototype: Prototype, source: Source) -> Declaration:
        """The declaration that a prototype makes."""
        return cls(len(prototype.parameters), prototype, source)

    @property
    def places(self) -> list[Label]:
        """The place of its prototype, if that is known, for a message's further places."""
        if self.prototype is None or self.source is None:
            return []
        return [Label(self.source, self.prototype.span, f"`{self.prototype.name}` is declared here")]


class Scope(NamedTuple):
    """What an item may refer to.

    `functions`     the functions that it may call, by name (``f``, ``binary|``). A built-in operator is among them only
                    if the program defines that operator
    `variables`     the top-level variables
    `is_top_level`  whether it is an expression at top level, which may use these; a definition does not see them
    `created`       for an assignment at top level, the assigned variables that it creates where they are unknown
    `preceding`     the definition just before an expression at top level, if there is one: a hint uses it
    """

    functions: Mapping[str, Declaration]
    variables: Collection[str] = ()
    is_top_level: bool = False
    created: Collection[Variable] = ()
    preceding: Definition | None = None
