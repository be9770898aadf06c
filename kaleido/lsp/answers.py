"""What the server says about a document. Places are spans of its present text."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from kaleido.diagnostics import Span
from kaleido.language.highlighting import patterns
from kaleido.language.lexer import lex
from kaleido.language.nodes import Assign, Binary, Definition, Expression, External, For, If, Item, Node, Var
from kaleido.language.operators import ASSIGNMENT, BUILTIN_INFIX
from kaleido.lsp.open_document import Document, Program, prelude_program
from kaleido.lsp.program_symbols import Kind, Occurrence, Symbol
from kaleido.lsp.run_process import RunResult

__all__ = [
    "Hint",
    "Outline",
    "Proposal",
    "completion",
    "definition",
    "folds",
    "hints",
    "hover",
    "occurrences",
    "outline",
]


class Proposal(NamedTuple):
    """A completion: the text to insert, its kind (function, variable, keyword), and its signature or value."""

    text: str
    kind: str
    detail: str = ""
    comment: str = ""


class Hint(NamedTuple):
    """A text to show at an offset, with an explanation; `is_value`: it is the value of the expression before it."""

    offset: int
    text: str
    explanation: str
    is_value: bool = False


class Outline(NamedTuple):
    """A symbol at top level: its name, its kind, and the spans of its whole definition and of its name."""

    name: str
    kind: Kind
    span: Span
    name_span: Span
    detail: str


# Names


def occurrences(document: Document, offset: int) -> list[Occurrence]:
    """All places of the symbol at an offset, its definitions included."""
    found = document.occurrence(offset)
    if found is None:
        return []
    occurrence, program = found
    moved = ((each, document.now(each.span)) for each in program.symbols.of(occurrence.symbol))
    return [each._replace(span=span) for each, span in moved if span is not None]


def definition(document: Document, offset: int) -> Span | None:
    """The definition of the symbol at an offset: of several ones the last before it, or else the first."""
    spans = sorted(each.span for each in occurrences(document, offset) if each.is_definition)
    before = [span for span in spans if span.start <= offset]
    if before:
        return before[-1]
    return spans[0] if spans else None


def hover(document: Document, offset: int) -> tuple[str, Span] | None:
    """What is known of the symbol at an offset, as Markdown, and its place."""
    found = document.occurrence(offset)
    if found is None:
        return None
    occurrence, program = found
    span = document.now(occurrence.span)
    if span is None:
        return None
    symbol, run = occurrence.symbol, document.last_run
    lines = [f"```kaleido\n{_description(symbol, program)}\n```", *_facts(symbol, program)]
    if run is not None:
        earlier = "" if run.text == document.text else " (of an earlier text)"
        lines += [f"Last run{earlier}: {fact}" for fact in _of_run(symbol, run)]
    return "\n\n".join(lines), span


def _description(symbol: Symbol, program: Program) -> str:
    if symbol.kind in (Kind.FUNCTION, Kind.OPERATOR):
        return program.signature(symbol) or prelude_program().signature(symbol) or symbol.text
    return f"{symbol.name}  # {symbol.kind.value}"


def _facts(symbol: Symbol, program: Program) -> Iterator[str]:
    comment = program.comment(symbol) if symbol.definitions else prelude_program().comment(symbol)
    if comment:
        yield comment
    if symbol.kind in (Kind.FUNCTION, Kind.OPERATOR) and not symbol.definitions:
        yield "Built in." if prelude_program().definition(symbol) is None else "From the prelude."
    if symbol.name.startswith("binary") and symbol.kind is Kind.OPERATOR:
        yield f"Precedence {program.operators.infix[symbol.text]}."


def _of_run(symbol: Symbol, run: RunResult) -> Iterator[str]:
    if symbol.kind is Kind.TOP_LEVEL and symbol.name in run.variables:
        yield f"`{run.variables[symbol.name]}`"
    if symbol.kind in (Kind.FUNCTION, Kind.OPERATOR):
        for name, fact in run.tiers.items():
            if name == symbol.name:
                yield f"{fact}"
            elif name.startswith(f"{symbol.name}.for@"):
                yield f"its loop `{name}`: {fact}"


def completion(document: Document, offset: int) -> list[Proposal]:
    """The names that can be written at an offset, those of the document first; none in a comment."""
    text = document.text
    token = next((each for each in lex(text, comments=True) if each.start < offset <= each.end), None)
    if token is not None and (token.type == "COMMENT" or token.type == "NUMBER"):
        return []
    found: dict[str, Proposal] = {}
    program = document.program
    if program is not None:
        then = _near(document, offset)
        for name, symbol in program.symbols.visible(then).items():
            found[name] = Proposal(name, "variable", symbol.kind.value)
    for known in (program, prelude_program()):
        for name, symbol in known.symbols.functions.items() if known is not None else ():
            if known is not None and symbol.kind is Kind.FUNCTION and symbol.definitions:
                proposal = Proposal(name, "function", known.signature(symbol), known.comment(symbol))
                found.setdefault(name, proposal)
    for keyword in patterns().keywords:
        found.setdefault(keyword, Proposal(keyword, "keyword"))
    if token is not None and not document.is_current:
        # Names that are being written, in a text that cannot be parsed yet.
        for each in lex(text):
            if each.type == "NAME" and each.start != token.start:
                found.setdefault(str(each), Proposal(str(each), "variable"))
    return list(found.values())


def _near(document: Document, offset: int) -> int:
    """A place in the last tree for one in the present text: if it is new, where the edit begins."""
    while (then := document.then(offset)) is None:
        offset -= 1
    return then


# The whole text


def hints(document: Document, within: Span) -> Iterator[Hint]:
    """Parentheses where an operator that is not built in meets another precedence, precedences, values of a run."""
    program = document.program
    if program is None or not document.is_current:
        return
    for item in program.items:
        if item.span.end < within.start or item.span.start > within.end:
            continue
        if isinstance(item, Definition | External):
            operator = item.prototype.operator
            if operator is not None and operator.precedence is not None and item.prototype.span.end > operator.span.end:
                between = program.source.text[operator.span.end : item.prototype.span.end]
                if not any(character.isdigit() for character in between.partition("(")[0]):
                    yield Hint(
                        operator.span.end, f" {operator.precedence}", "the precedence of an operator without one"
                    )
        yield from _grouping(item)
    run = document.last_run
    if run is not None and run.text == document.text:
        for _, end, value in run.values:
            yield Hint(end, f" = {value}", "the value in the last run", is_value=True)


def _grouping(item: Item) -> Iterator[Hint]:
    for node in _nodes(item):
        if not isinstance(node, Binary | Assign):
            continue
        operator = node.operator if isinstance(node, Binary) else ASSIGNMENT
        operands = (node.left, node.right) if isinstance(node, Binary) else (node.value,)
        for operand in operands:
            inner = _infix(operand)
            if inner is None or operand.parentheses is not None or inner == operator:
                continue
            if operator in BUILTIN_INFIX and inner in BUILTIN_INFIX:
                continue
            explanation = f"`{inner}` binds before `{operator}`"
            yield Hint(operand.span.start, "(", explanation)
            yield Hint(operand.span.end, ")", explanation)


def _infix(node: Expression) -> str | None:
    return node.operator if isinstance(node, Binary) else ASSIGNMENT if isinstance(node, Assign) else None


def _nodes(item: Item) -> Iterator[Expression]:
    """All expressions in an item, not recursively: a tree may be deep."""
    waiting: list[Any] = [] if isinstance(item, External) else [item.body if isinstance(item, Definition) else item]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple):
            waiting += () if isinstance(part, Span) else part
        elif isinstance(part, Node):
            if isinstance(part, Expression):
                yield part
            waiting += [getattr(part, name) for name in part.__match_args__]


def outline(document: Document) -> Iterator[Outline]:
    """The definitions, externs and top-level variables of the last text without syntax errors, where they are now."""
    program = document.program
    if program is None:
        return
    # In the order of the text, as the items are.
    variables = deque(
        sorted(((each.definitions[0], each) for each in program.symbols.variables.values()), key=itemgetter(0))
    )
    for item in program.items:
        span = document.now(item.span)
        if span is None:
            continue
        if isinstance(item, Definition | External):
            symbol = program.symbols.functions[item.prototype.name]
            names = [each for each in symbol.definitions if item.span.start <= each.start < item.span.end]
            name = document.now(names[0])
            if name is not None:
                detail = program.source.text[item.span.start : item.prototype.span.end]
                yield Outline(symbol.name, symbol.kind, span, name, detail)
        else:
            while variables and variables[0][0].start < item.span.end:
                place, symbol = variables.popleft()
                if place.start >= item.span.start and (name := document.now(place)) is not None:
                    yield Outline(symbol.name, symbol.kind, span, name, "")


def folds(document: Document) -> Iterator[tuple[int, int, bool]]:
    """The first and last line (from 0) of what can be folded, and whether that is a comment."""
    line_of = document.positions.line
    program, found = document.program, set[tuple[int, int]]()
    for item in program.items if program is not None else ():
        parts = [item.span, *(each.span for each in _nodes(item) if isinstance(each, If | For | Var))]
        for span in filter(None, map(document.now, parts)):
            # An editor has one fold for each line: the outermost that begins there.
            found.add((line_of(span.start), line_of(span.end)))
    outermost: dict[int, int] = {}
    for first, last in found:
        outermost[first] = max(last, outermost.get(first, last))
    yield from ((first, last, False) for first, last in sorted(outermost.items()) if last > first)
    yield from _comment_blocks(document)


def _comment_blocks(document: Document) -> Iterator[tuple[int, int, bool]]:
    line_of, first, last = document.positions.line, -1, -2
    code = -1
    for token in [*lex(document.text, comments=True), None]:
        line = line_of(token.start) if token is not None else -1
        own = token is not None and token.type == "COMMENT" and line != code
        if own and line == last + 1:
            last = line
            continue
        if last > first:
            yield first, last, True
        first, last = (line, line) if own else (-1, -2)
        code = line if token is not None and token.type != "COMMENT" else code
