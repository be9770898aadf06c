"""Formats the blocks of the program, and writes them as changes where a definition is replaced and most of it stays.

    python -m tests.tutorials.changes             all chapters
    python -m tests.tutorials.changes FILE …      these files; read the difference before you keep it

A `python` block becomes a `diff` block if at least a third of its lines stay. In a `diff` block, the old lines become
those that the program has: after an edit of a definition in one chapter, this command repairs its changes in others.
It prints the definitions that should be in a `diff` block of their own.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from kaleido.tutorial.chapters import Block, blocks_of, chapters
from kaleido.tutorial.tangle import Program, _class_text, _extends, _members, _parts, _spaced, _statements

__all__ = ["LINE_LENGTH", "as_change", "slight", "staying"]

LEAST = 1 / 3
"""The part of a definition's lines that stay where it is written as a change."""

LINE_LENGTH = 79
"""The width of the program in columns."""


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


def as_change(block: Block, program: Program) -> str:
    """The text of a block as a change to the program as it is."""
    pieces, before = program.members(), list[str]()
    for statement, text in _statements(block, block.replaced or block.code):
        old = {name: pieces[name] for name in _parts(block, text) if name in pieces}
        if old and isinstance(statement, ast.ClassDef) and _extends(statement):
            members = {name.partition(".")[2]: part for name, part in old.items()}
            before.append(_class_text(_members(text)[0], members))
        else:
            before += old.values()
    return "".join(f"{line}\n" for line in _lines("".join(_spaced(before)), _formatted(block.code)))


def slight(block: Block, program: Program) -> list[str]:
    """The definitions in a Python block that replace one of which at least a third stays."""
    pieces = program.members()
    return [
        name
        for name, text in _parts(block, block.text).items()
        if name in pieces and staying("\n".join(_lines(pieces[name], text))) >= LEAST
    ]


def _formatted(code: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", f"--line-length={LINE_LENGTH}", "-"]
    return subprocess.run(command, input=code, stdout=subprocess.PIPE, text=True, check=True).stdout


def _rewritten(block: Block, program: Program) -> Block:
    if block.language == "python":
        block = Block("python", block.title, _formatted(block.text), block.place)
        if any(line.startswith("del ") for line in block.text.splitlines()):
            return block
    change = Block("diff", block.title, as_change(block, program), block.place)
    if block.language == "diff" or staying(change.text) >= LEAST:
        return change
    if names := slight(block, program):
        print(f"{block.place}: {', '.join(names)}")
    return block


def main(names: list[str]) -> None:
    """Rewrite the chapters in these files, or all of them."""
    program = Program()
    for path in chapters().values():
        text = path.read_text("utf-8")
        for block in blocks_of(path):
            if block.changes_program:
                new = block
                if not names or path.name in {Path(name).name for name in names}:
                    new = _rewritten(block, program)
                    text = text.replace(f"```{block.language}\n{block.text}```", f"```{new.language}\n{new.text}```", 1)
                program.take(new)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
