"""Semantic checks of definitions and externs.

A prototype is checked against the function table, and an extern also against the C functions of the process. A body is
checked by ``codegen.checker``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kaleido.codegen.checker import References, check_body
from kaleido.codegen.externals import KNOWN_ARITIES, is_available
from kaleido.codegen.scope import Declaration
from kaleido.diagnostics import Label, Problems, counted
from kaleido.jit import MAX_PARAMETERS
from kaleido.language.nodes import Definition, External, Prototype
from kaleido.session.defined_function import DefinedFunction
from kaleido.session.function_table import FunctionTable
from kaleido.session.libraries import find_function
from kaleido.session.parsed_text import Text

__all__ = ["Checks"]

_CALLERS_SHOWN = 3


@dataclass(frozen=True)
class Checks:
    """The checks of one transaction.

    `new` are the declarations that the transaction makes. Errors are added to `problems`.
    """

    text: Text
    table: FunctionTable
    new: dict[str, Declaration]
    problems: Problems

    def check(self, item: Definition | External) -> References | None:
        """Check one item. Returns what it refers to; None if it defines nothing and only declares a function."""
        return self._check_definition(item) if isinstance(item, Definition) else self._check_extern(item)

    def _check_definition(self, item: Definition) -> References:
        prototype = item.prototype
        if not self._check_arity(prototype):
            return References()
        self._check_callers(prototype)
        scope = self.table.definition_scope(self.text, self.new)
        return check_body(item.body, [parameter.name for parameter in prototype.parameters], scope, self.problems)

    def _check_extern(self, item: External) -> References | None:
        """If the program defines a function of that name, before or further down, an extern only declares it."""
        prototype = item.prototype
        definition = self._definition_of(prototype.name)
        if definition is not None:
            self._check_redeclaration(prototype, definition)
            return None
        if (
            self._check_allowed(prototype)
            and self._check_c_arity(prototype)
            and self._check_arity(prototype)
            and self._check_callers(prototype)
        ):
            self._check_available(prototype)
        return References()

    # Prototypes. Each check returns whether it has found no error.

    def _check_arity(self, prototype: Prototype) -> bool:
        if prototype.arity > MAX_PARAMETERS:
            label = f"{prototype.arity:,}, and {MAX_PARAMETERS:,} is the most"
            self.problems.report("too many parameters", prototype.span, label)
        return prototype.arity <= MAX_PARAMETERS

    def _check_callers(self, prototype: Prototype) -> bool:
        """A function keeps its number of parameters while functions outside the transaction call it with that many."""
        name, arity = prototype.name, prototype.arity
        declared = self.table.declared.get(name)
        if name not in self.table.awaited and (declared is None or declared.arity == arity):
            return True
        callers = {
            caller: function
            for caller, function in self.table.functions.items()
            if name in function.calls and function.calls[name].arguments != arity and caller not in self.new
        }
        if callers:
            self._report_callers(prototype, callers)
        return not callers

    def _report_callers(self, prototype: Prototype, callers: Mapping[str, DefinedFunction]) -> None:
        name, arity = prototype.name, prototype.arity
        sites = {caller: function.calls[name] for caller, function in callers.items()}
        called = next(iter(sites.values())).arguments
        title = f"`{name}` cannot take {counted(arity, 'parameter')} now: it is called with {called}"
        label = f"by {', '.join(f'`{caller}`' for caller in callers)}"
        places = [Label(callers[caller].source, site.span, f"in `{caller}`") for caller, site in sites.items()]
        self.problems.report(title, prototype.span, label, "redefine the callers first", *places[:_CALLERS_SHOWN])

    # Externs

    def _definition_of(self, name: str) -> Declaration | None:
        function = self.table.functions.get(name)
        if function is None:
            return self.text.forward.get(name)
        return None if function.is_extern else self.table.declared[name]

    def _check_redeclaration(self, prototype: Prototype, definition: Declaration) -> None:
        if definition.arity is not None and definition.arity != prototype.arity:
            defined = counted(definition.arity, "parameter")
            title = f"`{prototype.name}` is defined with {defined}, not {prototype.arity}"
            self.problems.report(title, prototype.span, "", "", *definition.places)

    def _check_allowed(self, prototype: Prototype) -> bool:
        """Without externs, a program may only repeat an extern of the prelude as it is."""
        present = self.table.functions.get(prototype.name)
        allowed = self.table.externs or (present is not None and present.prototype.arity == prototype.arity)
        if not allowed:
            self.problems.report("`extern` is switched off (--no-extern)", prototype.span)
        return allowed

    def _check_c_arity(self, prototype: Prototype) -> bool:
        expected = KNOWN_ARITIES.get(prototype.name, prototype.arity)
        if expected != prototype.arity:
            title = f"C's `{prototype.name}` takes {counted(expected, 'parameter')}, not {prototype.arity}"
            self.problems.report(title, prototype.span)
        return expected == prototype.arity

    def _check_available(self, prototype: Prototype) -> None:
        if prototype.operator is not None or not is_available(prototype.name, find_function):
            hint = "`--load` a library that has it, or `def` it further down"
            self.problems.report(f"no function `{prototype.name}` in this process", prototype.span, "not found", hint)
