"""A function as a program: its definition, and those of everything that it calls, the prelude's included.

The program does not depend on where its texts were, nor on the operators that the session has besides: it is printed
from the syntax trees. So equal functions have equal programs.
"""

from __future__ import annotations

from collections import deque

from kaleido.diagnostics import Span
from kaleido.language.nodes import Definition, Number
from kaleido.language.operators import BUILTINS
from kaleido.language.printer import source
from kaleido.session.defined_function import DefinedFunction
from kaleido.session.function_table import FunctionTable

__all__ = ["program_of"]


def program_of(name: str, table: FunctionTable, documentation: str | None) -> str:
    """The program for a function of a session, whose comment is `documentation`. It assumes no prelude.

    Raises TypeError where it can reach a Python function, or one that is not defined; KeyError where it is not defined.
    """
    reached = _reached(name, table)
    items = [each.item for _, each in sorted(reached.items())]
    # An operator must be known above its uses, and several may use each other.
    operators = [item for item in items if isinstance(item, Definition) and item.prototype.operator is not None]
    known = BUILTINS
    lines = []
    for each in operators:
        assert each.prototype.operator is not None
        known = known.with_operator(each.prototype.operator)
        lines.append(source(Definition(each.prototype, Number(0.0, Span(0, 0)), each.span), known))
    for item in items:
        if item.prototype.name == name and documentation is not None and isinstance(item, Definition):
            lines.append("")
            lines += [f"# {line}".rstrip() for line in documentation.split("\n")]
        lines.append(source(item, known))
    return "".join(f"{line}\n" for line in lines)


def _reached(name: str, table: FunctionTable) -> dict[str, DefinedFunction]:
    """A function and all that it calls, directly or not, by name."""
    reached = {name: table.functions[name]}
    waiting = deque(reached)
    while waiting:
        caller = waiting.popleft()
        if reached[caller].python is not None:
            raise TypeError(f"{name} cannot be pickled: it calls {caller}, a Python function of this process")
        for callee in reached[caller].calls:
            if callee not in table.functions:
                raise TypeError(f"{name} cannot be pickled: it calls {callee}, which is not defined")
            if callee not in reached:
                reached[callee] = table.functions[callee]
                waiting.append(callee)
    return reached
