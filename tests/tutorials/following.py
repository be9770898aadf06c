"""What a reader does with the blocks of a chapter: adds to the program, writes files, and runs what is to be run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tutorials.tangle import Block, tangle

__all__ = ["Reader", "agrees"]

# Whatever stands for `kaleido` is beside the interpreter.
_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    "NO_COLOR": "1",
    "PYTHONUTF8": "1",
}


@dataclass
class Reader:
    """Somebody who follows the text in `folder`, with the `program` as it has come out so far."""

    folder: Path
    program: list[Block] = field(default_factory=list)

    def follow(self, blocks: Iterable[Block]) -> Iterator[tuple[Block, Block]]:
        """Do what `blocks` say. Gives each block that is run as it stands, and as it came out."""
        for block in blocks:
            if block.language == "python":
                self.program.append(block)
            elif block.language == "kal" and block.title:
                (self.folder / block.title).write_text(block.text, "utf-8")
            elif block.language == "console":
                self._write()
                yield block, replace(block, text="".join(map(self._shown, _commands(block))))
            elif block.language == "pycon":
                self._write()
                yield block, replace(block, text=self._session(block))

    def _write(self) -> None:
        if self.program:
            (self.folder / "kaleidoscope.py").write_text(tangle(self.program), "utf-8")

    def _shown(self, command: str) -> str:
        return f"$ {command}\n" + self._run(shlex.split(command, comments=True))

    def _run(self, words: list[str]) -> str:
        assert words[0] in ("python", "kaleido"), words
        program = [sys.executable] if words[0] == "python" else ["kaleido"]
        done = subprocess.run(
            [*program, *words[1:]],
            cwd=self.folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
        )
        return done.stdout.decode("utf-8")

    def _session(self, block: Block) -> str:
        """The block itself if the session goes as shown, otherwise what doctest has to say."""
        script = self.folder / "session.txt"
        script.write_text(block.text.replace("…", "..."), "utf-8")
        return self._run(["python", "-m", "doctest", "-o", "ELLIPSIS", script.name]) or block.text


def agrees(shown: str, real: str) -> bool:
    """Whether `real` is what a block shows: `…` stands for anything within a line, or as a line for any lines."""
    lines = (
        r"(?:.*\n)*?" if line.strip() == "…" else ".*?".join(map(re.escape, line.split("…"))) + r"\n"
        for line in shown.splitlines()
    )
    return re.fullmatch("".join(lines), real) is not None


def _commands(block: Block) -> list[str]:
    return [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
