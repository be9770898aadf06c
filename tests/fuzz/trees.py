"""What trees say, without where they were read: so that a text can be compared with another one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from kaleido.diagnostics import Source, Span
from kaleido.language.nodes import Item, Node
from kaleido.language.operators import OperatorTable
from kaleido.language.parser import parse
from kaleido.language.printer import program

__all__ = ["check_printer", "flat", "replaced"]

N = TypeVar("N", bound=Node)

Parse = Callable[[Source, OperatorTable], list[Item]]


def flat(items: Iterable[Item]) -> list[Any]:
    """Everything in the trees but the spans, in one list: comparing deep trees themselves would recurse."""
    return list(_parts(list(items)))


def _parts(root: list[Item]) -> Iterator[Any]:
    waiting: list[Any] = [root]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Span):
            continue
        if isinstance(part, Node):
            yield type(part)
            waiting += [getattr(part, name) for name in reversed(part.__match_args__)]
        elif isinstance(part, list | tuple):
            yield len(part)
            waiting += reversed(part)
        else:
            yield part


def replaced(node: N, **changes: Any) -> N:
    """A node with other children."""
    return type(node)(**{name: getattr(node, name) for name in node.__match_args__} | changes)


def check_printer(items: list[Item], operators: OperatorTable, parse: Parse = parse) -> str:
    """The items as text; an AssertionError unless `parse` returns the same items for it."""
    text = program(items, operators)
    assert flat(parse(Source("<program>", text), operators)) == flat(items), f"printed as {text!r}"
    return text
