"""Errors for unknown and misused names, with hints."""

from __future__ import annotations

from collections.abc import Set

from kaleido.codegen.scope import LAST_VALUE, Declaration, Scope
from kaleido.diagnostics import Problems, Source, counted, suggestion
from kaleido.language.hints import keyword_hint, word_hint
from kaleido.language.nodes import Call, Definition, Variable

__all__ = ["check_arguments", "unknown_function", "unknown_variable"]


def unknown_variable(
    variable: Variable, scope: Scope, visible: Set[str], problems: Problems, *, assigned: bool
) -> None:
    """Report a variable that is not among the `visible` ones. `assigned` is true for the target of an assignment."""
    name, function = variable.name, scope.functions.get(variable.name)
    title, hint = f"unknown variable `{name}`", ""
    is_hidden = name in scope.variables and not scope.is_top_level and name != LAST_VALUE
    if is_hidden:
        title = f"`{name}` is a top-level variable: functions do not see it"
        hint = f"pass it as a parameter; or define a function, as in `def {name}() …`, and call `{name}()`"
    if function is not None:
        hint = f"`{name}` is a function: call it, as in `{name}(…)`"
    elif not is_hidden and problems.next_is_shown:
        hint = _hint(variable, scope, visible, problems.source)
    if assigned and not hint:
        hint = f"`var {name} = … in …` declares a variable"
        hint += f"; so does `{name} = …` by itself" if scope.is_top_level and name != LAST_VALUE else ""
    places = function.places if function is not None else []
    problems.report(title, variable.span, "not defined here", hint, *places)


def _hint(variable: Variable, scope: Scope, visible: Set[str], source: Source) -> str:
    name = variable.name
    candidates = visible | {*scope.variables} if scope.is_top_level else visible
    ended = _ended_hint(variable, scope.preceding, source)
    return word_hint(name) or ended or suggestion(name, candidates) or keyword_hint(name)


def unknown_function(call: Call, scope: Scope, visible: Set[str], problems: Problems) -> None:
    """Report a call of a function that is not in `scope`. `visible` are the variables at that place."""
    name, hint = call.callee, ""
    if name in visible or (scope.is_top_level and name in scope.variables):
        hint = f"`{name}` is a variable: `{name} * (…)` multiplies, and `;` before `(` begins another expression"
    elif problems.next_is_shown:
        functions = (function for function in scope.functions if function.isidentifier())
        hint = word_hint(name) or suggestion(name, functions) or keyword_hint(name)
    problems.report(f"unknown function `{name}`", call.callee_span, "not defined", hint)


def check_arguments(call: Call, declaration: Declaration, problems: Problems) -> None:
    """Report a call whose number of arguments is not the function's number of parameters."""
    if declaration.arity is not None and declaration.arity != len(call.arguments):
        title = f"`{call.callee}` takes {counted(declaration.arity, 'argument')}, not {len(call.arguments)}"
        problems.report(title, call.span, "", "", *declaration.places)


def _ended_hint(variable: Variable, preceding: Definition | None, source: Source) -> str:
    """The hint that the variable is a parameter of the preceding definition, whose body has ended before it."""
    name = variable.name
    if preceding is None or all(name != parameter.name for parameter in preceding.prototype.parameters):
        return ""
    number, _ = source.position(variable.span.start)
    continues = source.line(number)[:1].isspace() or number == source.position(preceding.span.end)[0]
    ended = f"the body of `{preceding.prototype.name}` ends before this: it is one expression, such as `a : b`"
    return ended if continues else ""
