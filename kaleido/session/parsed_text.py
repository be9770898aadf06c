"""A text after parsing."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from functools import cached_property

from kaleido.codegen.builtin_operators import BUILTIN_OPERATORS
from kaleido.codegen.scope import LAST_VALUE, Declaration
from kaleido.diagnostics import Source
from kaleido.language.hints import WORD_OPERATORS
from kaleido.language.nodes import Assign, Definition, Expression, External, Item, Variable
from kaleido.language.operators import OperatorTable
from kaleido.language.parser import parse

__all__ = ["ForwardDeclarations", "Step", "Text", "parsed", "targets"]

Step = list[Definition | External] | Expression
"""A run of definitions, which take effect together; or an expression."""

ForwardDeclarations = dict[str, Declaration]
"""The functions that a text defines for the first time: its items may call them before the definition."""


class Text:
    """A source, its items, and its forward declarations."""

    def __init__(self, source: Source, items: Sequence[Item], forward: ForwardDeclarations) -> None:
        self.source, self.items, self.forward = source, items, forward

    @cached_property
    def steps(self) -> Sequence[Step]:
        """The items as they take effect: each run of definitions without an expression between them, each expression.

        A run of definitions is a list, and one transaction.
        """
        steps: list[Step] = []
        for item in self.items:
            if not isinstance(item, Definition | External):
                steps.append(item)
            elif steps and isinstance(steps[-1], list):
                steps[-1].append(item)
            else:
                steps.append([item])
        return steps

    @cached_property
    def created(self) -> dict[str, float]:
        """The names of the top-level variables that its items create or change; their values do not matter."""
        expressions = (item for item in self.items if not isinstance(item, Definition | External))
        return dict.fromkeys((target.name for each in expressions for target in targets(each)), 0.0)

    def word_operator_after(self, index: int) -> Variable | None:
        """The step after step `index`, if it is a word such as the `and` of ``3 and 4``.

        These are three expressions. If the word is no variable, the first of them should not run before the error.
        """
        left, *following = self.steps[index : index + 2]
        if isinstance(left, list) or not following or not isinstance(following[0], Variable):
            return None
        word = following[0]
        gap = self.source.text[left.span.end : word.span.start]
        return word if word.name in WORD_OPERATORS and re.fullmatch(r"[^\S\r\n]+", gap) else None


def parsed(source: Source, operators: OperatorTable, defined: Container[str]) -> Text:
    """Parse a text. `operators` and `defined` functions are those at its beginning. Raises ParseError."""
    items = parse(source, operators)
    forward: ForwardDeclarations = {}
    for item in items:
        if not isinstance(item, Definition) or item.prototype.is_assignment:
            continue
        name = item.prototype.name
        # A built-in operator keeps its meaning up to its definition.
        if name not in defined and name not in BUILTIN_OPERATORS:
            forward.setdefault(name, Declaration.of(item.prototype, source))
    return Text(source, items, forward)


def targets(item: Expression) -> list[Variable]:
    """The variables that an item at top level creates where they are unknown: ``x`` and ``y`` of ``x = y = 5``.

    The last value is not one of them: only the prompt creates it.
    """
    found = []
    while isinstance(item, Assign) and item.variable.name != LAST_VALUE:
        found.append(item.variable)
        item = item.value
    return found
