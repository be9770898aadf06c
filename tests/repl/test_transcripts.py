"""Sessions as a user would have them: each file in tests/repl/transcripts is typed at a REPL, and compared.

A file has prompts, what is entered behind them, and below that what was printed, output and errors in the order in
which they came. Lines that begin with ``##`` are comments, or tell the test something, from there on:

=================  ====================================================================
``## columns 60``  the terminal is so wide (80 at first)
``## file NAME``   the file has the lines that follow it behind ``##`` and three blanks
=================  ====================================================================

Output that looks like one of these, as in help, has a backslash before it. A `%` ends output that does not end a line.
Ten calls or iterations are hot. What another machine would print otherwise is masked, and all code took as long to
compile. `pytest tests/repl/test_transcripts.py --update` rewrites the files; read them before committing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from kaleido import Session
from kaleido.jit import Engine, Tier, UnitStats
from kaleido.repl.commands import COMMANDS
from kaleido.repl.entries import CONTINUATION, PROMPT
from tests.repl.conftest import Run

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))

FROM_HERE_ON = re.compile(r"## (columns|file) (\S+)")
FILE_LINE = "##   "


@dataclass
class Typed:
    """An entry of a transcript, and the comments above it."""

    comments: list[str]
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(line[len(PROMPT) :] for line in self.lines)


@dataclass
class Transcript:
    """What was typed, in order; `after` are the comments behind it."""

    entries: list[Typed] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def read(text: str) -> Transcript:
    transcript = Transcript()
    for line in text.splitlines():
        if line.startswith("##"):
            transcript.after.append(line)
        elif line.startswith(PROMPT):
            transcript.entries.append(Typed(transcript.after, [line]))
            transcript.after = []
        elif line.startswith(CONTINUATION.rstrip()):
            transcript.entries[-1].lines.append(line)
    return transcript


def written(transcript: Transcript, printed: list[str]) -> str:
    """The transcript as a file, with what each entry printed."""
    lines: list[str] = []
    for entry, output in zip(transcript.entries, printed, strict=True):
        # A comment stands apart from what is above it.
        lines += [""] if entry.comments and lines else []
        lines += [*entry.comments, *entry.lines, *masked(entry.text, output).splitlines()]
    return "\n".join([*lines, *transcript.after]) + "\n"


# What differs between machines


MASKS = [
    (r"[\d,]+\.\d+ ms", "# ms"),
    (r"\b(compile|run) +# ms", r"\1  # ms"),
    (r"(?m)^ +\d+\.\d+ s  ", "    # s  "),
    (r"[\d,]+ bytes (compiled|of version|of . -O. code)", r"# bytes \1"),
    (r"about [\d,]+ calls", "about # calls"),
    (r"(?m)^(kaleido +)\S+, on LLVM \S+$", r"\1#, on LLVM #"),
    (r"(?m)^(processor +)\S+$", r"\1#"),
    # Loops have a number that counts on through all sessions of a process.
    (r"(\.for@\d+:\d+)#\d+", r"\1#1"),
]

# By how an entry begins: of machine code only the names of functions are the same everywhere; bars are as long as it
# takes, and what is said about them depends on it.
MASKS_OF = {
    ":asm": [(r"(?m)^( |\.L).*\n", ""), (r"(?m)^(kal\..*:)$", r"\1\n    …")],
    ":bench": [(r"(?m)^(. -O\d) +[█-▏].*$", r"\1  █ …"), (r"(?s)Medians.*", "Medians …\n")],
}


def masked(entry: str, output: str) -> str:
    own = next((masks for beginning, masks in MASKS_OF.items() if entry.startswith(beginning)), [])
    for pattern, replacement in [*own, *MASKS]:
        output = re.sub(pattern, replacement, output)
    # Help shows transcripts.
    output = re.sub(r"(?m)^(?=kal>|\.\.\.>|##)", r"\\", output)
    # A program may leave the cursor in the middle of a line. The prompt then begins another one.
    return output if output.endswith("\n") or not output else output + "%\n"


def alike(stats: UnitStats) -> UnitStats:
    """What is known about a unit, as if all code took as long to compile and came to as many bytes."""
    seconds, sizes = {Tier.BASELINE: 0.0005, Tier.OPTIMIZED: 0.0025}, {Tier.BASELINE: 100, Tier.OPTIMIZED: 40}
    return stats._replace(
        compile_seconds={tier: seconds[tier] for tier in stats.compile_seconds},
        code_bytes={tier: sizes[tier] for tier in stats.code_bytes},
    )


@pytest.fixture(autouse=True)
def _alike(monkeypatch: pytest.MonkeyPatch) -> None:
    stats, describe = Engine.stats, Engine.describe
    monkeypatch.setattr(Engine, "stats", lambda engine: [alike(each) for each in stats(engine)])
    monkeypatch.setattr(Engine, "describe", lambda engine, symbol: alike(describe(engine, symbol)))
    # No graphviz, no editor.
    monkeypatch.setenv("PATH", "/nowhere")


# Typing


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(jit="sync", threshold=10) as session:
        yield session


def steps(run: Run, transcript: Transcript) -> Iterator[str | Callable[[], object]]:
    """What is to be typed, and what is to be done before it."""
    for entry in transcript.entries:
        yield partial(obey, run, entry.comments)
        yield entry.text


def obey(run: Run, comments: list[str]) -> None:
    for index, line in enumerate(comments):
        match FROM_HERE_ON.fullmatch(line):
            case re.Match() as found if found[1] == "columns":
                run.columns = int(found[2])
            case re.Match() as found:
                Path(found[2]).write_text("".join(file_lines(comments[index + 1 :])), "utf-8")
            case None:
                pass


def file_lines(comments: list[str]) -> Iterator[str]:
    for line in comments:
        if not line.startswith(FILE_LINE):
            return
        yield line.removeprefix(FILE_LINE) + "\n"


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(
    path: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    transcript = read(path.read_text("utf-8"))
    monkeypatch.chdir(tmp_path)
    # Errors among the output, as on a terminal.
    monkeypatch.setattr(sys, "stderr", sys.stdout)
    printed = run(*steps(run, transcript))
    # Nothing comes back from the end.
    shown = written(transcript, [*printed, ""] if transcript.entries[-1].text == ":quit" else printed)
    if request.config.getoption("--update"):
        path.write_text(shown, "utf-8")
    assert shown == path.read_text("utf-8")


# That everything is shown


def entries() -> list[str]:
    return [entry.text for path in TRANSCRIPTS for entry in read(path.read_text("utf-8")).entries]


# `:watch` runs until Ctrl-C.
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "watch"])
def test_every_command_is_in_a_transcript(name: str) -> None:
    assert any(re.search(rf"(?m)^:{name}\b", entry) for entry in entries())
