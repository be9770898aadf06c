"""Executes the blocks of a chapter as a reader would: adds them to the program, writes them to files, runs commands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from threading import Timer

from kaleido.tutorial.chapters import Block
from kaleido.tutorial.tangle import tangle

__all__ = ["RUN", "Reader", "agrees", "first_difference"]

RUN = ("console", "pycon")
"""The languages of the blocks that run in the program's folder."""

# Runs this copy of Kaleido, whether it is installed or not, even if the current folder has a module of that name.
_KALEIDO = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import kaleido; sys.path.pop(0); "
    "from kaleido.cli import main; main()"
)
_ROOT = Path(__file__).parents[2]

_PROGRAMS: dict[str, list[str]] = {
    "python": [sys.executable],
    "kaleido": [sys.executable, "-P", "-c", _KALEIDO, str(_ROOT)],
}

# Programs of the system, which may be missing.
_TOOLS = ("cc", "gdb", "perf")


@dataclass
class Reader:
    """Executes blocks in `folder`.

    `program`  the blocks of the program so far
    `timeout`  the time limit of a command in seconds; None means no limit
    `own`      the text of a program that takes the place of the one in the blocks
    `missing`  the tools that blocks needed and this machine lacks
    """

    folder: Path
    program: list[Block] = field(default_factory=list)
    timeout: float | None = 120
    own: str | None = None
    missing: set[str] = field(default_factory=set)

    def follow(self, blocks: Iterable[Block]) -> Iterator[tuple[Block, Block]]:
        """Execute `blocks` in order, but for those that need a missing tool.

        Yields each block that is run, and the same block with its actual output.
        """
        for block in blocks:
            if block.language in RUN:
                lacking = {tool for tool in _needed(block) if not _is_usable(tool)}
                self.missing |= lacking
                if lacking:
                    continue
                yield block, replace(block, text=self.run(block))
            else:
                self.take(block)

    def take(self, block: Block) -> None:
        """Add a block of the program to it; write a block that is a file."""
        if block.changes_program:
            self.program.append(block)
        elif block.is_file:
            (self.folder / block.title).write_text(block.text, "utf-8")

    def run(self, block: Block, write: Callable[[str], object] = len) -> str:
        """Run a block in one of the languages of RUN. `write` is called with each line of output as it appears.

        Returns the block's text with the actual output; for a Python session that agrees with the block, the block's
        own text. Raises TangleError, and ValueError for a command that is neither Python, Kaleido, a program in the
        folder nor one of a few tools, and where such a tool is missing.
        """
        if self.own is not None or self.program:
            text = tangle(self.program) if self.own is None else self.own
            (self.folder / "kaleidoscope.py").write_text(text, "utf-8")
        if block.language == "pycon":
            return self._play(block, write)
        return "".join(self._command(line[2:], write) for line in block.text.splitlines() if line.startswith("$ "))

    def _command(self, command: str, write: Callable[[str], object]) -> str:
        name, *arguments = shlex.split(command, comments=True)
        if name in _TOOLS:
            if not _is_usable(name):
                raise ValueError(f"`{name}` is not installed, or may not be used")
            # They run the reader's commands.
            arguments = [word for each in arguments for word in _PROGRAMS.get(each, [each])]
        elif name not in _PROGRAMS and not name.startswith("./"):
            raise ValueError(f"`{name}` cannot be run here")
        write(f"$ {command}\n")
        return f"$ {command}\n" + self._execute([*_PROGRAMS.get(name, [name]), *arguments], write)[1]

    def _play(self, block: Block, write: Callable[[str], object]) -> str:
        script = self.folder / "session.txt"
        script.write_text(block.text, "utf-8")
        player = Path(__file__).with_name("doctest_player.py")
        code, output = self._execute([sys.executable, "-P", str(player), script.name], write)
        return output if code else block.text

    def _execute(self, command: Sequence[str], write: Callable[[str], object]) -> tuple[int, str]:
        """The exit code and the output of a command."""
        lines = list[str]()
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process, _limit(process, self.timeout):  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.decode("utf-8", errors="replace"))
                write(lines[-1])
        return process.returncode, "".join(lines)


def _needed(block: Block) -> set[str]:
    """The tools that a block needs."""
    commands = [line[2:].split() for line in block.text.splitlines() if line.startswith("$ ")]
    links = any(command[:2] == ["kaleido", "build"] for command in commands)
    return {command[0] for command in commands if command[0] in _TOOLS} | ({"cc"} if links else set())


@cache
def _is_usable(tool: str) -> bool:
    if shutil.which(tool) is None:
        return False
    # The kernel may refuse it.
    return (
        tool != "perf"
        or not subprocess.run(["perf", "record", "-q", "-o", "-", "true"], capture_output=True).returncode
    )


class _limit:  # noqa: N801 - it is used like a function
    """A context manager that kills a process after so many seconds, or when an exception leaves the block."""

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
    """The environment of programs: no colors, UTF-8, unbuffered, and without PYTHONPATH."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**inherited, "NO_COLOR": "1", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def agrees(shown: str, real: str) -> bool:
    """Whether output is what a block shows: `…` matches any text in a line, and alone on a line any number of lines."""
    return re.fullmatch("".join(map(_pattern, shown.splitlines())), real) is not None


def first_difference(shown: str, real: str) -> tuple[str, str]:
    """The first line of a block that output does not agree with, and the line of output in its place.

    One of them is empty where the other text goes on.
    """
    lines = shown.splitlines()
    patterns = [_pattern(line) for line in lines]
    for count in range(len(lines), -1, -1):
        if match := re.match("".join(patterns[:count]), real):
            rest = real[match.end() :].splitlines()
            return "".join(lines[count : count + 1]), "".join(rest[:1])
    raise AssertionError("no lines match the beginning of any text")


def _pattern(line: str) -> str:
    return r"(?:.*\n)*?" if line.strip() == "…" else ".*?".join(map(re.escape, line.split("…"))) + r"\n"
