"""Shows a chapter, or its solutions, a screenful at a time, and runs the blocks in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile

from kaleido.repl.display.console import Console
from kaleido.tutorial.block_runner import BlockRunner
from kaleido.tutorial.chapters import Block
from kaleido.tutorial.key_choices import Choice, Key
from kaleido.tutorial.layout import Layout, Place, is_runnable
from kaleido.tutorial.markdown import Heading, Part

__all__ = ["ALWAYS", "Pager"]

ALWAYS = (Choice(Key.TRY, "try"), Choice(Key.CONTENTS, "contents"), Choice(Key.HELP, "keys"))
"""The choices that are always available, beside QUIT."""


class Pager:
    """Shows parts on `console`, and calls `ask` for the next key.

    `before`      blocks that come before the first part
    `independent` whether each section continues `before` only, and not the sections above it
    `start`       the index of the part to begin with
    """

    def __init__(
        self,
        parts: Sequence[Part],
        console: Console,
        ask: Callable[[Sequence[Choice]], Key],
        runner: BlockRunner,
        *,
        before: Sequence[Block] = (),
        independent: bool = False,
        start: int = 0,
    ) -> None:
        self._parts, self._console, self._ask, self._runner = parts, console, ask, runner
        self._before, self._independent = before, independent
        # The place where the current screenful begins, the place after it, and where those before it have begun.
        self._shown = self._next = Place(min(start, len(parts) - 1))
        self._before_shown: list[Place] = []
        self._alone = False

    @property
    def part(self) -> int:
        """The index of the first part on the screen."""
        return self._shown.part

    def run(self) -> None:
        """Show the parts to the end. Raises OSError, and what `ask` raises."""
        while self._next.part < len(self._parts):
            if self._next != self._shown:
                self._before_shown.append(self._shown)
            self._show()
            if self._next.part < len(self._parts) or self._block is not None:
                self._handle_keys()

    def go_back(self) -> None:
        """Continue at the beginning of the current section, or if that has just been shown, of the section before."""
        self._next = Place(self._section_before(self._shown))

    def go_up(self) -> None:
        """Continue with the screenful that was shown before this one; at the first one, show it again."""
        self._next = self._shown = self._before_shown.pop() if self._before_shown else Place()
        self._alone = True

    def _show(self) -> None:
        """Show the next screenful."""
        self._shown = self._next
        layout, rows = Layout.on(self._console), self._console.rows - 1
        lines, self._next = layout.screenful(self._parts, self._shown, rows)
        if self._alone:
            # What is above it on the screen comes after it in the chapter.
            self._console.write("\n" * (rows - len(lines)))
            self._alone = False
        self._console.write("".join(f"{line}\n" for line in lines))

    def _handle_keys(self) -> None:
        """Perform the keys that are pressed, up to one that shows another screenful."""
        while True:
            match self._ask(self._choices()):
                case Key.RUN if (index := self._block_above) is not None:
                    block = self._parts[index]
                    assert isinstance(block, Block)
                    self._runner.run(block, self._earlier(index))
                    self._console.write("\n")
                    continue
                case Key.TRY:
                    self._runner.prompt(self._earlier(self._next.part))
                    self._console.write("\n")
                    self._next = self._shown
                case Key.SECTION:
                    self._skip_to(self._section_after(self._next))
                case Key.EXERCISES:
                    self._skip_to(self._exercises or 0)
                case Key.BACK:
                    self.go_back()
                case Key.UP:
                    self.go_up()
            return

    def _skip_to(self, part: int) -> None:
        # A block may have been shown in part.
        self._console.write("\n" if self._next.line else "")
        self._next = Place(part)

    @property
    def _block_index(self) -> int:
        """The index of the last part on the screen, which may go on below it."""
        return self._next.part if self._next.line else self._next.part - 1

    @property
    def _block(self) -> Block | None:
        """The block at the end of the screenful if it can be run."""
        return self._runnable(self._block_index)

    @property
    def _block_above(self) -> int | None:
        """The index of the last block in the section, down to the end of the screenful, that can be run."""
        last = self._block_index
        first = self._section_before(Place(last + 1))
        return next((index for index in range(last, first - 1, -1) if self._runnable(index) is not None), None)

    def _runnable(self, index: int) -> Block | None:
        """The block at an index if it can be run. Kaleido lacks the features that solutions add."""
        if index < 0 or not is_runnable(self._parts, index):
            return None
        part = self._parts[index]
        return part if isinstance(part, Block) and not (self._independent and part.language == "kal") else None

    @property
    def _exercises(self) -> int | None:
        """The index of the heading of the exercises; None if there are none below."""
        found = (
            index
            for index, part in enumerate(self._parts[self._next.part :], self._next.part)
            if isinstance(part, Heading) and part.text == "Exercises"
        )
        return next(found, None)

    def _choices(self) -> list[Choice]:
        """The available choices, the most important first."""
        block = self._block
        run = [] if block is None else [Choice(Key.RUN, "run in Kaleido" if block.language == "kal" else "run it")]
        exercises = [Choice(Key.EXERCISES, "exercises")] if self._exercises is not None else []
        moving = [Choice(Key.SECTION, "next section"), Choice(Key.UP, "up"), *exercises]
        attempt, *others = ALWAYS
        again = [Choice(Key.RUN, "run above")] if block is None and self._block_above is not None else []
        first = [Choice(Key.MORE, "more"), *run, Choice(Key.QUIT, "quit"), Choice(Key.BACK, "back")]
        return [*first, attempt, *others, *moving, *again]

    def _earlier(self, end: int) -> list[Block]:
        """The blocks before a part, given its index."""
        start = self._section_before(Place(end)) if self._independent else 0
        return [*self._before, *(part for part in self._parts[start:end] if isinstance(part, Block))]

    def _section_after(self, place: Place) -> int:
        """The index of the part that begins the next section, or the number of parts."""
        first = place.part + (place.line > 0)
        return first + len(list(takewhile(lambda part: not _begins_section(part), self._parts[first:])))

    def _section_before(self, place: Place) -> int:
        """The index of the part that begins the section of `place`, or if that is its beginning, the section before."""
        end = place.part + (place.line > 0)
        return max((index for index, part in enumerate(self._parts[:end]) if _begins_section(part)), default=0)


def _begins_section(part: Part) -> bool:
    return isinstance(part, Heading) and part.level <= 2
