"""Semantic checks of definitions and externs.

A prototype is checked against the function table, and an extern also against the C functions of the process. A body is
checked by ``codegen.checker``.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import cached_property

from kaleido.codegen.checker import References, check_body
from kaleido.codegen.externals import KNOWN_ARITIES, is_available
from kaleido.codegen.scope import Declaration, Scope
from kaleido.diagnostics import Label, Problems, SemanticError, counted
from kaleido.jit import MAX_PARAMETERS, raise_pending
from kaleido.language.nodes import Definition, External, Prototype
from kaleido.session.defined_function import DefinedFunction
from kaleido.session.function_table import FunctionTable
from kaleido.session.libraries import find_function
from kaleido.session.parsed_text import Text

__all__ = ["Checks"]

_CALLERS_SHOWN = 3


class Checks:
    """The checks of one transaction: of `items`, a run of definitions in `text`. Errors are added to `problems`.

    `new` are the declarations that the transaction makes. If it defines a function twice, the last definition counts,
    and those before it are `superseded`: they never take effect, but must be correct where they are. `registered` are
    the externs for which the host has a Python function.
    """

    def __init__(
        self,
        text: Text,
        table: FunctionTable,
        items: Sequence[Definition | External],
        problems: Problems,
        registered: Container[str] = (),
    ) -> None:
        self._registered = registered
        self._text, self._table, self._items, self._problems = text, table, items, problems
        by_weight = sorted(items, key=lambda item: isinstance(item, Definition))
        self._last = {item.prototype.name: item for item in by_weight}
        self.new = {name: Declaration.of(item.prototype, text.source) for name, item in self._last.items()}

    def check(self) -> dict[str, tuple[Definition | External, References]]:
        """Check all items. Returns what each function refers to that they define."""
        for item in self._items:
            if not self._check_prototype(item) and self._last[item.prototype.name] is item:
                # The number of parameters may be the error.
                self.new[item.prototype.name] = Declaration(None)
        checked: dict[str, tuple[Definition | External, References]] = {}
        has_superseded, before = len(self._last) < len(self._items), dict[str, Declaration]()
        scope = self._table.definition_scope(self._text, self.new)
        scope_before = self._table.definition_scope(self._text, before)
        for item in self._items:
            raise_pending()
            name = item.prototype.name
            if has_superseded:
                before[name] = Declaration.of(item.prototype, self._text.source)
            is_last = self._last[name] is item
            if isinstance(item, Definition) and item.prototype.arity <= MAX_PARAMETERS:
                references = self._check_body(item, scope if is_last else scope_before)
            else:
                references = References()
            if is_last and self._defines(item):
                checked[name] = item, references
        return checked

    def _check_body(self, item: Definition, scope: Scope) -> References:
        parameters = [parameter.name for parameter in item.prototype.parameters]
        try:
            return check_body(item.body, parameters, scope, self._problems)
        except SemanticError:
            # Its diagnostics are among the problems.
            return References()

    def _defines(self, item: Definition | External) -> bool:
        """Whether an item defines a function, and does not only declare one. A definition of ``=`` does neither.

        An extern only declares what the program defines, before or further down, and what is nowhere yet.
        """
        name = item.prototype.name
        if isinstance(item, Definition):
            return not item.prototype.is_assignment
        if name in self._registered:
            return True
        return self._definition_of(name) is None and is_available(name, find_function)

    def _definition_of(self, name: str) -> Declaration | None:
        if isinstance(self._last.get(name), Definition):
            return self.new[name]
        function = self._table.functions.get(name)
        if function is None:
            return self._text.forward.get(name)
        is_of_c = function.is_extern and function.python is None
        return None if is_of_c else self._table.declared[name]

    # Prototypes. Each check returns whether it has found no error.

    def _check_prototype(self, item: Definition | External) -> bool:
        prototype = item.prototype
        if isinstance(item, External) and prototype.name not in self._registered:
            definition = self._definition_of(prototype.name)
            if definition is not None:
                return self._check_redeclaration(prototype, definition)
            return (
                self._check_assignment(prototype)
                and self._check_allowed(prototype)
                and self._check_c_arity(prototype)
                and self._check_arity(prototype)
                and self._check_callers(item)
            )
        return self._check_arity(prototype) and self._check_callers(item)

    def _check_arity(self, prototype: Prototype) -> bool:
        if prototype.arity > MAX_PARAMETERS:
            label = f"{prototype.arity:,}, and {MAX_PARAMETERS:,} is the most"
            self._problems.report("too many parameters", prototype.span, label)
        return prototype.arity <= MAX_PARAMETERS

    def _check_callers(self, item: Definition | External) -> bool:
        """A function keeps its number of parameters while functions outside the transaction call it with that many."""
        prototype, name = item.prototype, item.prototype.name
        declared = self._table.declared.get(name)
        is_new = name not in self._table.awaited and (declared is None or declared.arity == prototype.arity)
        if is_new or self._last[name] is not item:
            return True
        callers = {
            caller: function
            for caller, function in self._callers.get(name, {}).items()
            if function.calls[name].arguments != prototype.arity and caller not in self._last
        }
        if callers:
            self._report_callers(prototype, callers)
        return not callers

    @cached_property
    def _callers(self) -> Mapping[str, Mapping[str, DefinedFunction]]:
        """The functions that call each function, by name."""
        callers: dict[str, dict[str, DefinedFunction]] = {}
        for caller, function in self._table.functions.items():
            for name in function.calls:
                callers.setdefault(name, {})[caller] = function
        return callers

    def _report_callers(self, prototype: Prototype, callers: Mapping[str, DefinedFunction]) -> None:
        name, arity = prototype.name, prototype.arity
        sites = {caller: function.calls[name] for caller, function in callers.items()}
        called = next(iter(sites.values())).arguments
        title = f"`{name}` cannot take {counted(arity, 'parameter')} now: it is called with {called}"
        quoted = [f"`{caller}`" for caller in callers]
        together = " and ".join(quoted) if len(quoted) <= _CALLERS_SHOWN else "all these callers"
        hint = f"define it in one entry with {together}, without an expression between them"
        places = [Label(callers[caller].source, site.span, f"in `{caller}`") for caller, site in sites.items()]
        self._problems.report(title, prototype.span, f"by {', '.join(quoted)}", hint, *places[:_CALLERS_SHOWN])

    # Externs

    def _check_redeclaration(self, prototype: Prototype, definition: Declaration) -> bool:
        agrees = definition.arity is None or definition.arity == prototype.arity
        if not agrees:
            assert definition.arity is not None
            defined = counted(definition.arity, "parameter")
            title = f"`{prototype.name}` is defined with {defined}, not {prototype.arity}"
            self._problems.report(title, prototype.span, "", "", *definition.places)
        return agrees

    def _check_assignment(self, prototype: Prototype) -> bool:
        if prototype.is_assignment:
            self._problems.report("`=` is assignment, not a function", prototype.span, "", "`==` compares")
        return not prototype.is_assignment

    def _check_allowed(self, prototype: Prototype) -> bool:
        """Without externs, a program may only repeat an extern of the prelude as it is."""
        present = self._table.functions.get(prototype.name)
        allowed = self._table.externs or (present is not None and present.prototype.arity == prototype.arity)
        if not allowed:
            self._problems.report("`extern` is switched off (--no-extern)", prototype.span)
        return allowed

    def _check_c_arity(self, prototype: Prototype) -> bool:
        expected = KNOWN_ARITIES.get(prototype.name, prototype.arity)
        if expected != prototype.arity:
            title = f"C's `{prototype.name}` takes {counted(expected, 'parameter')}, not {prototype.arity}"
            self._problems.report(title, prototype.span)
        return expected == prototype.arity
