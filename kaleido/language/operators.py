"""The operator table: which runs of punctuation are operators, and how tightly they bind.

A table is immutable; defining an operator makes a new table. So a parse that may fail, or an entry that may be undone,
can go back to an earlier table by keeping it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from kaleido.language.nodes import Operator, Prototype

ASSIGNMENT = "="
"""Always assignment, which is no function. A definition of it only sets its precedence, as in LLVM's tutorial."""

BUILTIN_INFIX: Mapping[str, int] = {
    ASSIGNMENT: 2,
    **dict.fromkeys(["<", ">", "<=", ">=", "==", "!="], 10),
    **dict.fromkeys(["+", "-"], 20),
    **dict.fromkeys(["*", "/", "%"], 40),
}
BUILTIN_PREFIX: frozenset[str] = frozenset({"-", "!"})


class OperatorTable:
    """`infix` maps a name to its precedence, 1 (loosest) to 100; `prefix` has names.

    All infix operators but ``=`` are left-associative.
    """

    def __init__(self, infix: Mapping[str, int], prefix: frozenset[str]) -> None:
        self.infix, self.prefix = infix, prefix

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OperatorTable):
            return NotImplemented
        return (self.infix, self.prefix) == (other.infix, other.prefix)

    def with_operator(self, operator: Operator) -> OperatorTable:
        """This table with `operator` added, or its precedence changed."""
        if operator.precedence is None:
            return OperatorTable(self.infix, self.prefix | {operator.name})
        return OperatorTable({**self.infix, operator.name: operator.precedence}, self.prefix)

    def with_declared(self, prototype: Prototype) -> OperatorTable:
        """This table with the operator that a prototype declares, if it declares one."""
        return self if prototype.operator is None else self.with_operator(prototype.operator)

    def longest_infix(self, run: str) -> str | None:
        """The longest infix operator that `run` starts with."""
        return _longest(run, self.infix, self.longest)

    def longest_prefix(self, run: str) -> str | None:
        """The longest prefix operator that `run` starts with."""
        return _longest(run, self.prefix, self.longest)

    @cached_property
    def longest(self) -> int:
        """The length of the longest operator, in characters."""
        return max(map(len, [*self.infix, *self.prefix]))


def _longest(run: str, names: Mapping[str, int] | frozenset[str], limit: int) -> str | None:
    for end in range(min(limit, len(run)), 0, -1):
        if run[:end] in names:
            return run[:end]
    return None


def binds_before(left: int, right: int, operator: str) -> bool:
    """Whether an operator of precedence `left` binds the operand between it and `operator`, of precedence `right`."""
    return left > right or (left == right and operator != ASSIGNMENT)


BUILTINS = OperatorTable(BUILTIN_INFIX, BUILTIN_PREFIX)
