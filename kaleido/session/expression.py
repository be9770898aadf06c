"""Expressions at top level, checked and lowered, and the top-level variables that they use.

The unit of an expression does not work on the session's variables, but on an array with a copy of those that it uses.
What it has assigned takes effect when it has returned. So an expression that fails or is interrupted changes no
variable, and one that another thread runs meanwhile does not see half of the assignments.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping
from typing import NamedTuple

from kaleido.codegen.checker import check_body
from kaleido.codegen.lowering import lower_expression
from kaleido.codegen.scope import LAST_VALUE
from kaleido.diagnostics import MOST_SHOWN, Problems, SemanticError
from kaleido.jit import Unit
from kaleido.language.nodes import Expression
from kaleido.session.function_table import FunctionTable
from kaleido.session.parsed_text import Text
from kaleido.session.snapshot import same_value

__all__ = ["CompiledExpression", "compile_expression"]


class CompiledExpression(NamedTuple):
    """The unit of an expression, and the top-level variables that it uses.

    `before`    their values when it was compiled, in the order of the unit's array; None for one that it creates
    `assigned`  those that it may assign to, without the last value
    """

    unit: Unit
    before: Mapping[str, float | None]
    assigned: frozenset[str]

    @property
    def values(self) -> list[float]:
        """What the unit's array begins with: the values of the variables, 0.0 for new ones."""
        return [0.0 if value is None else value for value in self.before.values()]

    def arguments(self) -> tuple[ctypes.Array[ctypes.c_double], ...]:
        """The arguments for a call of the unit: a new array, if it uses any variables."""
        return ((ctypes.c_double * len(self.before))(*self.values),) if self.before else ()

    def changes(self, *arrays: ctypes.Array[ctypes.c_double]) -> dict[str, float]:
        """The variables that a call has created or changed, with their values. `arrays` were its arguments."""
        after = dict(zip(self.before, (value for array in arrays for value in array), strict=True))
        # As for results: LLVM does not specify which NaN a computation returns.
        after = {name: math.nan if value != value else value for name, value in after.items()}
        return {name: after[name] for name in self.before if self._is_changed(name, after[name])}

    def _is_changed(self, name: str, value: float) -> bool:
        # Where it assigned nothing, or the same value, another thread's assignment stays.
        return name in self.assigned and not same_value(self.before[name], value)


def compile_expression(
    item: Expression, text: Text, table: FunctionTable, shown: int = MOST_SHOWN, *, cache: bool = True
) -> CompiledExpression:
    """Check and lower an expression at top level. Raises SemanticError with its errors.

    `shown` is the number of errors that will be shown: no hints are computed for more. `cache` is that of the unit.
    """
    problems = Problems(text.source, shown)
    references = check_body(item, [], table.expression_scope(item, text), problems)
    if problems.found:
        raise SemanticError(*problems.in_order())
    unit = lower_expression(item, text.source, references, cache=cache).unit
    before = {name: table.variables.get(name) for name in references.variables}
    return CompiledExpression(unit, before, references.assigned - {LAST_VALUE})
