"""How much an instruction puts on the stack, read from its text as LLVM prints it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod

__all__ = ["MOST_ITEMS", "PROBED", "named_types", "stack_items", "type_items"]

PROBED = '"probe-stack"="inline-asm"'
"""As ``native.faults`` has it."""

MOST_ITEMS = 4_000
"""On the stack, in a function that is not PROBED: half of the guard zone (``native.faults``), in items of 8 bytes."""

_COMPUTED, _COUNT, _ALIGNMENT = re.compile(r", i\d+ %"), re.compile(r", i\d+ (\d+)"), re.compile(r", align (\d+)")
_END_OF_TYPE = re.compile(r", (?:i\d+ \d|align |addrspace)")
_BY_VALUE = re.compile(r"byval\(((?:[^()]|\([^()]*\))*)\)")
_NAME = r'%(?:"[^"]*"|[-\w.$]+)'
_TOKEN = re.compile(rf"\d+ x |[\[\]{{}}<>]|{_NAME}|[a-z]\w*")
_NAMED_TYPE = re.compile(rf"^({_NAME}) = type (.*)", re.MULTILINE)


def stack_items(text: str, named: Mapping[str, int]) -> int | None:
    """How many items an instruction puts on the stack, 0 if it is none that does so; None if the number is computed.

    `named` has the sizes of types that have names.
    """
    if "byval(" in text:
        return sum(type_items(found[1], named) for found in _BY_VALUE.finditer(text))
    if "= alloca " not in text:
        return 0
    if _COMPUTED.search(text) is not None:
        return None
    kind = _END_OF_TYPE.split(text.partition("= alloca ")[2], 1)[0]
    aligned = [int(number) // 8 for number in _ALIGNMENT.findall(text)]
    return max(type_items(kind, named), *aligned, 1) * prod(map(int, _COUNT.findall(text)[-1:]))


def named_types(text: str) -> dict[str, int]:
    """The sizes of types that have names, in a module."""
    sizes: dict[str, int] = {}
    waiting = {name: (kind, set(re.findall(_NAME, kind))) for name, kind in _NAMED_TYPE.findall(text)}
    while found := [name for name, (_, names) in reversed(waiting.items()) if names <= sizes.keys()]:
        sizes |= {name: type_items(waiting.pop(name)[0], sizes) for name in found}
    return sizes


def type_items(kind: str, named: Mapping[str, int]) -> int:
    """The size of a type, at most."""
    totals, factors = [0], [1]
    for token in _TOKEN.findall(kind):
        if token in "[{<":
            totals.append(0)
            factors.append(1)
        elif token in "]}>":
            size = totals.pop() * factors.pop()
            totals[-1] += size
        elif token.endswith(" x "):
            factors[-1] = int(token[:-3])
        elif token.startswith("%"):
            totals[-1] += named.get(token, MOST_ITEMS + 1)
        else:
            totals[-1] += max(1, int(token[1:]) // 64) if token[1:].isdecimal() else 1
    return totals[0]
