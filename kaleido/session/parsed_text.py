"""A text after parsing, and the variables that its expressions at top level may use."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kaleido.codegen.builtin_operators import BUILTIN_OPERATORS
from kaleido.codegen.scope import Declaration
from kaleido.diagnostics import Source
from kaleido.language.nodes import Binding, Definition, Expression, External, Item, Number, Var, Variable
from kaleido.language.operators import OperatorTable
from kaleido.language.parser import parse

__all__ = ["ForwardDeclarations", "Step", "Text", "mentioned", "parsed", "with_variables"]

Step = list[Definition | External] | Expression
"""A run of definitions, which take effect together; or an expression."""

ForwardDeclarations = dict[str, Declaration]
"""The functions that a text defines for the first time: its items may call them before the definition."""


@dataclass(frozen=True)
class Text:
    """A source, its items, and its forward declarations."""

    source: Source
    items: Sequence[Item]
    forward: ForwardDeclarations

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


def mentioned(names: Iterable[str], text: str) -> list[str]:
    """Those of `names` that occur in a program text as words, with whatever meaning."""
    return [name for name in names if re.search(rf"\b{re.escape(name)}\b", text)]


def with_variables(expression: Expression, variables: Mapping[str, float], source: Source) -> Expression:
    """Put an expression into a ``var`` that declares those of `variables` that it mentions, with their values."""
    span = expression.span
    names = mentioned(variables, source.text[span.start : span.end])
    bindings = (Binding(Variable(name, span), Number(variables[name], span)) for name in names)
    return Var(tuple(bindings), expression, span) if names else expression
