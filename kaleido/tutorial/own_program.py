"""Checks a reader's own program against a chapter: runs the chapter's blocks with it, and compares the definitions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from kaleido.tutorial.chapters import Block, blocks, blocks_of, chapters, program_at, sections, solutions
from kaleido.tutorial.reader import Reader, agrees
from kaleido.tutorial.tangle import definitions, tangle

__all__ = ["TIMEOUT", "Check", "Difference", "Step", "check"]


TIMEOUT = 60.0
"""The limit of a command in seconds."""


@dataclass(frozen=True)
class Step:
    """A block that was run with the reader's program.

    `place`   where the chapter has it: ``file:line``
    `shown`   the block's text
    `actual`  the same, with the output of the reader's program
    """

    place: str
    shown: str
    actual: str

    @property
    def passed(self) -> bool:
        return agrees(self.shown, self.actual)


@dataclass(frozen=True)
class Difference:
    """A definition that is missing in the reader's program, or has other code than the chapter's.

    `name`     ``function`` or ``Class.method``
    `missing`  whether there is no definition of this name
    `place`    the block that defines it: ``file:line``
    """

    name: str
    missing: bool
    place: str


@dataclass(frozen=True)
class Check:
    """The steps of a chapter or an exercise, and the definitions that differ.

    A program may have other definitions and pass every step: the differences only help to find what is wrong.

    `builds`  whether the chapter, or the solution of the exercise, changes the program. If not, the steps say nothing
              about the reader's work: the program of the chapter's end passes them.
    """

    chapter: int
    exercise: int | None
    builds: bool
    steps: list[Step]
    differences: list[Difference]

    @property
    def passed(self) -> int:
        """The number of steps that passed."""
        return sum(step.passed for step in self.steps)


def check(
    text: str,
    chapter: int,
    exercise: int | None = None,
    *,
    timeout: float | None = TIMEOUT,
    report: Callable[[Step], object] = lambda step: None,
) -> Check:
    """Check a program, given its text, against the end of a chapter, or against the solution of an exercise.

    `timeout` is the limit of a command in seconds. `report` is called with each step when it has run.

    Raises SyntaxError if `text` is not Python, and ValueError if the chapter has no program or no such exercise.
    """
    ast.parse(text)
    if not program_at(chapter):
        raise ValueError(f"at the end of chapter {chapter} there is no program yet")
    before, found = [*program_at(chapter - 1)], blocks_of(chapters()[chapter])
    if exercise is not None:
        # Exercises may use the files of their chapter.
        before = program_at(chapter)
        found = [*(block for block in found if block.is_file), *_solution(chapter, exercise)]
    program = before + [block for block in found if block.changes_program]
    steps = []
    for step in _steps(text, program, found, timeout):
        steps.append(step)
        report(step)
    builds = exercise is None or any(block.changes_program for block in found)
    return Check(chapter, exercise, builds, steps, list(_differences(text, program)))


def _solution(chapter: int, exercise: int) -> list[Block]:
    path = solutions(chapter)
    text = sections(path.read_text("utf-8")).get(f"Exercise {exercise}")
    if text is None:
        raise ValueError(f"chapter {chapter} has no exercise {exercise}")
    return blocks(text, f"{path.name}, exercise {exercise}")


def _steps(text: str, program: list[Block], found: list[Block], timeout: float | None) -> Iterator[Step]:
    """Run the blocks in `found` that use the program, but for those that need a tool that is missing here.

    The last blocks of a chapter show its whole program. Those before the last one that is part of it may show an
    earlier one: such a block is a step only if the chapter's own whole program does what the block shows.
    """
    with TemporaryDirectory(prefix="kaleido-tutorial-") as folder:
        reader = Reader(Path(folder), timeout=timeout, own=text)
        whole = Reader(Path(folder), program, timeout=timeout)
        last = max((index for index, block in enumerate(found) if block.changes_program), default=-1)
        final = found[last + 1 :]
        # Blocks that do not use the program may write the files that later ones read.
        for shown, actual in reader.follow(found):
            step = Step(shown.place, shown.text, actual.text)
            if "kaleidoscope" in shown.text and (step.passed or shown in final or agrees(shown.text, whole.run(shown))):
                yield step


def _differences(text: str, program: list[Block]) -> Iterator[Difference]:
    """The definitions of `program` that `text` does not have or has in another form, in the program's order."""
    own, expected = _trees(text), _trees(tangle(program))
    places = {name: block.place for block in program for name in definitions(block)}
    for name, tree in expected.items():
        if name not in own and name.partition(".")[0] in {name, *own}:
            yield Difference(name, True, places[name])
        elif own.get(name, tree) != tree:
            yield Difference(name, False, places[name])


def _trees(text: str) -> dict[str, str]:
    """The code of each function, method and constant of a program, by name, without docstrings and annotations.

    A class has the code of what is in it beside its methods.
    """
    found = dict[str, str]()
    for statement in ast.parse(text).body:
        match statement:
            case ast.FunctionDef(name=name):
                found[name] = _code(statement)
            case ast.ClassDef(name=name):
                methods = [each for each in statement.body if isinstance(each, ast.FunctionDef)]
                statement.body = [each for each in statement.body if each not in methods]
                found[name] = _code(statement)
                found |= {f"{name}.{each.name}": _code(each) for each in methods}
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = _code(statement)
    return found


def _code(statement: ast.stmt) -> str:
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
    return ast.dump(statement)
