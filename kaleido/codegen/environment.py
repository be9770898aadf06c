"""What a name in a program refers to, while it is being checked and lowered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from kaleido.diagnostics import Label, Problems, SemanticError, Source, Span
from kaleido.language.nodes import Definition, Prototype

__all__ = ["Declared", "Environment"]


@dataclass(frozen=True)
class Declared:
    """A function that may be called: with how many arguments (None: with any, that is in doubt), and where it is."""

    arity: int | None
    place: Label | None = None

    @classmethod
    def by(cls, prototype: Prototype, source: Source) -> Declared:
        """What a prototype says."""
        return cls(prototype.arity, Label(source, prototype.span, f"`{prototype.name}` is declared here"))

    @property
    def places(self) -> list[Label]:
        """Where it is, for a message."""
        return [self.place] if self.place is not None else []


@dataclass(frozen=True)
class Environment:
    """The functions (``f``, ``binary|``) that an item of `source` can call, and what has been found wrong with it.

    `before` is the definition that it follows, if there is one.
    """

    problems: Problems
    functions: Mapping[str, Declared]
    before: Definition | None = None

    @property
    def source(self) -> Source:
        return self.problems.source

    def report(self, title: str, span: Span, label: str = "", hint: str = "", *others: Label) -> None:
        """Remember a problem; checking goes on."""
        self.problems.report(title, span, label, hint, *others)

    def fail(self, title: str, span: Span, label: str = "", hint: str = "", *others: Label) -> NoReturn:
        """Raise SemanticError with this and everything that has been reported."""
        self.report(title, span, label, hint, *others)
        raise SemanticError(*self.problems.in_order())

    def refuse(self) -> None:
        """Raise SemanticError if anything has been reported."""
        if self.problems.found:
            raise SemanticError(*self.problems.in_order())
