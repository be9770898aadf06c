"""The semantic actions of the grammar: each rule's method builds a node. The parser calls them bottom-up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from kaleido.diagnostics import Problems, Span, counted
from kaleido.language.hints import FORMS, number_hint
from kaleido.language.lexer import Token
from kaleido.language.nodes import (
    Assign,
    Binary,
    Binding,
    Call,
    Definition,
    Expression,
    External,
    For,
    If,
    Item,
    Number,
    Operator,
    Prototype,
    Unary,
    Var,
    Variable,
)
from kaleido.language.operators import ASSIGNMENT, binds_before

# Possessive quantifiers, because a number may have a million digits: a mismatch must not backtrack.
NUMBER = re.compile(r"(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
_PRECEDENCE = re.compile(r"[0-9]{1,3}")
DEFAULT_PRECEDENCE = 30


class Builder:
    """One method per grammar rule, with the rule's name. A node is built from the rule's children only.

    Errors that the grammar accepts are reported to `problems`, and a node is built all the same, so that parsing can
    continue.
    """

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def program(self, items: list[Item]) -> list[Item]:
        return items

    def definition(self, children: list[Any]) -> Definition:
        keyword, prototype, body = children
        return Definition(prototype, body, span_of(keyword).to(_extent(body)))

    def external(self, children: list[Any]) -> External:
        keyword, prototype = children
        return External(prototype, span_of(keyword).to(prototype.span))

    def prototype(self, children: list[Any]) -> Prototype:
        head, _, *tokens, closing = children
        parameters = tuple(Variable(str(token), span_of(token)) for token in tokens)
        self._refuse_duplicates(parameters, "parameter")
        if isinstance(head, Token):
            return Prototype(str(head), parameters, None, span_of(head).to(span_of(closing)))
        wanted = 1 if head.precedence is None else 2
        if len(parameters) != wanted:
            kind = "a unary" if wanted == 1 else "a binary"
            title = f"{kind} operator takes {counted(wanted, 'parameter')}, not {len(parameters)}"
            self._problems.report(
                title,
                head.span.to(span_of(closing)),
                hint=FORMS["PREFIX" if wanted == 1 else "INFIX"].replace("@", head.name),
            )
        return Prototype(head.callee, parameters, head, head.span.to(span_of(closing)))

    def operator(self, children: list[Any]) -> Operator:
        keyword, name, *precedence = children
        span = span_of(keyword).to(span_of(name))
        if not precedence:
            return Operator(str(name), None, span)
        return Operator(str(name), self._precedence(precedence[0]), span)

    def expression(self, children: list[Any]) -> Expression:
        """A tree from operands and INFIX tokens in turn, by Dijkstra's shunting-yard algorithm (1961)."""
        operands: list[Expression] = [children[0]]
        if len(children) == 1:
            return operands[0]
        pending: list[Token] = []
        for operator, operand in zip(children[1::2], children[2::2], strict=True):
            while pending and _binds_before(pending[-1], operator):
                self._combine(pending.pop(), operands)
            pending.append(operator)
            operands.append(operand)
        while pending:
            self._combine(pending.pop(), operands)
        return operands[0]

    def prefixed(self, children: list[Any]) -> Unary:
        operator, operand = children
        return Unary(str(operator), operand, span_of(operator).to(_extent(operand)), span_of(operator))

    def parenthesized(self, children: list[Any]) -> Expression:
        opening, expression, closing = children
        found: Expression = expression.in_parentheses(span_of(opening).to(span_of(closing)))
        return found

    def variable(self, children: list[Token]) -> Variable:
        return Variable(str(children[0]), span_of(children[0]))

    def call(self, children: list[Any]) -> Call:
        name, _, *arguments, closing = children
        present = tuple(argument for argument in arguments if argument is not None)
        return Call(str(name), present, span_of(name).to(span_of(closing)), span_of(name))

    def number(self, children: list[Token]) -> Number:
        (token,) = children
        if not NUMBER.fullmatch(token):
            self._problems.report(f"malformed number `{token}`", span_of(token), hint=number_hint(token))
            return Number(0.0, span_of(token))
        return Number(float(token), span_of(token))

    def conditional(self, children: list[Any]) -> If:
        keyword, condition, then, otherwise = children
        return If(condition, then, otherwise, span_of(keyword).to(_extent(otherwise)))

    def loop(self, children: list[Any]) -> For:
        keyword, name, start, condition, step, body = children
        variable = Variable(str(name), span_of(name))
        return For(variable, start, condition, step, body, span_of(keyword).to(_extent(body)))

    def block(self, children: list[Any]) -> Var:
        keyword, *bindings, body = children
        self._refuse_duplicates([binding.variable for binding in bindings], "variable")
        return Var(tuple(bindings), body, span_of(keyword).to(_extent(body)))

    def binding(self, children: list[Any]) -> Binding:
        name, value = children
        return Binding(Variable(str(name), span_of(name)), value)

    def _refuse_duplicates(self, variables: Iterable[Variable], what: str) -> None:
        seen: dict[str, Variable] = {}
        for variable in variables:
            first = seen.setdefault(variable.name, variable)
            if first is not variable:
                other = self._problems.label(first.span, "the first one")
                self._problems.report(f"duplicate {what} `{variable.name}`", variable.span, "", "", other)

    def _precedence(self, token: Token | None) -> int:
        if token is None:
            return DEFAULT_PRECEDENCE
        if not _PRECEDENCE.fullmatch(token) or not 1 <= int(token) <= 100:
            title = f"a precedence is a whole number from 1 to 100, not `{token}`"
            self._problems.report(title, span_of(token), hint="1 binds loosest; without a number it is 30")
            return DEFAULT_PRECEDENCE
        return int(token)

    def _combine(self, operator: Token, operands: list[Expression]) -> None:
        right, left = operands.pop(), operands.pop()
        span = _extent(left).to(_extent(right))
        if str(operator) != ASSIGNMENT:
            operands.append(Binary(str(operator), left, right, span, span_of(operator)))
        elif isinstance(left, Variable):
            operands.append(Assign(left, right, span))
        else:
            self._problems.report("only a variable can be assigned to", left.span, "not a variable", "`==` compares")
            operands.append(left)


def _extent(node: Expression) -> Span:
    """The span of an expression, including the parentheses around it."""
    return node.parentheses or node.span


def span_of(token: Token) -> Span:
    """The span of a token."""
    return Span(token.start, token.end)


def _binds_before(left: Token, right: Token) -> bool:
    assert left.precedence is not None and right.precedence is not None
    return binds_before(left.precedence, right.precedence, str(right))
