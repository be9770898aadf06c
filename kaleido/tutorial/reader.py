"""What a reader does with the blocks of a chapter: adds to the program, writes files, and runs what is to be run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Timer

from kaleido.tutorial.chapters import Block
from kaleido.tutorial.tangle import tangle

__all__ = ["RUN", "Reader", "agrees"]

RUN = ("console", "pycon")
"""The languages of the blocks that are run in the program's folder."""

# The Kaleido that is running, installed or not, and whatever the current folder has.
_KALEIDO = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import kaleido; sys.path.pop(0); "
    "from kaleido.cli import main; main()"
)
_ROOT = Path(__file__).parents[2]

_PROGRAMS: dict[str, list[str]] = {
    "python": [sys.executable],
    "kaleido": [sys.executable, "-P", "-c", _KALEIDO, str(_ROOT)],
}


@dataclass
class Reader:
    """Somebody who follows the text in `folder`, with the `program` as it has come out so far.

    `patience` is how many seconds a command may take; None is as long as it likes.
    """

    folder: Path
    program: list[Block] = field(default_factory=list)
    patience: float | None = 120

    def follow(self, blocks: Iterable[Block]) -> Iterator[tuple[Block, Block]]:
        """Do what `blocks` say. Gives each block that is run as it stands, and as it came out."""
        for block in blocks:
            if block.language in RUN:
                yield block, replace(block, text=self.run(block))
            else:
                self.take(block)

    def take(self, block: Block) -> None:
        """Add a block to the program, or write it as a file, where it is one for that."""
        if block.language == "python":
            self.program.append(block)
        elif block.language == "kal" and block.title:
            (self.folder / block.title).write_text(block.text, "utf-8")

    def run(self, block: Block, write: Callable[[str], object] = len) -> str:
        """Run a block of one of the languages of RUN; `write` is given what there is to see, as it appears.

        Gives the block's text as it came out: for a Python session that goes as shown, the text that is shown. Raises
        TangleError, and ValueError for a command that is neither Python nor Kaleido.
        """
        if self.program:
            (self.folder / "kaleidoscope.py").write_text(tangle(self.program), "utf-8")
        if block.language == "pycon":
            return self._play(block, write)
        return "".join(self._command(line[2:], write) for line in block.text.splitlines() if line.startswith("$ "))

    def _command(self, command: str, write: Callable[[str], object]) -> str:
        name, *arguments = shlex.split(command, comments=True)
        if name not in _PROGRAMS:
            raise ValueError(f"`{name}` cannot be run here")
        write(f"$ {command}\n")
        return f"$ {command}\n" + self._execute([*_PROGRAMS[name], *arguments], write)[1]

    def _play(self, block: Block, write: Callable[[str], object]) -> str:
        script = self.folder / "session.txt"
        script.write_text(block.text, "utf-8")
        player = Path(__file__).with_name("doctest_player.py")
        code, output = self._execute([sys.executable, "-P", str(player), script.name], write)
        return output if code else block.text

    def _execute(self, command: Sequence[str], write: Callable[[str], object]) -> tuple[int, str]:
        """The exit code, and all that was printed."""
        lines = list[str]()
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process, _limit(process, self.patience):  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.decode("utf-8", errors="replace"))
                write(lines[-1])
        return process.returncode, "".join(lines)


class _limit:  # noqa: N801 - it is used like a function
    """A block that a process does not outlive: it ends after so many seconds, or when the block is left early."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float | None) -> None:
        self._process = process
        self._timer = Timer(seconds, process.kill) if seconds is not None else None

    def __enter__(self) -> None:
        if self._timer is not None:
            self._timer.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if kind is not None:
            self._process.kill()


def _environment() -> dict[str, str]:
    """What programs are run with: plain text, as it is written, and no other modules than the reader's."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**inherited, "NO_COLOR": "1", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def agrees(shown: str, real: str) -> bool:
    """Whether `real` is what a block shows: `…` stands for anything within a line, or as a line for any lines."""
    lines = (
        r"(?:.*\n)*?" if line.strip() == "…" else ".*?".join(map(re.escape, line.split("…"))) + r"\n"
        for line in shown.splitlines()
    )
    return re.fullmatch("".join(lines), real) is not None
