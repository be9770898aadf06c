"""Transactions: definitions that take effect together, or not at all.

A transaction checks and lowers a run of definitions of a text; their scope has all of them. So a function and its
callers may change their numbers of parameters together. If one definition has an error, none takes effect. Its units
go to the engine in one call of `Engine.define`, and then the function table commits it. Nothing has changed before
that, so a transaction that cannot be defined is dropped.

A definition that is the same as the present one changes nothing: the function keeps its unit, and so its code, its tier
and its counter. "The same" is the syntax tree, which the operator table has shaped, and what each name and operator in
it refers to. Only the place of its text is recorded.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from kaleido.codegen.builtin_operators import BUILTIN_OPERATORS
from kaleido.codegen.checker import References, check_body
from kaleido.codegen.externals import lower_external, lower_python_function
from kaleido.codegen.lowering import lower_definition, place
from kaleido.codegen.scope import Declaration, Scope
from kaleido.diagnostics import MOST_SHOWN, Problems, SemanticError, Source
from kaleido.jit import Unit, raise_pending
from kaleido.language.nodes import Definition, External
from kaleido.session.checks import Checks
from kaleido.session.defined_function import DefinedFunction
from kaleido.session.function_table import FunctionTable
from kaleido.session.libraries import find_function
from kaleido.session.parsed_text import Text
from kaleido.session.snapshot import Snapshot

if TYPE_CHECKING:
    from kaleido.session.python_function import PythonFunction

__all__ = ["Transaction", "compile_definitions"]


class Transaction(NamedTuple):
    """Definitions of `source` that have been checked and lowered.

    `functions`  the functions that they change
    `moved`      the functions that they define as they are, with the places of the new texts
    """

    source: Source
    items: Sequence[Definition | External]
    functions: Mapping[str, DefinedFunction]
    moved: Mapping[str, DefinedFunction]

    @property
    def units(self) -> list[Unit]:
        """The units to define in the engine, in one call."""
        return [function.unit for function in self.functions.values()]

    def commit(self, table: FunctionTable) -> Snapshot:
        """Record the definitions in the table, once the engine has their units. Returns the table's undo record."""
        return table.commit(self.source, self.items, self.functions, self.moved)


def compile_definitions(
    items: Sequence[Definition | External],
    text: Text,
    table: FunctionTable,
    shown: int = MOST_SHOWN,
    registered: Mapping[str, PythonFunction] = {},
) -> Transaction:
    """Check and lower definitions of a text. Raises SemanticError with the errors in all of them.

    `shown` is the number of errors that will be shown: no hints are computed for more. `registered` has the externs
    among the items that are Python functions.
    """
    problems = Problems(text.source, shown)
    checks = Checks(text, table, items, problems, registered)
    checked = checks.check()
    _refuse(problems)
    functions: dict[str, DefinedFunction] = {}
    moved: dict[str, DefinedFunction] = {}
    for name, (item, references) in checked.items():
        raise_pending()
        present = table.functions.get(name)
        if name in registered:
            functions[name] = _lower_registered(item, text.source, registered[name])
        elif present is not None and present.equals(item, references):
            moved[name] = present.moved(text.source, item, references)
        else:
            functions[name] = _lower(item, text.source, references)
    return Transaction(text.source, items, functions | _users_of_builtins(checks.new, table), moved)


def _refuse(problems: Problems) -> None:
    if problems.found:
        raise SemanticError(*problems.in_order())


def _lower(item: Definition | External, source: Source, references: References) -> DefinedFunction:
    if isinstance(item, External):
        at = place(source, item.span)
        return DefinedFunction(
            source, item, lower_external(item.prototype.name, item.prototype.arity, find_function, at)
        )
    lowered = lower_definition(item, source, references)
    return DefinedFunction(source, item, lowered.unit, references, lowered.loops)


def _lower_registered(item: Definition | External, source: Source, function: PythonFunction) -> DefinedFunction:
    prototype, at = item.prototype, place(source, item.span)
    unit = lower_python_function(prototype.name, prototype.arity, function.callback.address, at)
    return DefinedFunction(source, item, unit, python=function.function)


def _users_of_builtins(new: dict[str, Declaration], table: FunctionTable) -> dict[str, DefinedFunction]:
    """The functions that use a built-in operator which `new` defines, lowered again: now they call the operator."""
    operators = {name for name in new if name in BUILTIN_OPERATORS and name not in table.functions}
    if not operators:
        return {}
    users = {
        name: function
        for name, function in table.functions.items()
        if name not in new and not operators.isdisjoint(function.references.operators)
    }
    return {name: _lower_again(function, new, table) for name, function in users.items()}


def _lower_again(function: DefinedFunction, new: dict[str, Declaration], table: FunctionTable) -> DefinedFunction:
    item, source = function.item, function.source
    assert isinstance(item, Definition)
    # A function that it calls may be undeclared by now: it was defined further down, and an error prevented that.
    calls = {name: Declaration(site.arguments) for name, site in function.calls.items()}
    scope = Scope(ChainMap(new, table.declared, calls))
    parameters = [parameter.name for parameter in item.prototype.parameters]
    problems = Problems(source)
    references = check_body(item.body, parameters, scope, problems)
    _refuse(problems)
    return _lower(item, source, references)
