"""Where lines may break: a syntax tree and its words as a stream, in the order of the text.

A stream consists of words, blanks, and places where a line may break, which are in groups. A group breaks at all its
places or at none of them. This is the input of Oppen's pretty printer (1980), with consistent breaks only.

Nothing recurses on Python's stack: a tree may be deeper.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from kaleido.formatting.words import Word
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
    Unary,
    Var,
    Variable,
    Walk,
    walk,
)
from kaleido.language.operators import OperatorTable

if TYPE_CHECKING:
    from kaleido.diagnostics import Span

__all__ = ["Break", "Close", "Element", "Open", "Space", "stream"]


class Open(NamedTuple):
    """The beginning of a group. Its lines begin where the group does, or `indented` relative to the group around it."""

    indented: bool = False


class Close(NamedTuple):
    """The end of the innermost group."""


class Space(NamedTuple):
    """A blank, unless the line ends here."""


class Break(NamedTuple):
    """A place of the innermost group where a line may break.

    `flat`      what is there if it does not
    `written`   whether the text has a line break there
    `outdented` whether the next line begins where those of the group around it do
    `ending`    the end of the line if it breaks
    """

    flat: str = " "
    written: bool = False
    outdented: bool = False
    ending: str = ""


Element: TypeAlias = "Word | Open | Close | Space | Break"


def stream(items: Iterable[Item], words: Iterable[Word], operators: OperatorTable) -> list[list[Element]]:
    """The streams of the lines at top level: each has the items that the text has on one line, in a group.

    `words` are the words of the text, with its end, which becomes a stream of its own. `operators` is the table in
    force at the beginning of the text.
    """
    writer = _Writer(words, operators)
    lines: list[list[Element]] = []
    for item in items:
        if lines and not writer.next.on_new_line:
            writer.elements.pop()
            writer.line_break("; ", ending=writer.needed_semicolon())
        else:
            if lines and (semicolon := writer.needed_semicolon()):
                lines[-1].append(Break(flat=semicolon))
            writer.elements = []
            lines.append(writer.elements)
            writer.open()
        writer.item(item)
        writer.close()
    writer.elements = []
    writer.put()
    return [*lines, writer.elements]


class _Writer:
    """Writes elements. Each method that is named after a node takes its words from the text."""

    def __init__(self, words: Iterable[Word], operators: OperatorTable) -> None:
        # In reverse order.
        self._words = [*words][::-1]
        self._operators = operators
        self.elements: list[Element] = []

    @property
    def next(self) -> Word:
        return self._words[-1]

    def needed_semicolon(self) -> str:
        """The semicolon before the next word, if the item would otherwise continue there."""
        word = self.next
        return ";" if word.after_semicolon and (word.text == "(" or word.is_operator) else ""

    # Elements

    def open(self, *, indented: bool = False) -> None:
        self.elements.append(Open(indented))

    def close(self) -> None:
        self.elements.append(Close())

    def space(self) -> None:
        self.elements.append(Space())

    def line_break(
        self, flat: str = " ", *, after: Word | None = None, outdented: bool = False, ending: str = ""
    ) -> None:
        """A place for a line break; one before the word `after` counts as one here."""
        written = self.next.on_new_line or (after is not None and after.on_new_line)
        self.elements.append(Break(flat, written, outdented, ending))

    def put(self, text: str | None = None) -> Word:
        """The next word; its first characters, if it is a run of several operators of which `text` is the first."""
        word = self._words.pop()
        if text is not None and word.text != text:
            word, rest = word.split(len(text))
            self._words.append(rest)
        self.elements.append(word)
        return word

    # Items

    def item(self, item: Item) -> None:
        match item:
            case Definition(prototype, body):
                self._head(prototype.span)
                self._operators = self._operators.with_declared(prototype)
                self.open(indented=True)
                self.line_break()
                walk(self.expression, body)
                self.close()
            case External(prototype):
                self._head(prototype.span)
                self._operators = self._operators.with_declared(prototype)
            case _:
                walk(self.expression, item)

    def _head(self, span: Span) -> None:
        """A keyword and a prototype."""
        before = self.put()
        while self.next.text and self.next.start < span.end:
            is_call = self.next.text == "(" and before.text.isidentifier()
            if not (is_call or before.text == "(" or self.next.text == ")"):
                self.space()
            before = self.put()

    # Expressions

    def expression(self, node: Expression) -> Walk:
        if isinstance(node, For):
            # Its body is indented relative to the parenthesis.
            self.open()
        parentheses = 0
        while node.parentheses is not None and self.next.start < node.span.start:
            self.put("(")
            parentheses += 1
        yield self._bare(node)
        for _ in range(parentheses):
            self.put(")")
        if isinstance(node, For):
            self.close()

    def _bare(self, node: Expression) -> Walk:
        match node:
            case Number() | Variable():
                self.put()
            case Unary(operator, operand):
                self.put(operator)
                if operator.endswith(".") or (isinstance(operand, Unary) and operand.parentheses is None):
                    self.space()
                yield self.expression(operand)
            case Binary():
                yield self._chain(node)
            case Assign(variable, value):
                yield self.expression(variable)
                yield self._value(value)
            case Call(_, arguments):
                yield self._call(arguments)
            case If():
                yield self._conditional(node)
            case For():
                yield self._loop(node)
            case Var():
                yield self._block(node)

    def _chain(self, node: Binary) -> Walk:
        """Operands, with operators of one precedence between them."""
        precedence = self._operators.infix[node.operator]
        first: Expression = node
        rest: list[Binary] = []
        while isinstance(first, Binary) and (first is node or first.parentheses is None):
            if self._operators.infix[first.operator] != precedence:
                break
            rest.append(first)
            first = first.left
        self.open()
        yield self.expression(first)
        for each in reversed(rest):
            self.space()
            self.line_break(after=self.put(each.operator))
            yield self.expression(each.right)
        self.close()

    def _value(self, value: Expression) -> Walk:
        """The `=` and what is behind it."""
        self.space()
        equals = self.put("=")
        if value.parentheses is None and isinstance(value, Binary | If | For | Var):
            yield self._indented(value, after=equals)
        else:
            self.space()
            yield self.expression(value)

    def _indented(self, node: Expression, after: Word | None = None) -> Walk:
        self.open(indented=True)
        self.line_break(after=after)
        yield self.expression(node)
        self.close()

    def _call(self, arguments: Sequence[Expression]) -> Walk:
        self.put()
        self.put("(")
        if arguments:
            self.open(indented=True)
            for index, argument in enumerate(arguments):
                self.line_break(" " if index else "", after=self.put(",") if index else None)
                yield self.expression(argument)
            self.line_break("", outdented=True)
            self.close()
        self.put(")")

    def _conditional(self, node: If) -> Walk:
        """An `if`. One behind `else` is a further case of it."""
        self.open()
        while True:
            self.put("if")
            self.space()
            yield self.expression(node.condition)
            self.space()
            self.put("then")
            yield self._indented(node.then)
            self.line_break()
            self.put("else")
            if not isinstance(node.otherwise, If) or node.otherwise.parentheses is not None:
                break
            node = node.otherwise
            self.space()
        yield self._indented(node.otherwise)
        self.close()

    def _loop(self, node: For) -> Walk:
        self.put("for")
        self.space()
        self.open(indented=True)
        self.put()
        yield self._value(node.start)
        for part in (node.condition, node.step):
            if part is not None:
                self.line_break(after=self.put(","))
                yield self.expression(part)
        self.close()
        self.space()
        yield self._indented(node.body, after=self.put("in"))

    def _block(self, node: Var) -> Walk:
        self.open()
        self.put("var")
        self.space()
        self.open(indented=True)
        for index, binding in enumerate(node.bindings):
            if index:
                self.line_break(after=self.put(","))
            self.put()
            if binding.value is not None:
                yield self._value(binding.value)
        self.close()
        self.space()
        self.line_break(after=self.put("in"))
        yield self.expression(node.body)
        self.close()
