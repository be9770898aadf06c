"""The abstract syntax tree as text: as an outline with one node per line, and as a program again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

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
    Walk,
    walk,
)
from kaleido.language.operators import ASSIGNMENT, BUILTINS, OperatorTable, binds_before

__all__ = ["constant", "outline", "program", "source"]

# From this depth on, a line begins with its depth as a number: otherwise the outline of a deep tree is mostly blanks.
_DEEPEST = 50


def outline(item: Item) -> str:
    """An item's tree as indented lines."""
    lines = []
    # An explicit stack, children last to first: a tree may be deeper than Python's stack.
    stack: list[tuple[int, str, Expression | None]] = [(0, "", None)]
    match item:
        case Definition(prototype, body):
            stack = [(0, f"Definition {_prototype(prototype)}", None), (1, "", body)]
        case External(prototype):
            stack = [(0, f"External {_prototype(prototype)}", None)]
        case _:
            stack = [(0, "", item)]
    stack.reverse()
    while stack:
        depth, text, node = stack.pop()
        if node is None:
            lines.append(_indentation(depth) + text)
            continue
        lines.append(_indentation(depth) + text + _describe(node))
        stack += reversed([(depth + 1, label, child) for label, child in _children(node)])
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


def program(items: Iterable[Item], operators: OperatorTable = BUILTINS) -> str:
    """Items as a text, one per line, from which :func:`parse` returns the same items.

    `operators` is the table in force at its beginning; as in parsing, the operators that the items declare are added.
    Raises KeyError if an operator is used that is not in the table.
    """
    lines = []
    for item in items:
        operators = _table_for(item, operators)
        lines.append(source(item, operators) + ";\n")
    return "".join(lines)


def source(item: Item, operators: OperatorTable = BUILTINS) -> str:
    """One item as program text on one line, with parentheses only where the precedences in `operators` require them.

    Numbers are exact. The item must be one that the parser can return: no number is negative or NaN. Raises KeyError if
    an operator is used that is not in `operators`.
    """
    writer = _Writer(_table_for(item, operators))
    match item:
        case Definition(prototype, body):
            writer.put("def ", _declaration(prototype), " ")
            walk(writer.expression, body)
        case External(prototype):
            writer.put("extern ", _declaration(prototype))
        case _:
            walk(writer.expression, item)
    return "".join(writer.pieces)


def _table_for(item: Item, operators: OperatorTable) -> OperatorTable:
    """The table for the body of an item: it includes the operator that the item declares."""
    return operators.with_declared(item.prototype) if isinstance(item, Definition | External) else operators


def _declaration(prototype: Prototype) -> str:
    parameters = f"({' '.join(parameter.name for parameter in prototype.parameters)})"
    operator = prototype.operator
    if operator is None:
        return prototype.name + parameters
    if operator.precedence is None:
        return f"unary {operator.name} {parameters}"
    return f"binary {operator.name} {operator.precedence} {parameters}"


class _Writer:
    """Writes expressions. With `last`, no operator follows that would become part of a final `if`, `for` or `var`."""

    def __init__(self, operators: OperatorTable) -> None:
        self._operators = operators
        self.pieces: list[str] = []

    def put(self, *pieces: str) -> None:
        self.pieces += pieces

    def expression(self, node: Expression, last: bool = True) -> Walk:
        match node:
            case Number(value):
                self.put(_number(value))
            case Variable(name):
                self.put(name)
            case Unary(operator, operand):
                # With a blank: adjacent operators would be lexed as one run, and `.` with a digit as a number.
                self.put(operator, " " if isinstance(operand, Unary) or operator.endswith(".") else "")
                yield self._operand(operand, last, isinstance(operand, Binary | Assign))
            case Binary(operator, left, right):
                yield self._infix(operator, left, right, last)
            case Assign(variable, value):
                yield self._infix(ASSIGNMENT, variable, value, last)
            case Call(callee, arguments):
                self.put(callee, "(")
                yield self._separated(arguments)
                self.put(")")
            case If(condition, then, otherwise):
                yield self._phrases(("if ", condition), (" then ", then), (" else ", otherwise))
            case For(variable, start, condition, step, body):
                phrases = [(f"for {variable.name} = ", start), (", ", condition), (" in ", body)]
                if step is not None:
                    phrases.insert(2, (", ", step))
                yield self._phrases(*phrases)
            case Var():
                yield self._block(node)

    def _infix(self, operator: str, left: Expression, right: Expression, last: bool) -> Walk:
        inside = _infix_operator(left)
        yield self._operand(left, False, inside is not None and not self._binds_before(inside, operator))
        self.put(" ", operator, " ")
        inside = _infix_operator(right)
        yield self._operand(right, last, inside is not None and self._binds_before(operator, inside))

    def _operand(self, node: Expression, last: bool, parentheses: bool) -> Walk:
        if parentheses or (not last and isinstance(node, If | For | Var)):
            self.put("(")
            yield self.expression(node)
            self.put(")")
        else:
            yield self.expression(node, last)

    def _binds_before(self, left: str, right: str) -> bool:
        """Whether `left`, which is before `right`, binds the operand between them."""
        return binds_before(self._operators.infix[left], self._operators.infix[right], right)

    def _phrases(self, *phrases: tuple[str, Expression]) -> Walk:
        for words, node in phrases:
            self.put(words)
            yield self.expression(node)

    def _separated(self, nodes: Iterable[Expression]) -> Walk:
        for index, node in enumerate(nodes):
            yield self._phrases((", " if index else "", node))

    def _block(self, node: Var) -> Walk:
        for index, binding in enumerate(node.bindings):
            self.put(", " if index else "var ", binding.variable.name)
            if binding.value is not None:
                yield self._phrases((" = ", binding.value))
        yield self._phrases((" in ", node.body))


def _infix_operator(node: Expression) -> str | None:
    match node:
        case Binary(operator):
            return operator
        case Assign():
            return ASSIGNMENT
        case _:
            return None


def constant(value: float) -> str:
    """A program text whose value is `value`, which may be any double. It assumes the built-in `-` and `/`."""
    if value != value:
        return "0 / 0"
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    return sign + _number(abs(value))


def _number(value: float) -> str:
    """The shortest digits that parse to `value`. Infinity is a number that is too large for a double."""
    return "1e999" if value == float("inf") else repr(value).removesuffix(".0")
