"""Rewrites Python blocks of chapters as changes, where a definition is replaced and most of its lines stay.

    python -m tests.tutorials.changes tutorials/09-*.md

rewrites these files in place; read the difference before you keep it. A block is rewritten if at least a third of its
lines stay. `slight` names the other definitions of which this is true: write them in a block of their own.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path

from kaleido.tutorial.chapters import Block, blocks_of, chapter_number, program_at
from kaleido.tutorial.tangle import _class_text, _extends, _members, _parts, _spaced, _statements, tangle

__all__ = ["as_change", "slight", "staying"]

LEAST = 1 / 3
"""The part of a definition's lines that stay where it is written as a change."""


def _lines(before: str, after: str) -> Iterator[str]:
    """Each line of both texts after its sign."""
    old, new = before.splitlines(), after.splitlines()
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (f" {line}".rstrip() for line in old[i:j])
        else:
            yield from (f"-{line}" for line in old[i:j])
            yield from (f"+{line}" for line in new[k:m])


def staying(change: str) -> float:
    """The part of the new lines of a change that are the old ones; empty lines do not count."""
    after = [line for line in change.splitlines() if not line.startswith("-") and line[1:].strip()]
    return sum(line.startswith(" ") for line in after) / max(1, len(after))


def _pieces(text: str) -> dict[str, str]:
    """All definitions of a program, and the members of its classes: ``Engine``, ``Engine.define``."""
    found = _parts(Block("python", "", text, "program"), text)
    for name, piece in [*found.items()]:
        if piece.startswith(("class ", "@dataclass")):
            found |= {f"{name}.{member}": part for member, part in _members(piece)[1].items()}
    return found


def as_change(block: Block, program: Sequence[Block]) -> str:
    """The text of a Python block as a change to the program."""
    pieces, before = _pieces(tangle(program)), list[str]()
    for statement, text in _statements(block, block.text):
        parts = _parts(block, text)
        old = {name: pieces[name] for name in parts if name in pieces}
        if old and isinstance(statement, ast.ClassDef) and _extends(statement):
            members = {name.partition(".")[2]: part for name, part in old.items()}
            before.append(_class_text(_members(text)[0], members))
        else:
            before += old.values()
    return "".join(f"{line}\n" for line in _lines("".join(_spaced(before)), block.text))


def slight(block: Block, program: Sequence[Block]) -> list[str]:
    """The definitions in a Python block that replace one of which at least a third stays."""
    pieces = _pieces(tangle(program))
    return [
        name
        for name, text in _parts(block, block.text).items()
        if name in pieces and staying("\n".join(_lines(pieces[name], text))) >= LEAST
    ]


def main(paths: list[str]) -> None:
    for path in map(Path, paths):
        number = chapter_number(path.name[:2]) or 0
        program, text = program_at(number - 1), path.read_text("utf-8")
        for block in blocks_of(path):
            if block.language == "python" and "del " not in block.text:
                change = as_change(block, program)
                if staying(change) >= LEAST:
                    text = text.replace(f"```python\n{block.text}```", f"```diff\n{change}```", 1)
                elif names := slight(block, program):
                    print(f"{block.place}: {', '.join(names)}")
            if block.changes_program:
                program.append(block)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
