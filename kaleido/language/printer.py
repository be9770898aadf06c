"""The abstract syntax tree as text, one node a line, indented."""

from __future__ import annotations

from collections.abc import Iterator

from kaleido.language.nodes import (
    Assign,
    Binary,
    Call,
    Definition,
    Expression,
    External,
    For,
    If,
    Item,
    Number,
    Prototype,
    Unary,
    Var,
    Variable,
)

__all__ = ["outline"]

# From this depth on a line begins with its depth as a number: indentation would be most of a deep tree's outline.
_DEEPEST = 50


def outline(item: Item) -> str:
    """An item's tree as indented lines."""
    lines = []
    # A stack of our own, children last to first: trees may be deeper than Python's.
    waiting: list[tuple[int, str, Expression | None]] = [(0, "", None)]
    match item:
        case Definition(prototype, body):
            waiting = [(0, f"Definition {_prototype(prototype)}", None), (1, "", body)]
        case External(prototype):
            waiting = [(0, f"External {_prototype(prototype)}", None)]
        case _:
            waiting = [(0, "", item)]
    waiting.reverse()
    while waiting:
        depth, text, node = waiting.pop()
        if node is None:
            lines.append(_indentation(depth) + text)
            continue
        lines.append(_indentation(depth) + text + _describe(node))
        waiting += reversed([(depth + 1, label, child) for label, child in _children(node)])
    return "\n".join(lines) + "\n"


def _indentation(depth: int) -> str:
    return "  " * depth if depth < _DEEPEST else f"{'  ' * _DEEPEST}{depth}: "


def _prototype(prototype: Prototype) -> str:
    operator = prototype.operator
    precedence = f" precedence {operator.precedence}" if operator is not None and operator.precedence else ""
    return f"{prototype.name}({' '.join(parameter.name for parameter in prototype.parameters)}){precedence}"


def _describe(node: Expression) -> str:
    match node:
        case Number(value):
            return f"Number {value!r}"
        case Variable(name):
            return f"Variable {name}"
        case Assign(variable):
            return f"Assign {variable.name}"
        case Unary(operator) | Binary(operator):
            return f"{type(node).__name__} {operator}"
        case Call(callee):
            return f"Call {callee}"
        case For(variable):
            return f"For {variable.name}"
        case If() | Var():
            return type(node).__name__


def _children(node: Expression) -> Iterator[tuple[str, Expression]]:
    match node:
        case Assign(_, value):
            yield "", value
        case Unary(_, operand):
            yield "", operand
        case Binary(_, left, right):
            yield "", left
            yield "", right
        case Call(_, arguments):
            yield from (("", argument) for argument in arguments)
        case If(condition, then, otherwise):
            yield from (("if ", condition), ("then ", then), ("else ", otherwise))
        case For(_, start, condition, step, body):
            yield from (("from ", start), ("while ", condition))
            if step is not None:
                yield "step ", step
            yield "in ", body
        case Var(bindings, body):
            for binding in bindings:
                yield f"{binding.variable.name} = ", binding.value or Number(0.0, binding.variable.span)
            yield "in ", body
        case Number() | Variable():
            return
