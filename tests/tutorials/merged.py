"""Merges changes in chapters with later changes of what they change: for `diff` blocks that no longer agree.

    python -m tests.tutorials.merged tutorials/16-*.md tutorials/solutions/16.md

A `diff` block contains a definition as the program had it. When an earlier chapter writes that definition in another
way, this rewrites the block: it makes the same change to the definition as it is now. Read the difference before you
keep it; what cannot be merged is an error with both texts.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from kaleido.tutorial.chapters import Block, blocks_of, chapters, program_at
from kaleido.tutorial.tangle import Program, TangleError, _parts
from tests.tutorials.changes import _lines

__all__ = ["merged"]


def merged(block: Block, program: Program) -> Block:
    """A `diff` block as a change to the program as it is. Raises ValueError where both changed the same lines."""
    pieces, old = program.members(), _parts(block, block.replaced)
    now, then, new = block.replaced, block.replaced, block.code
    for name, text in old.items():
        if name in pieces and pieces[name] != text:
            now = now.replace(text, pieces[name], 1)
    if now == then:
        return block
    return replace(block, text="".join(f"{line}\n" for line in _lines(now, _merge(now, then, new))))


def _merge(now: str, then: str, new: str) -> str:
    """`new`, which was made of `then`, made of `now`."""
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("now", "then", "new")]
        for path, text in zip(paths, (now, then, new), strict=True):
            path.write_text(text, "utf-8")
        done = subprocess.run(["git", "merge-file", "-p", *paths], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"both have changed these lines:\n{done.stdout}")
    return done.stdout


def main(names: Sequence[str]) -> None:
    """Rewrite these files."""
    for path in map(Path, names):
        number = int(path.name[:2])
        is_chapter = path.name == chapters()[number].name
        sections = [blocks_of(path)]
        if not is_chapter:
            text = path.read_text("utf-8")
            starts = [block.place for block in blocks_of(path)]
            lines = [int(place.rpartition(":")[2]) for place in starts]
            heads = [at for at, line in enumerate(text.splitlines(), 1) if line.startswith("## ")]
            sections = [
                [block for block, line in zip(blocks_of(path), lines, strict=True) if head < line < end]
                for head, end in zip(heads, [*heads[1:], sys.maxsize], strict=True)
            ]
        for found in sections:
            program = Program()
            for block in program_at(number - 1 if is_chapter else number):
                program.take(block)
            for block in found:
                if block.changes_program:
                    new = merged(block, program) if block.replaced else block
                    path.write_text(path.read_text("utf-8").replace(block.text, new.text, 1), "utf-8")
                    try:
                        program.take(new)
                    except TangleError as error:
                        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
