"""Control-flow graphs, read from LLVM IR as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

__all__ = ["Block", "Flow", "flows"]


class Block(NamedTuple):
    """A basic block.

    `instructions`  lines of IR
    `successors`    the label of each successor, with the condition of the edge: ``true`` or ``false``, the value of a
                    case or ``default``, ``unwind``, or an empty string
    """

    label: str
    instructions: tuple[str, ...] = ()
    successors: tuple[tuple[str, str], ...] = ()


class Flow(NamedTuple):
    """A function's control-flow graph: its blocks, the entry first. Labels are unique."""

    name: str
    blocks: tuple[Block, ...]


# Reading

_NAME = r'("[^"]*"|[-\w$.]+)'
_DEFINE = re.compile(rf'define\b(?:[^"@]|"[^"]*")*@{_NAME}')
_COMMENT = re.compile(r'("[^"]*")|;.*')  # or a string, in which a semicolon begins no comment
_LABEL = re.compile(rf"\s*{_NAME}:")
_TERMINATOR = re.compile(
    rf"\s*(?:%{_NAME} = )?"
    r"(br|switch|indirectbr|invoke|callbr|catchswitch|catchret|cleanupret|resume|ret|unreachable)\b"
)

# A target and the word before it, which is the condition of the edge; or a quoted name, to be skipped.
_TARGET = re.compile(rf'(?:(-?\w+),? )?label %{_NAME}|"[^"]*"')


def flows(ir: str) -> list[Flow]:
    """The functions that a module defines, in its order. `ir` must be LLVM's own output: it is not checked."""
    lines = iter(ir.split("\n"))
    headers = filter(None, map(_DEFINE.match, lines))
    return [Flow(_name(header[1]), _blocks(takewhile(lambda line: line.rstrip() != "}", lines))) for header in headers]


def _blocks(lines: Iterable[str]) -> tuple[Block, ...]:
    sections: list[tuple[str, list[str]]] = [("", [])]
    for line in (_COMMENT.sub(r"\1", each).rstrip() for each in lines):
        if opening := _LABEL.fullmatch(line):
            sections.append((_name(opening[1]), []))
        elif line:
            sections[-1][1].append(line.removeprefix("  "))
    if not sections[0][1]:
        del sections[0]
    unnamed = _unnamed({label for label, _ in sections})
    return tuple(Block(label or unnamed, tuple(code), _successors(code)) for label, code in sections)


def _unnamed(taken: set[str]) -> str:
    """A label for an entry block without a name. Nothing refers to it, but another block may be named ``entry``."""
    label = "entry"
    while label in taken:
        label = f"({label})"
    return label


def _successors(code: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The targets of a block's terminator, which may span several lines."""
    for number, line in enumerate(code):
        if terminator := _TERMINATOR.match(line):
            text = " ".join(code[number:])
            targets = [(match[1] or "", _name(match[2])) for match in _TARGET.finditer(text) if match[2]]
            words = _conditions(terminator[2], [word for word, _ in targets])
            return tuple((label, word) for word, (_, label) in zip(words, targets, strict=True))
    return ()


def _conditions(operation: str, words: list[str]) -> list[str]:
    """The conditions of the edges, from the words before their labels."""
    if operation == "switch":
        return ["default", *words[1:]]
    if operation == "br" and len(words) == 2:
        return ["true", "false"]
    return [word if word == "unwind" else "" for word in words]


def _name(token: str) -> str:
    """A name without its quotes. Its escapes are bytes of UTF-8; invalid ones stay escaped."""
    if not token.startswith('"'):
        return token
    escape = re.compile(rb"\\(?:(\\)|([0-9A-Fa-f]{2}))")
    name = escape.sub(lambda match: match[1] or bytes.fromhex(match[2].decode()), token[1:-1].encode())
    return name.decode(errors="backslashreplace")
