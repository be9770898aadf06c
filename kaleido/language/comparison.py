"""Comparison of syntax trees by what they mean to the compiler: without spans and parentheses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from kaleido.diagnostics import Span
from kaleido.language.nodes import For, Item, Prototype

__all__ = ["loops", "same_tree"]


def same_tree(left: Item | Prototype, right: Item | Prototype) -> bool:
    """Whether two trees differ at most in where their texts are, and in superfluous parentheses."""
    return all(one == other for one, other in zip_longest(_shape(left), _shape(right)))


def loops(item: Item) -> Iterator[For]:
    """The loops in an item, each before those inside it. Same trees have them in the same order."""
    return (node for node in _flat(item) if isinstance(node, For))


def _shape(tree: Item | Prototype) -> Iterator[object]:
    """What determines a tree: the type of each node, the length of each tuple, names and numbers, in preorder."""
    for part in _flat(tree):
        if isinstance(part, tuple):
            yield len(part)
        else:
            yield type(part) if _compared(part) else part


def _flat(tree: object) -> Iterator[object]:
    """All parts of a tree but spans, in preorder. Not recursive, because a tree can be very deep."""
    waiting: list[object] = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Span):
            continue
        yield part
        children = part if isinstance(part, tuple) else [getattr(part, name) for name in _compared(part)]
        waiting.extend(reversed(children))


def _compared(part: object) -> tuple[str, ...]:
    """The fields of a node that count in a comparison, which are the positional ones; none for other parts."""
    found: tuple[str, ...] = getattr(type(part), "__match_args__", ())
    return found
