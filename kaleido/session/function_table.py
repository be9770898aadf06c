"""The function table: every function, operator and top-level variable of a session.

Checks read it, and commits write it. It describes functions of the language; the engine's symbol table, which
describes units, is separate. A copy of it serves to check items that must not take effect.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from kaleido.codegen.scope import Declaration, Scope
from kaleido.diagnostics import Source
from kaleido.language.nodes import Definition, Expression, External, Variable
from kaleido.language.operators import BUILTINS, OperatorTable
from kaleido.session.defined_function import DefinedFunction
from kaleido.session.parsed_text import Text, targets
from kaleido.session.snapshot import Snapshot, same_value

__all__ = ["FunctionTable"]

T = TypeVar("T")


class FunctionTable:
    """Functions, operators and top-level variables by name.

    `functions`  the functions that are defined
    `declared`   the functions that an item may call: all of `functions`, and those that only an item with an error,
                 or an extern, has declared
    `awaited`    the functions that are called and not defined: their definitions are further down in the text, an
                 error has prevented them, or only an extern declares them
    `operators`  the operators and their precedences, for the parser
    `variables`  the top-level variables with their values; at the prompt, LAST_VALUE is one of them
    `externs`    whether items may declare C functions beyond those of the prelude
    """

    def __init__(self) -> None:
        self.functions: dict[str, DefinedFunction] = {}
        self.declared: dict[str, Declaration] = {}
        self.awaited: set[str] = set()
        self.operators: OperatorTable = BUILTINS
        self.variables: dict[str, float] = {}
        self.externs = True
        self._latest: tuple[Source, Definition | External] | None = None

    def copy(self) -> FunctionTable:
        """A table with the same entries, which changes independently."""
        other = FunctionTable()
        other.functions, other.declared, other.awaited = dict(self.functions), dict(self.declared), set(self.awaited)
        other.operators, other.variables, other.externs = self.operators, dict(self.variables), self.externs
        other._latest = self._latest
        return other

    def definition_scope(self, text: Text, new: dict[str, Declaration]) -> Scope:
        """The scope of a definition in `text` whose transaction makes the declarations `new`."""
        return Scope(ChainMap(new, self.declared, text.forward), ChainMap(self.variables, text.created))

    def expression_scope(self, item: Expression, text: Text) -> Scope:
        """The scope of an expression at top level in `text`."""
        source, latest = self._latest if self._latest is not None else (None, None)
        return Scope(
            ChainMap(self.declared, text.forward),
            self.variables,
            is_top_level=True,
            created=targets(item),
            preceding=latest if source is text.source and isinstance(latest, Definition) else None,
        )

    def commit(
        self,
        source: Source,
        items: Sequence[Definition | External],
        functions: Mapping[str, DefinedFunction],
        moved: Mapping[str, DefinedFunction],
    ) -> Snapshot:
        """Make `items` of `source` take effect together; `functions` are the entries that they replace or add.

        `moved` are entries that change only their place. Returns the snapshot with which :meth:`restore` undoes this.
        """
        called = {name for each in functions.values() for name in each.calls if name not in self.functions}
        names = [item.prototype.name for item in items if not item.prototype.is_assignment]
        snapshot = self._snapshot(functions, names, [*names, *called])
        self.functions |= moved
        self.functions |= functions
        self.awaited.difference_update(functions)
        self.awaited.update(called.difference(functions))
        for item in items:
            if not item.prototype.is_assignment:
                self.declared[item.prototype.name] = Declaration.of(item.prototype, source)
            if item.prototype.operator is not None:
                self.operators = self.operators.with_operator(item.prototype.operator)
            self._latest = source, item
        return snapshot

    def assign(self, values: Mapping[str, float]) -> Snapshot:
        """Create or change top-level variables. Returns the snapshot with which :meth:`restore` undoes this."""
        snapshot = Snapshot({}, {}, {}, self.operators, {name: self.variables.get(name) for name in values})
        self.variables |= values
        return snapshot

    def differs(self, snapshot: Snapshot) -> bool:
        """Whether a change that made `snapshot` has changed anything but places of texts."""
        declared = {name: each.arity if each is not None else -1 for name, each in snapshot.declared.items()}
        return (
            any(self.functions.get(name) is not function for name, function in snapshot.functions.items())
            or any(self.declared[name].arity != arity for name, arity in declared.items())
            or self.operators != snapshot.operators
        )

    def restore(self, snapshot: Snapshot) -> Snapshot:
        """Put the entries of a snapshot back. Returns the snapshot with which this can be undone in turn."""
        undone = self._snapshot(snapshot.functions, snapshot.declared, snapshot.awaited, snapshot.variables)
        _restore(self.functions, snapshot.functions)
        _restore(self.declared, snapshot.declared)
        _restore(self.variables, snapshot.variables)
        self.awaited.difference_update(name for name, awaited in snapshot.awaited.items() if not awaited)
        self.awaited.update(name for name, awaited in snapshot.awaited.items() if awaited)
        self.operators, self._latest = snapshot.operators, None
        return undone

    def difference(self, earlier: FunctionTable) -> Snapshot:
        """The snapshot with which :meth:`restore` makes this table equal to an `earlier` copy."""
        functions = {**earlier.functions, **self.functions}
        changed = [name for name in functions if self.functions.get(name) is not earlier.functions.get(name)]
        declared, awaited = {*self.declared, *earlier.declared}, self.awaited | earlier.awaited
        ours, theirs = self.variables, earlier.variables
        variables = [name for name in {**theirs, **ours} if not same_value(ours.get(name), theirs.get(name))]
        return earlier._snapshot(changed, declared, awaited, variables)

    def assume(self, item: Definition | External, source: Source, *, is_failed: bool) -> None:
        """Declare the function of an item that does not take effect, so that its uses are not reported as errors too.

        `is_failed` is true for an item that has an error itself.
        """
        prototype = item.prototype
        declaration, earlier = Declaration.of(prototype, source), self.declared.get(prototype.name)
        if is_failed and (isinstance(item, External) or (earlier is not None and earlier.arity != declaration.arity)):
            # The number of parameters may be the error.
            declaration = Declaration(None)
        self.declared[prototype.name] = declaration
        self._latest = source, item

    def assume_variables(self, variables: Iterable[Variable]) -> None:
        """Declare the variables that an item creates which does not run. The values of new ones do not matter."""
        for variable in variables:
            self.variables.setdefault(variable.name, 0.0)

    def _snapshot(
        self,
        functions: Iterable[str],
        declared: Iterable[str],
        awaited: Iterable[str],
        variables: Iterable[str] = (),
    ) -> Snapshot:
        return Snapshot(
            {name: self.functions.get(name) for name in functions},
            {name: self.declared.get(name) for name in declared},
            {name: name in self.awaited for name in awaited},
            self.operators,
            {name: self.variables.get(name) for name in variables},
        )


def _restore(table: dict[str, T], entries: Mapping[str, T | None]) -> None:
    for name, entry in entries.items():
        if entry is None:
            table.pop(name, None)
        else:
            table[name] = entry
