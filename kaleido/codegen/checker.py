"""Semantic checks of a body: resolves every name in it, and reports unknown and misused names.

The checker runs before lowering, so lowering reports no errors: it takes a checked tree, and the References that the
checker found in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from kaleido.codegen.name_errors import check_arguments, unknown_function, unknown_variable
from kaleido.codegen.scope import Scope
from kaleido.codegen.variables import Variables
from kaleido.diagnostics import Problems, SemanticError, Span
from kaleido.jit import MAX_PARAMETERS
from kaleido.language.nodes import (
    Assign,
    Binary,
    Call,
    Expression,
    For,
    If,
    Number,
    Unary,
    Var,
    Variable,
    Walk,
    walk,
)

__all__ = ["CallSite", "References", "check_body"]

# In the place of the number of loops around a declaration: of a variable that is declared outside the body.
_TOP_LEVEL = -1


class CallSite(NamedTuple):
    """A call of a function: its number of arguments, and its place."""

    arguments: int
    span: Span


class References(NamedTuple):
    """The functions, the built-in operators and the top-level variables that a body refers to.

    `calls` maps each function that it calls to the first call, in the order of evaluation; an operator that the program
    defines is a function. `operators` are the others: lowering emits their instructions inline. `variables` are the
    top-level variables that an expression uses, and `assigned` those that it assigns to.
    """

    calls: Mapping[str, CallSite] = {}
    operators: frozenset[str] = frozenset()
    variables: tuple[str, ...] = ()
    assigned: frozenset[str] = frozenset()

    def same(self, other: References) -> bool:
        """Whether both refer to the same functions and operators, wherever the calls are."""
        return self.operators == other.operators and self._arguments == other._arguments

    @property
    def _arguments(self) -> dict[str, int]:
        return {name: site.arguments for name, site in self.calls.items()}


# One object for all bodies without a call.
_NO_CALLS: Mapping[str, CallSite] = {}


def check_body(body: Expression, parameters: Iterable[str], scope: Scope, problems: Problems) -> References:
    """Check a function's body, or an expression at top level, and return what it refers to.

    Errors are added to `problems`. Raises SemanticError with all `problems` at a loop that uses too many variables,
    because the loops around it would repeat that message.
    """
    checker = _Checker(parameters, scope, problems)
    walk(checker.visit, body)
    operators, assigned = _shared(frozenset(checker.operators)), _shared(frozenset(checker.assigned))
    return References(checker.calls or _NO_CALLS, operators, tuple(checker.top_level), assigned)


@lru_cache(maxsize=1024)
def _shared(names: frozenset[str]) -> frozenset[str]:
    """One object for equal sets: few differ, and each has a hash table."""
    return names


class _Checker:
    """One walk over a body, in the order of evaluation.

    `_variables` maps each variable in scope to the number of loops around its declaration, or to _TOP_LEVEL.
    `_captured` has a set for each loop around the current node, outermost first: the variables that the loop uses and
    does not declare, which become parameters of its unit. `_unknown` are the unknown names that have been reported.
    `top_level` are the top-level variables that are used, in the order of their first use, and `assigned` those that
    are assigned to.
    """

    def __init__(self, parameters: Iterable[str], scope: Scope, problems: Problems) -> None:
        self._scope = scope
        self._problems = problems
        self._variables: Variables[int] = Variables()
        for parameter in parameters:
            self._variables.declare(parameter, 0)
        self._captured: list[set[str]] = []
        self._unknown: set[str] = set()
        self.calls: dict[str, CallSite] = {}
        self.operators: set[str] = set()
        self.top_level: dict[str, None] = {}
        self.assigned: set[str] = set()

    def visit(self, node: Expression) -> Walk | None:
        if isinstance(node, Variable):
            self._use(node)
        return None if isinstance(node, Variable | Number) else self._visit(node)

    def _visit(self, node: Expression) -> Walk:
        match node:
            case Assign():
                yield self.visit(node.value)
                self._use(node.variable, assigned=True)
            case Unary():
                yield self.visit(node.operand)
                self._operator(node, 1)
            case Binary():
                yield self.visit(node.left)
                yield self.visit(node.right)
                self._operator(node, 2)
            case Call():
                self._callee(node)
                for argument in node.arguments:
                    yield self.visit(argument)
                self._call(node, len(node.arguments))
            case If():
                yield self.visit(node.condition)
                yield self.visit(node.then)
                yield self.visit(node.otherwise)
            case For():
                yield self._for(node)
            case Var():
                yield self._var(node)

    # Functions

    def _operator(self, node: Unary | Binary, operands: int) -> None:
        if node.callee in self._scope.functions:
            self._call(node, operands)
        else:
            self.operators.add(node.callee)

    def _callee(self, node: Call) -> None:
        declaration = self._scope.functions.get(node.callee)
        if declaration is not None:
            check_arguments(node, declaration, self._problems)
        elif self._first_report(f"{node.callee}("):
            unknown_function(node, self._scope, self._variables.names, self._problems)

    def _call(self, node: Call | Unary | Binary, arguments: int) -> None:
        self.calls.setdefault(node.callee, CallSite(arguments, node.span))

    # Variables

    def _use(self, variable: Variable, *, assigned: bool = False) -> None:
        name = variable.name
        if name not in self._variables and self._is_top_level(variable):
            self._variables.declare_outermost(name, _TOP_LEVEL)
            self.top_level[name] = None
        if name in self._variables:
            self._capture(name)
            if assigned and self._variables[name] == _TOP_LEVEL:
                self.assigned.add(name)
        elif self._first_report(name):
            unknown_variable(variable, self._scope, self._variables.names, self._problems, assigned=assigned)

    def _is_top_level(self, variable: Variable) -> bool:
        scope = self._scope
        return scope.is_top_level and (variable.name in scope.variables or variable in scope.created)

    def _capture(self, name: str) -> None:
        """Add a variable to each loop between its declaration and the current node."""
        loop = len(self._captured)
        # A loop that has captured it already has added it to the loops around.
        while loop > max(0, self._variables[name]) and name not in self._captured[loop - 1]:
            loop -= 1
            self._captured[loop].add(name)

    def _declare(self, variable: Variable) -> None:
        self._variables.declare(variable.name, len(self._captured))

    def _var(self, node: Var) -> Walk:
        with self._variables.block():
            for binding in node.bindings:
                if binding.value is not None:
                    yield self.visit(binding.value)
                self._declare(binding.variable)
            yield self.visit(node.body)

    def _for(self, node: For) -> Walk:
        yield self.visit(node.start)
        with self._variables.block():
            self._declare(node.variable)
            self._captured.append(set())
            self._use(node.variable)
            yield self.visit(node.body)
            if node.step is not None:
                yield self.visit(node.step)
            yield self.visit(node.condition)
            self._check_captured(node, len(self._captured.pop()))

    def _check_captured(self, node: For, captured: int) -> None:
        if captured > MAX_PARAMETERS:
            title = "too many variables"
            label = f"this loop uses {captured:,} variables from around it: {MAX_PARAMETERS:,} is the most"
            self._problems.report(title, node.span, label)
            raise SemanticError(*self._problems.in_order())

    def _first_report(self, unknown: str) -> bool:
        """Whether an unknown name has not been reported for this body yet; it counts as reported from now on."""
        reported = unknown in self._unknown
        self._unknown.add(unknown)
        return not reported
