"""The LLVM types that units can pass to each other, as text: how it is written, and in which registers values are.

Limits. Values of a type must be passed and returned in the same way by all code that LLVM compiles, in every tier. So
there are no types whose conventions depend on the processor's extensions (``<4 x i1>``, ``bfloat``), and none that
LLVM pads or splits unpredictably (``i24``, ``<3 x float>``, packed structures).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Layout", "layout", "leading_type"]

_FLOATING = {"half": 16, "float": 32, "double": 64}
_BITS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "i128": 128, "ptr": 64, **_FLOATING}

_NUMBER_OF_ITEMS = re.compile(r"([\[<]) *([1-9]\d{0,4}) +x +", re.ASCII)
_SCALAR = re.compile(r"[a-z]+\d*", re.ASCII)

_VECTOR_BITS = (64, 128, 256, 512)
_MOST_WORDS, _DEEPEST = 4_096, 16


class Layout(NamedTuple):
    """The registers that a value is in: `integers` of 64 bits, `floating` ones, and `vectors` of up to 128 bits.

    `text` is the type as LLVM prints it. `is_aligned` says whether a part of it is aligned to more than 8 bytes.
    """

    text: str
    integers: int = 0
    floating: int = 0
    vectors: int = 0
    is_aligned: bool = False

    @property
    def words(self) -> int:
        """Its size in units of 8 bytes, at most."""
        return self.integers + self.floating + 2 * self.vectors


@lru_cache(maxsize=1024)
def layout(text: str) -> Layout:
    """The layout of a type, such as ``i64``, ``{ double, [2 x ptr] }``, ``<4 x float>``.

    Raises ValueError for a type that units cannot pass.
    """
    found, end = _parse(text, 0, 0)
    if text[end:].strip():
        raise _unknown(text)
    return found


def leading_type(text: str) -> str:
    """The type at the beginning of `text`, which may be any: a word, or what is in brackets."""
    text, depth = text.lstrip(), 0
    for index, each in enumerate(text):
        depth += {"{": 1, "[": 1, "<": 1, "}": -1, "]": -1, ">": -1}.get(each, 0)
        if depth == 0 and each in "}]>":
            return text[: index + 1]
        if depth == 0 and each == " ":
            return text[:index]
    return text


def _unknown(text: str) -> ValueError:
    shown = text if len(text) < 60 else text[:57] + "..."
    scalars = ", ".join(reversed(_BITS))
    return ValueError(f"{shown} is not a type that a unit can pass: {scalars}, vectors, structs and arrays of these")


def _parse(text: str, at: int, depth: int) -> tuple[Layout, int]:
    """The type at `at`, and the index where it ends."""
    at = _skip(text, at)
    if depth > _DEEPEST:
        raise _unknown(text)
    if text.startswith("{", at):
        return _structure(text, at, depth)
    if text.startswith(("[", "<"), at):
        return _repeated(text, at, depth)
    word = _SCALAR.match(text, at)
    if word is None or word[0] not in _BITS:
        raise _unknown(text)
    if word[0] in _FLOATING:
        return Layout(word[0], floating=1), word.end()
    number = -(-_BITS[word[0]] // 64)
    return Layout(word[0], integers=number, is_aligned=number > 1), word.end()


def _skip(text: str, at: int) -> int:
    while text.startswith(" ", at):
        at += 1
    return at


def _structure(text: str, at: int, depth: int) -> tuple[Layout, int]:
    parts: list[Layout] = []
    while not parts or text.startswith(",", at):
        part, at = _parse(text, at + 1, depth + 1)
        parts.append(part)
        at = _skip(text, at)
    if not text.startswith("}", at):
        raise _unknown(text)
    return _sum(text, f"{{ {', '.join(each.text for each in parts)} }}", parts), at + 1


def _repeated(text: str, at: int, depth: int) -> tuple[Layout, int]:
    head = _NUMBER_OF_ITEMS.match(text, at)
    if head is None:
        raise _unknown(text)
    number = int(head[2])
    item, at = _parse(text, head.end(), depth + 1)
    at = _skip(text, at)
    if head[1] == "[" and text.startswith("]", at):
        return _sum(text, f"[{number} x {item.text}]", [item] * number), at + 1
    bits = number * _BITS.get(item.text, 0)
    can_repeat = item.text not in ("i1", "i128") and bits in _VECTOR_BITS and number > 1
    if head[1] == "[" or not text.startswith(">", at) or not can_repeat:
        raise _unknown(text)
    return Layout(f"<{number} x {item.text}>", vectors=max(bits // 128, 1), is_aligned=True), at + 1


def _sum(text: str, shown: str, parts: list[Layout]) -> Layout:
    found = Layout(
        shown,
        sum(each.integers for each in parts),
        sum(each.floating for each in parts),
        sum(each.vectors for each in parts),
        any(each.is_aligned for each in parts),
    )
    if found.words > _MOST_WORDS:
        raise _unknown(text)
    return found
