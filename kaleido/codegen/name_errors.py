"""What to say of a name that is not there, or that is used as what it is not."""

from __future__ import annotations

from collections.abc import Set

from kaleido.codegen.environment import Declared, Environment
from kaleido.diagnostics import counted, suggestion
from kaleido.language.hints import keyword_hint, word_hint
from kaleido.language.nodes import Call, Variable

__all__ = ["check_arguments", "unknown_function", "unknown_variable"]


def unknown_variable(environment: Environment, variable: Variable, visible: Set[str], *, assigned: bool) -> None:
    """Report a variable that is not among the `visible` ones; `assigned` says that it is to be set."""
    name, function = variable.name, environment.functions.get(variable.name)
    hint = ""
    if function is not None:
        hint = f"`{name}` is a function: call it, as in `{name}(…)`"
    elif environment.problems.next_is_shown:
        hint = word_hint(name) or _ended_hint(environment, variable) or suggestion(name, visible) or keyword_hint(name)
    if assigned and not hint:
        hint = f"`var {name} = … in …` makes a variable"
    places = function.places if function is not None else []
    environment.report(f"unknown variable `{name}`", variable.span, "not defined here", hint, *places)


def unknown_function(environment: Environment, call: Call, visible: Set[str]) -> None:
    """Report a call of a function that there is not; `visible` are the variables where it stands."""
    name, hint = call.callee, ""
    if name in visible:
        hint = f"`{name}` is a variable: `{name} * (…)` multiplies, and `;` before `(` begins another expression"
    elif environment.problems.next_is_shown:
        functions = (function for function in environment.functions if function.isidentifier())
        hint = word_hint(name) or suggestion(name, functions) or keyword_hint(name)
    environment.report(f"unknown function `{name}`", call.callee_span, "not defined", hint)


def check_arguments(environment: Environment, call: Call, declared: Declared) -> None:
    """Report a call with another number of arguments than the function has parameters."""
    if declared.arity is not None and declared.arity != len(call.arguments):
        title = f"`{call.callee}` takes {counted(declared.arity, 'argument')}, not {len(call.arguments)}"
        environment.report(title, call.span, "", "", *declared.places)


def _ended_hint(environment: Environment, variable: Variable) -> str:
    """That a variable was one of the definition before, which has ended where its body seems to go on."""
    before, name = environment.before, variable.name
    if before is None or all(name != parameter.name for parameter in before.prototype.parameters):
        return ""
    source = environment.source
    number, _ = source.position(variable.span.start)
    seems_to_go_on = source.line(number)[:1].isspace() or number == source.position(before.span.end)[0]
    ended = f"the body of `{before.prototype.name}` ends before this: it is one expression, such as `a : b`"
    return ended if seems_to_go_on else ""
