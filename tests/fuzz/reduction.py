"""Smaller programs that fail as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from kaleido.diagnostics import Span
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
    Unary,
    Var,
    Variable,
)
from tests.fuzz.trees import replaced
from tests.fuzz.vocabulary import number

__all__ = ["reduced", "shortened"]

T = TypeVar("T")

EXPRESSIONS = (Assign, Binary, Call, For, If, Number, Unary, Var, Variable)


def reduced(items: Sequence[Item], fails: Callable[[list[Item]], bool], seconds: float) -> list[Item]:
    """The program without what it fails without, one step after the other, for about `seconds`."""
    return _reduced(list(items), fails, seconds, _steps)


def shortened(items: Sequence[T], fails: Callable[[list[T]], bool], seconds: float) -> list[T]:
    """`items` without those that it fails without, for about `seconds`."""
    return _reduced(list(items), fails, seconds, _fewer)


def _reduced(
    best: list[T], fails: Callable[[list[T]], bool], seconds: float, steps: Callable[[list[T]], Iterator[list[T]]]
) -> list[T]:
    end = time.monotonic() + seconds
    found = True
    while found:
        found = False
        for smaller in steps(best):
            if time.monotonic() > end:
                return best
            if fails(smaller):
                best, found = smaller, True
                break
    return best


def _fewer(items: list[T]) -> Iterator[list[T]]:
    """Lists with half of the items less, a quarter, ... one item less."""
    size = (len(items) + 1) // 2
    while size:
        for start in reversed(range(0, len(items), size)):
            yield items[:start] + items[start + size :]
        size //= 2


def _steps(items: list[Item]) -> Iterator[list[Item]]:
    """Programs with fewer items; then with an expression less."""
    yield from _fewer(items)
    for index, item in enumerate(items):
        for other in _smaller_item(item):
            yield [*items[:index], other, *items[index + 1 :]]


def _smaller_item(item: Item) -> Iterator[Item]:
    if isinstance(item, Definition):
        yield from (replaced(item, body=body) for body in _smaller(item.body))
    elif not isinstance(item, External):
        yield from _smaller(item)


def _smaller(node: Expression) -> Iterator[Expression]:
    """An expression with one of the expressions in it (itself first) replaced by something simpler."""
    parts = [
        (name, part)
        for name, part in ((name, getattr(node, name)) for name in node.__match_args__)
        if isinstance(part, (*EXPRESSIONS, tuple)) and not isinstance(part, Span) and name != "variable"
    ]
    if parts:
        yield number(0.0)
    yield from (part for _, part in parts if isinstance(part, EXPRESSIONS))
    for name, part in parts:
        yield from (replaced(node, **{name: other}) for other in _smaller_part(part))


def _smaller_part(part: Any) -> Iterator[Any]:
    if isinstance(part, Binding):
        if part.value is not None:
            yield from (replaced(part, value=value) for value in (None, *_smaller(part.value)))
    elif isinstance(part, tuple):
        for index, each in enumerate(part):
            if isinstance(each, Binding) and len(part) > 1:
                yield part[:index] + part[index + 1 :]
            yield from ((*part[:index], other, *part[index + 1 :]) for other in _smaller_part(each))
    elif isinstance(part, EXPRESSIONS):
        yield from _smaller(part)
