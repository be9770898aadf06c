"""What is defined, as far as the language knows: which items may come next, and what they become. Nothing runs here.

That is why what a program will not come to can be checked all the same: on a copy, see :func:`errors_from`.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import llvmlite.binding as llvm

from kaleido.codegen.builtin_operators import BUILTIN_OPERATORS
from kaleido.codegen.environment import Declared, Environment
from kaleido.codegen.externals import KNOWN_ARITIES, lower_external
from kaleido.codegen.lowering import Lowered, Site, lower_definition, lower_expression
from kaleido.diagnostics import MOST_SHOWN, Diagnostic, Label, Problems, SemanticError, Source, counted
from kaleido.jit import MAX_PARAMETERS, Unit
from kaleido.language.nodes import (
    Binding,
    Definition,
    Expression,
    External,
    Item,
    Number,
    Prototype,
    Var,
    Variable,
)
from kaleido.language.operators import BUILTINS, OperatorTable

__all__ = ["Changes", "Definitions", "Forward", "Known", "Past", "check", "declared_later", "errors_from", "mentioned"]

T = TypeVar("T")

_CALLERS_SHOWN = 3

Forward = dict[str, Declared]
"""What a text defines further down, and nobody knows yet."""


@dataclass(frozen=True)
class Known:
    """A function there is: as it was read, and what it became. `lowered` is None for an extern."""

    prototype: Prototype
    source: Source
    item: Definition | External
    unit: Unit
    lowered: Lowered | None

    @property
    def calls(self) -> Mapping[str, Site]:
        """The functions it calls, and where."""
        return self.lowered.calls if self.lowered is not None else {}


Changes = dict[str, Known]
"""Functions that become something else together."""


@dataclass(frozen=True)
class Past:
    """What was there before something changed, as far as it changed; None is for what was not there."""

    functions: Mapping[str, Known | None]
    declared: Mapping[str, Declared | None]
    awaited: Mapping[str, bool]
    operators: OperatorTable

    def before(self, later: Past) -> Past:
        """The past of two changes together: of this one, and of `later` after it."""
        return Past(
            _earliest(self.functions, later.functions),
            _earliest(self.declared, later.declared),
            _earliest(self.awaited, later.awaited),
            self.operators,
        )


def _earliest(first: Mapping[str, T], second: Mapping[str, T]) -> dict[str, T]:
    return {**first, **{name: value for name, value in second.items() if name not in first}}


class Definitions:
    """The functions and operators there are.

    An item changes them in two steps, so that its code can be made in between: :meth:`changes` checks it and says
    what it comes to, :meth:`commit` makes it so.

    `shown` is how many more errors somebody will see. Without `externs` no more C functions are let in. `variables` are
    in scope in expressions at top level, where each begins with the value that it has here.
    """

    def __init__(self) -> None:
        self.operators: OperatorTable = BUILTINS
        self.functions: dict[str, Known] = {}
        self._declared: dict[str, Declared] = {}
        # What is called and not defined: further down in the text, or never, if an error came first.
        self._awaited: set[str] = set()
        self._latest: tuple[Source, Definition | External] | None = None
        self.shown = MOST_SHOWN
        self.externs = True
        self.variables: dict[str, float] = {}

    def copy(self) -> Definitions:
        """The same, to go on by itself."""
        other = Definitions()
        other.operators, other.functions, other._declared = self.operators, dict(self.functions), dict(self._declared)
        other._awaited, other._latest, other.externs = set(self._awaited), self._latest, self.externs
        other.variables = self.variables
        return other

    def expression(self, item: Expression, source: Source, forward: Forward) -> Lowered:
        """What an expression at top level becomes. Raises SemanticError."""
        environment = self._environment(source, forward)
        if self._latest is not None and self._latest[0] is source and isinstance(self._latest[1], Definition):
            environment = Environment(environment.problems, environment.functions, self._latest[1])
        return lower_expression(self._in_scope(item, source), environment)

    def _in_scope(self, item: Expression, source: Source) -> Expression:
        """An expression with the variables that it may mean around it."""
        span = item.span
        names = mentioned(self.variables, source.text[span.start : span.end])
        bindings = (Binding(Variable(name, span), Number(self.variables[name], span)) for name in names)
        return Var(tuple(bindings), item, span) if names else item

    def changes(self, item: Definition | External, source: Source, forward: Forward) -> Changes:
        """What a definition or an extern changes: itself, and who is no longer what it was. Raises SemanticError."""
        if isinstance(item, External):
            return self._declaration(item, source, forward)
        prototype = item.prototype
        environment = self._environment(source, forward, prototype)
        self._check_arity(prototype, environment)
        lowered = lower_definition(item, environment)
        changed = {prototype.name: Known(prototype, source, item, lowered.unit, lowered)}
        if prototype.name in BUILTIN_OPERATORS and prototype.name not in self.functions:
            changed |= self._without_builtin(prototype, source, forward)
        return changed

    def commit(self, item: Definition | External, source: Source, changes: Changes) -> Past:
        """Make `changes` so, which is what `item` comes to. What :meth:`restore` wants, to take them back."""
        prototype = item.prototype
        awaited = {name for each in changes.values() for name in each.calls if name not in self.functions}
        past = self._past(changes, [prototype.name], [prototype.name, *awaited])
        self.functions |= changes
        self._declared[prototype.name] = Declared.by(prototype, source)
        self._awaited.discard(prototype.name)
        if prototype.operator is not None:
            self.operators = self.operators.with_operator(prototype.operator)
        self._awaited.update(awaited.difference(changes))
        self._latest = source, item
        return past

    def restore(self, past: Past) -> Past:
        """Make what was there before something changed so again. What takes that back."""
        undone = self._past(past.functions, past.declared, past.awaited)
        _restore(self.functions, past.functions)
        _restore(self._declared, past.declared)
        self._awaited.difference_update(name for name, there in past.awaited.items() if not there)
        self._awaited.update(name for name, there in past.awaited.items() if there)
        self.operators, self._latest = past.operators, None
        return undone

    def since(self, other: Definitions) -> Past:
        """What has changed since these were as `other`."""
        functions = {**other.functions, **self.functions}
        changed = [name for name in functions if self.functions.get(name) is not other.functions.get(name)]
        return other._past(changed, {*self._declared, *other._declared}, self._awaited | other._awaited)

    def _past(self, functions: Iterable[str], declared: Iterable[str], awaited: Iterable[str]) -> Past:
        """What is there now under these names."""
        return Past(
            {name: self.functions.get(name) for name in functions},
            {name: self._declared.get(name) for name in declared},
            {name: name in self._awaited for name in awaited},
            self.operators,
        )

    def assume(self, item: Item, source: Source) -> None:
        """Take it that a definition with an error had none, so that its uses are not errors too."""
        if not isinstance(item, Definition | External):
            return
        prototype = item.prototype
        declared, before = Declared.by(prototype, source), self._declared.get(prototype.name)
        if isinstance(item, External) or (before is not None and before.arity != declared.arity):
            # It may be just this that is wrong.
            declared = Declared(None)
        self._declared[prototype.name] = declared
        self._latest = source, item

    # One item

    def _without_builtin(self, prototype: Prototype, source: Source, forward: Forward) -> Changes:
        """The functions that have a built-in operator inline, lowered again to call the user's."""
        changed = {}
        for name, known in self.functions.items():
            if known.lowered is not None and prototype.name in known.lowered.operators and name != prototype.name:
                assert isinstance(known.item, Definition)
                # What it calls may not be defined: it was further down in its own text, and an error came first.
                calls = {callee: Declared(site.arguments) for callee, site in known.calls.items()}
                own = {prototype.name: Declared.by(prototype, source)}
                names = ChainMap(own, self._declared, calls, forward)
                lowered = lower_definition(known.item, Environment(Problems(known.source), names))
                changed[name] = Known(known.prototype, known.source, known.item, lowered.unit, lowered)
        return changed

    def _declaration(self, item: External, source: Source, forward: Forward) -> Changes:
        """An extern is a C function, unless a def has the name (then it only declares what is there)."""
        prototype, environment = item.prototype, self._environment(source, forward)
        name, known = prototype.name, self.functions.get(item.prototype.name)
        there = forward.get(name) if known is None else self._declared[name]
        if there is not None and (known is None or known.lowered is not None):
            if there.arity is not None and there.arity != prototype.arity:
                title = f"`{name}` is defined with {counted(there.arity, 'parameter')}, not {prototype.arity}"
                environment.fail(title, prototype.span, "", "", *there.places)
            return {}
        # What is known and not defined is an extern of the prelude, which may be declared again as it is.
        if not self.externs and (known is None or known.prototype.arity != prototype.arity):
            environment.fail("`extern` is switched off (--no-extern)", prototype.span)
        expected = KNOWN_ARITIES.get(name, prototype.arity)
        if expected != prototype.arity:
            title = f"C's `{name}` takes {counted(expected, 'parameter')}, not {prototype.arity}"
            environment.fail(title, prototype.span)
        self._check_arity(prototype, environment)
        environment.refuse()
        unit = lower_external(name, prototype.arity, llvm.address_of_symbol) if prototype.operator is None else None
        if unit is None:
            hint = "`--load` a library that has it, or `def` it further down"
            environment.fail(f"no function `{name}` in this process", prototype.span, "not found", hint)
        return {name: Known(prototype, source, item, unit, None)}

    # Names

    def _environment(self, source: Source, forward: Forward, new: Prototype | None = None) -> Environment:
        own = {new.name: Declared.by(new, source)} if new is not None else {}
        return Environment(Problems(source, self.shown), ChainMap(own, self._declared, forward))

    def _check_arity(self, prototype: Prototype, environment: Environment) -> None:
        """Refuse more parameters than there can be, and what :meth:`_check_callers` refuses."""
        if prototype.arity > MAX_PARAMETERS:
            label = f"{prototype.arity:,}, and {MAX_PARAMETERS:,} is the most"
            environment.fail("too many parameters", prototype.span, label)
        self._check_callers(prototype, environment)

    def _check_callers(self, prototype: Prototype, environment: Environment) -> None:
        """Refuse to change how many parameters a function has while others call it with as many as it had."""
        name, arity = prototype.name, prototype.arity
        if name not in self._awaited and (name not in self._declared or self._declared[name].arity == arity):
            return
        calls = {
            other: (known.source, known.calls[name]) for other, known in self.functions.items() if name in known.calls
        }
        callers = {other: call for other, call in calls.items() if other != name and call[1].arguments != arity}
        if callers:
            _, site = next(iter(callers.values()))
            title = f"`{name}` cannot take {counted(arity, 'parameter')} now: it is called with {site.arguments}"
            names = ", ".join(f"`{caller}`" for caller in callers)
            places = [Label(source, site.span, f"in `{caller}`") for caller, (source, site) in callers.items()]
            hint = "redefine the callers first"
            environment.report(title, prototype.span, f"by {names}", hint, *places[:_CALLERS_SHOWN])


