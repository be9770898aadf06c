"""The command ``kaleido tutorial history``: the growth of the program as a git repository, one commit for each step."""

from __future__ import annotations

import subprocess
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path

from kaleido.diagnostics import OK
from kaleido.language.source_files import reason, shown
from kaleido.terminal import streams
from kaleido.tutorial.chapters import Block, blocks_of, chapters, title
from kaleido.tutorial.tangle import definitions, tangle

__all__ = ["fast_import_stream", "run"]

_USAGE = 2

_DESCRIPTION = """Write the growth of the tutorial's program as a git repository.

There is one commit for each block of the chapters that changes the program or
writes a file, and a tag for the end of each chapter, such as chapter-05. So
`git log -p` is the tutorial as a series of changes, and `git diff chapter-09
chapter-10` is one chapter. The command needs git."""

# All copies of a history are equal: they have this author and time.
_AUTHOR = b"Kaleido's tutorial <tutorial@localhost> 1767225600 +0000"


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command; `parser` has the options that all commands share. Return the exit code.

    Raises SystemExit if the command line is wrong, and OSError if output cannot be written.
    """
    parser.prog += " history"
    parser.description = _DESCRIPTION
    parser.add_argument("folder", metavar="FOLDER", help="a new folder, or an empty one")
    options = parser.parse_args(arguments)
    folder = Path(options.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            parser.exit(_USAGE, f"kaleido: {shown(options.folder)} is not empty\n")
        git = ["git", "-c", "advice.defaultBranchName=false", "-C", options.folder]
        for command, text in (
            (["init", "--quiet", "--initial-branch=main"], b""),
            (["fast-import", "--quiet"], b"".join(fast_import_stream())),
            (["checkout", "--quiet", "main"], b""),
        ):
            subprocess.run([*git, *command], input=text, stderr=subprocess.PIPE, check=True)
    except FileNotFoundError as error:
        parser.exit(_USAGE, f"kaleido: cannot run git: {reason(error)}\n")
    except subprocess.CalledProcessError as error:
        parser.exit(_USAGE, f"kaleido: git failed: {error.stderr.decode(errors='replace').strip()}\n")
    except (OSError, ValueError) as error:
        parser.exit(_USAGE, f"kaleido: cannot write {shown(options.folder)}: {reason(error)}\n")
    streams.write(f"{shown(options.folder)}: `git log --oneline` there shows the steps\n")
    streams.flush()
    return OK


def fast_import_stream() -> Iterator[bytes]:
    """The history as commands of ``git fast-import``."""
    program: list[Block] = []
    for number, path in chapters().items():
        for block in blocks_of(path):
            if block.changes_program:
                program.append(block)
                yield from _commit("kaleidoscope.py", tangle(program), _message(number, path, block))
            elif block.is_file:
                yield from _commit(block.title, block.text, _message(number, path, block))
        if program:
            yield b"reset refs/tags/chapter-%02d\nfrom refs/heads/main\n\n" % number


def _message(number: int, path: Path, block: Block) -> str:
    """What a commit says: the chapter, what is new, and the place of the block."""
    if block.is_file:
        subject = block.title
    else:
        # The names of methods follow their class's.
        names = [name for name in definitions(block) if "." not in name or name.partition(".")[0] not in block.code]
        subject = ", ".join(dict.fromkeys(names)) or "imports"
    return f"{number}: {subject}\n\n{title(path)}, {block.place}\n"


def _commit(path: str, text: str, message: str) -> Iterator[bytes]:
    yield b"commit refs/heads/main\ncommitter " + _AUTHOR + b"\n"
    yield _data(message)
    yield b"M 100644 inline " + path.encode() + b"\n" + _data(text) + b"\n"


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%s\n" % (len(content), content)
