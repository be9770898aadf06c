"""Guides a reader through the chapters on a terminal: from one to the next, or to the one that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from kaleido.jit import uninterrupted
from kaleido.repl.console import Console
from kaleido.tutorial.block_runner import Workshop
from kaleido.tutorial.chapters import Block, blocks_of, chapters, numbered, program_at, solutions, there_are, title
from kaleido.tutorial.key_choices import Choice, Key, explained
from kaleido.tutorial.keyboard import Keyboard
from kaleido.tutorial.layout import Layout
from kaleido.tutorial.markdown import Part, parts
from kaleido.tutorial.pager import ALWAYS, Walk

__all__ = ["Guide", "contents", "whole"]


class _Leave(Exception):
    """The reader has read enough."""


class _GoTo(Exception):
    """The reader wants another chapter."""

    def __init__(self, chapter: int) -> None:
        self.chapter = chapter


def contents(current: int | None = None) -> str:
    """The list of the chapters, with a mark at the one that is being read."""
    lines = ((">" if number == current else " ", number, title(path)) for number, path in chapters().items())
    return "".join(f"{mark} {number:2}  {name}\n" for mark, number, name in lines)


def whole(path: Path, layout: Layout) -> str:
    """A whole chapter, as it is shown."""
    return "".join(f"{line}\n" for part in _parts(path) for line in layout.lines(part))


def _parts(path: Path) -> list[Part]:
    return parts(path.read_text("utf-8"), path.name)


class Guide:
    """Shows chapters on `console`, and asks `keyboard` how to go on.

    `workshop` makes a workshop for a chapter, given the program's blocks from earlier ones.
    """

    def __init__(self, console: Console, keyboard: Keyboard, workshop: Callable[[Sequence[Block]], Workshop]) -> None:
        self._console, self._keyboard, self._workshop = console, keyboard, workshop
        self._chapter: int | None = None

    def run(self, chapter: int | None) -> None:
        """Begin with a chapter, or where that is None, ask; go on until the reader leaves. Raises OSError."""
        # Ctrl-C strikes where something is read or run, and not in between.
        with uninterrupted():
            try:
                chapter = chapter or self._first()
                while True:
                    chapter = self._read(chapter)
            except _Leave:
                self._console.flush()

    def _first(self) -> int:
        self._console.write("Build a language with a tiered JIT yourself:\n\n" + contents() + "\n")
        try:
            return self._asked("Which chapter? (Enter: the first) ") or min(chapters())
        except EOFError:
            raise _Leave from None

    def _asked(self, question: str) -> int | None:
        """The chapter that is asked for, if any. Raises EOFError, and _Leave."""
        self._console.flush()
        while answer := self._keyboard.line(question).strip():
            if (chapter := numbered(answer)) is not None:
                return chapter
            if answer == Key.QUIT.value:
                raise _Leave
            self._console.write(f"There is no such chapter: {there_are()}.\n")
            self._console.flush()
        return None

    def _read(self, chapter: int) -> int:
        """Go through a chapter; gives the one to go on with. Raises _Leave."""
        self._chapter = chapter
        try:
            with closing(self._workshop(program_at(chapter - 1))) as workshop:
                walk = Walk(_parts(chapters()[chapter]), self._console, self._ask, workshop)
                walk.to_the_end()
                return self._at_the_end(chapter, walk, workshop)
        except _GoTo as wish:
            return wish.chapter

    def _at_the_end(self, chapter: int, walk: Walk, workshop: Workshop) -> int:
        following = chapter + 1 if chapter + 1 in chapters() else None
        if following is None:
            self._console.write("This was the last chapter.\n")
        onward = [Choice(Key.MORE, f"chapter {following}")] if following else []
        solved = [Choice(Key.SOLUTIONS, "solutions")] if solutions(chapter).exists() else []
        choices = [*onward, Choice(Key.QUIT, "quit"), *solved, *ALWAYS, Choice(Key.BACK, "back")]
        while True:
            match self._ask(choices):
                case Key.MORE if following:
                    return following
                case Key.SOLUTIONS:
                    self._solve(chapter)
                case Key.BACK:
                    walk.go_back()
                    walk.to_the_end()
                case Key.TRY:
                    workshop.prompt(blocks_of(chapters()[chapter]))

    def _solve(self, chapter: int) -> None:
        """Go through the solutions of the exercises. Each continues the chapter's program, and has its files."""
        files = [block for block in blocks_of(chapters()[chapter]) if block.language == "kal"]
        with closing(self._workshop(program_at(chapter))) as workshop:
            Walk(
                _parts(solutions(chapter)), self._console, self._ask, workshop, before=files, apart=True
            ).to_the_end()  # fmt: skip

    def _ask(self, choices: Sequence[Choice]) -> Key:
        """What to do now, of `choices`. What is the same everywhere is done here. Raises _Leave and _GoTo."""
        while True:
            self._console.flush()
            key = self._keyboard.key(choices)
            if key is Key.QUIT:
                raise _Leave
            if key is Key.HELP:
                self._console.write("".join(f"{line}\n" for line in Layout.on(self._console).lines(explained(choices))))
            elif key is Key.CONTENTS:
                self._go_elsewhere()
            else:
                return key

    def _go_elsewhere(self) -> None:
        """Show all chapters; raises _GoTo if another is wanted."""
        self._console.write(f"\n{contents(self._chapter)}\n")
        try:
            chapter = self._asked("Which chapter? (Enter: on with this one) ")
        except EOFError:
            return
        if chapter is not None:
            raise _GoTo(chapter)
