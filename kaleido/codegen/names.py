"""What to say of a name that is not there, or that is used as what it is not."""

from __future__ import annotations

from collections.abc import Set

from kaleido.codegen.environment import Declared, Environment
from kaleido.diagnostics import counted, suggestion
from kaleido.language.advice import keyword_hint, word_hint
from kaleido.language.nodes import Call, Variable

__all__ = ["check_arguments", "unknown_function", "unknown_variable"]


def unknown_variable(environment: Environment, variable: Variable, visible: Set[str], *, assigned: bool) -> None:
    """Report a variable that is not among the `visible` ones; `assigned` says that it is to be set."""
    name, function = variable.name, environment.functions.get(variable.name)
    if function is not None:
        hint = f"`{name}` is a function: call it, as in `{name}(…)`"
    else:
        hint = word_hint(name) or _ended_hint(environment, name) or suggestion(name, visible) or keyword_hint(name)
    if assigned and not hint:
        hint = f"`var {name} = … in …` makes a variable"
    places = function.places if function is not None else []
    environment.report(f"unknown variable `{name}`", variable.span, "not defined here", hint, *places)


def unknown_function(environment: Environment, call: Call, visible: Set[str]) -> None:
    """Report a call of a function that there is not; `visible` are the variables where it stands."""
    name = call.callee
    if name in visible:
        hint = f"`{name}` is a variable: `{name} * (…)` multiplies, and `;` before `(` begins another expression"
    else:
        functions = (function for function in environment.functions if function.isidentifier())
        hint = word_hint(name) or suggestion(name, functions) or keyword_hint(name)
    environment.report(f"unknown function `{name}`", call.callee_span, "not defined", hint)


def check_arguments(environment: Environment, call: Call, declared: Declared) -> None:
    """Report a call with another number of arguments than the function has parameters."""
    if declared.arity is not None and declared.arity != len(call.arguments):
        title = f"`{call.callee}` takes {counted(declared.arity, 'argument')}, not {len(call.arguments)}"
        environment.report(title, call.span, "", "", *declared.places)


def _ended_hint(environment: Environment, name: str) -> str:
    """That a variable was one of the definition before, which has ended."""
    before = environment.before
    if before is None or all(name != parameter.name for parameter in before.prototype.parameters):
        return ""
    function = before.prototype.name
    return f"the body of `{function}` ends before this: it is one expression, such as `a : b`"
