"""Moves between the chapters on a terminal: to the next one, or to one that the user chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from kaleido.jit import uninterrupted
from kaleido.repl.display.console import Console
from kaleido.tutorial.block_runner import BlockRunner
from kaleido.tutorial.bookmark import Bookmark
from kaleido.tutorial.chapters import (
    Block,
    blocks_of,
    chapter_number,
    chapter_range,
    chapters,
    program_at,
    solutions,
    title,
)
from kaleido.tutorial.key_choices import Choice, Key, key_help
from kaleido.tutorial.keyboard import Keyboard
from kaleido.tutorial.layout import Layout
from kaleido.tutorial.markdown import Part, parts
from kaleido.tutorial.pager import ALWAYS, Pager

__all__ = ["Navigator", "chapter_text", "contents"]


class _Quit(Exception):
    """The user has quit."""


class _GoTo(Exception):
    """The user has chosen another chapter."""

    def __init__(self, chapter: int) -> None:
        self.chapter = chapter


def contents(current: int | None = None) -> str:
    """The list of the chapters, with a mark at the current one."""
    lines = ((">" if number == current else " ", number, title(path)) for number, path in chapters().items())
    return "".join(f"{mark} {number:2}  {name}\n" for mark, number, name in lines)


def chapter_text(path: Path, layout: Layout) -> str:
    """The text of a chapter, as the terminal shows it."""
    return "".join(f"{line}\n" for part in _parts(path) for line in layout.lines(part))


def _parts(path: Path) -> list[Part]:
    return parts(path.read_text("utf-8"), path.name)


class Navigator:
    """Shows chapters on `console`, with keys from `keyboard`.

    `make_runner` returns a block runner for a chapter, given the program's blocks from earlier chapters.
    """

    def __init__(
        self, console: Console, keyboard: Keyboard, make_runner: Callable[[Sequence[Block]], BlockRunner]
    ) -> None:
        self._console, self._keyboard, self._make_runner = console, keyboard, make_runner
        self._chapter: int | None = None
        self._bookmark: Bookmark | None = None

    def run(self, chapter: int | None) -> None:
        """Begin with a chapter, or with a question if it is None; return when the user quits. Raises OSError."""
        # Ctrl-C is delivered only while input is read or a block runs.
        with uninterrupted():
            try:
                chapter = chapter or self._first_chapter()
                while True:
                    chapter = self._show(chapter)
            except _Quit:
                self._console.flush()

    def _first_chapter(self) -> int:
        self._bookmark = bookmark = Bookmark.load()
        first = bookmark.chapter if bookmark is not None else min(chapters())
        where = f"{first}, where you stopped" if bookmark is not None else "the first"
        listed = contents(first if bookmark is not None else None)
        self._console.write(f"Build a language with a tiered JIT yourself:\n\n{listed}\n")
        try:
            chapter = self._ask_chapter(f"Which chapter? (Enter: {where}) ")
        except EOFError:
            raise _Quit from None
        if chapter is not None:
            self._bookmark = None
        return chapter or first

    def _ask_chapter(self, question: str) -> int | None:
        """The chapter that the user chooses; None for an empty answer. Raises EOFError, and _Quit."""
        self._console.flush()
        while answer := self._keyboard.line(question).strip():
            if (chapter := chapter_number(answer)) is not None:
                return chapter
            if answer == Key.QUIT.value:
                raise _Quit
            self._console.write(f"No such chapter: {chapter_range()}.\n")
            self._console.flush()
        return None

    def _show(self, chapter: int) -> int:
        """Show a chapter. Return the number of the chapter to continue with. Raises _Quit."""
        self._chapter = chapter
        start, self._bookmark = self._bookmark.part if self._bookmark is not None else 0, None

        def ask(choices: Sequence[Choice]) -> Key:
            # Now, because the terminal may be closed.
            Bookmark(chapter, pager.part).save()
            return self._ask(choices)

        with closing(self._make_runner(program_at(chapter - 1))) as runner:
            pager = Pager(_parts(chapters()[chapter]), self._console, ask, runner, start=start)
            try:
                pager.run()
                return self._at_the_end(chapter, pager, runner)
            except _GoTo as choice:
                return choice.chapter
            finally:
                Bookmark(chapter, pager.part).save()

    def _at_the_end(self, chapter: int, pager: Pager, runner: BlockRunner) -> int:
        following = chapter + 1 if chapter + 1 in chapters() else None
        if following is None:
            self._console.write("This was the last chapter.\n")
        onward = [Choice(Key.MORE, f"chapter {following}")] if following else []
        solved = [Choice(Key.SOLUTIONS, "solutions")] if solutions(chapter).exists() else []
        choices = [*onward, Choice(Key.QUIT, "quit"), *solved, *ALWAYS, Choice(Key.BACK, "back"), Choice(Key.UP, "up")]
        while True:
            match self._ask(choices):
                case Key.MORE if following:
                    return following
                case Key.SOLUTIONS:
                    self._show_solutions(chapter)
                case Key.BACK:
                    pager.go_back()
                    pager.run()
                case Key.UP:
                    pager.go_up()
                    pager.run()
                case Key.TRY:
                    runner.prompt(blocks_of(chapters()[chapter]))

    def _show_solutions(self, chapter: int) -> None:
        """Show the solutions of the exercises. Each section continues the chapter's program, and has its files."""
        files = [block for block in blocks_of(chapters()[chapter]) if block.language == "kal"]
        with closing(self._make_runner(program_at(chapter))) as runner:
            found = _parts(solutions(chapter))
            Pager(found, self._console, self._ask, runner, before=files, independent=True).run()

    def _ask(self, choices: Sequence[Choice]) -> Key:
        """The key that is pressed, of `choices`. QUIT, HELP and CONTENTS are performed here. Raises _Quit and _GoTo."""
        while True:
            self._console.flush()
            key = self._keyboard.key(choices)
            if key is Key.QUIT:
                raise _Quit
            if key is Key.HELP:
                self._console.write("".join(f"{line}\n" for line in Layout.on(self._console).lines(key_help(choices))))
            elif key is Key.CONTENTS:
                self._choose_chapter()
            else:
                return key

    def _choose_chapter(self) -> None:
        """List the chapters and ask for one. Raises _GoTo if the user chooses one."""
        self._console.write(f"\n{contents(self._chapter)}\n")
        try:
            chapter = self._ask_chapter("Which chapter? (Enter: continue with this one) ")
        except EOFError:
            return
        if chapter is not None:
            raise _GoTo(chapter)