def _restore(table: dict[str, T], past: Mapping[str, T | None]) -> None:
    for name, value in past.items():
        if value is None:
            table.pop(name, None)
        else:
            table[name] = value


def mentioned(names: Iterable[str], text: str) -> list[str]:
    """Those of `names` that stand in a program text, whatever they mean there."""
    return [name for name in names if re.search(rf"\b{re.escape(name)}\b", text)]


def declared_later(items: Iterable[Item], source: Source, functions: Mapping[str, Known]) -> Forward:
    """What a text defines and nobody knows yet: it may be called before its definition has been reached."""
    later: dict[str, Declared] = {}
    for item in items:
        if not isinstance(item, Definition):
            continue
        name = item.prototype.name
        if name not in functions and name not in BUILTIN_OPERATORS:
            later.setdefault(name, Declared.by(item.prototype, source))
    return later


def errors_from(
    fault: SemanticError, items: Iterable[Item], source: Source, definitions: Definitions, forward: Forward
) -> list[Diagnostic]:
    """What is wrong with `items`, the rest of a text, the first of which has failed with `fault`: none of them runs."""
    failed, *rest = items
    errors, definitions = list(fault.diagnostics), definitions.copy()
    definitions.assume(failed, source)
    for item in rest:
        if _beside(failed, item, source):
            continue
        definitions.shown = MOST_SHOWN - len(errors)
        try:
            _take(definitions, item, source, forward)
        except SemanticError as another:
            told = set() if isinstance(item, Definition) else {error.title for error in errors}
            errors += [error for error in another.diagnostics if error.title not in told]
            definitions.assume(item, source)
            failed = item
    return errors


def check(items: Sequence[Item], source: Source, definitions: Definitions) -> None:
    """Take `items`, a whole text, one after the other, running nothing. Raises SemanticError at the first error."""
    forward = declared_later(items, source, definitions.functions)
    for item in items:
        _take(definitions, item, source, forward)


def _beside(failed: Item, item: Item, source: Source) -> bool:
    """Whether an expression stands beside an error: it is mostly a part of that, read as something by itself."""
    between = source.text[failed.span.end : item.span.start]
    return not isinstance(item, Definition | External) and re.search(r"[;\r\n]", between) is None


def _take(definitions: Definitions, item: Item, source: Source, forward: Forward) -> None:
    if isinstance(item, Definition | External):
        definitions.commit(item, source, definitions.changes(item, source, forward))
    else:
        definitions.expression(item, source, forward)
