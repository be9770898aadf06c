"""One way through a chapter, or through its solutions: a screenful at a time, with blocks that run where they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile

from kaleido.repl.console import Console
from kaleido.tutorial.block_runner import Workshop
from kaleido.tutorial.chapters import Block
from kaleido.tutorial.key_choices import Choice, Key
from kaleido.tutorial.layout import Layout, Place, is_runnable
from kaleido.tutorial.markdown import Heading, Part

__all__ = ["ALWAYS", "Walk"]

ALWAYS = (Choice(Key.TRY, "try"), Choice(Key.CONTENTS, "contents"), Choice(Key.HELP, "keys"))
"""What can be done anywhere, beside leaving."""


class Walk:
    """Shows parts on `console`, and asks `ask` how to go on.

    `before`  blocks that stand before all of these
    `apart`   each section continues what `before` has come to, and not the section above it
    """

    def __init__(
        self,
        parts: Sequence[Part],
        console: Console,
        ask: Callable[[Sequence[Choice]], Key],
        workshop: Workshop,
        *,
        before: Sequence[Block] = (),
        apart: bool = False,
    ) -> None:
        self._parts, self._console, self._ask, self._workshop = parts, console, ask, workshop
        self._before, self._apart = before, apart
        # Where the screenful begins that is shown, and what comes behind it.
        self._shown, self._next = Place(), Place()

    def to_the_end(self) -> None:
        """Show everything. Raises what `ask` raises, and OSError."""
        while self._next.part < len(self._parts):
            self._show()
            if self._next.part < len(self._parts) or self._block is not None:
                self._obey()

    def go_back(self) -> None:
        """Have the section come next that what is shown is in, or where it begins with that, the one before."""
        self._next = Place(self._section_before(self._shown))

    def _show(self) -> None:
        """Show the next screenful."""
        self._shown = self._next
        layout, rows = Layout.on(self._console), self._console.rows - 1
        lines, self._next = layout.screenful(self._parts, self._shown, rows)
        self._console.write("".join(f"{line}\n" for line in lines))

    def _obey(self) -> None:
        """Do what is pressed, until that is to show more."""
        while True:
            match self._ask(self._choices()):
                case Key.RUN if self._block is not None:
                    self._workshop.run(self._block, self._earlier(self._next.part - 1))
                    self._console.write("\n")
                    continue
                case Key.TRY:
                    self._workshop.prompt(self._earlier(self._next.part))
                    self._console.write("\n")
                    self._next = self._shown
                case Key.SECTION:
                    # A block may have been shown in part.
                    self._console.write("\n" if self._next.line else "")
                    self._next = Place(self._section_after(self._next))
                case Key.BACK:
                    self.go_back()
            return

    @property
    def _block(self) -> Block | None:
        """The block at the end of what is shown, if it can be run. Kaleido lacks what solutions add."""
        if not self._next.part or self._next.line:
            return None
        part = self._parts[self._next.part - 1]
        return part if is_runnable(part) and not (self._apart and part.language == "kal") else None

    def _choices(self) -> list[Choice]:
        """What can be done now; what matters most stands first."""
        block = self._block
        run = [] if block is None else [Choice(Key.RUN, "run it in Kaleido" if block.language == "kal" else "run it")]
        moving = [Choice(Key.SECTION, "next section"), Choice(Key.BACK, "back")]
        attempt, *others = ALWAYS
        return [Choice(Key.MORE, "more"), *run, Choice(Key.QUIT, "quit"), attempt, *others, *moving]

    def _earlier(self, end: int) -> list[Block]:
        """The blocks that stand before a part."""
        start = self._section_before(Place(end)) if self._apart else 0
        return [*self._before, *(part for part in self._parts[start:end] if isinstance(part, Block))]

    def _section_after(self, place: Place) -> int:
        """Where the next section begins; where there is none, the end."""
        first = place.part + (place.line > 0)
        return first + len(list(takewhile(lambda part: not _begins_section(part), self._parts[first:])))

    def _section_before(self, place: Place) -> int:
        """Where the section begins that `place` is in, or where that is its beginning, the one before."""
        end = place.part + (place.line > 0)
        return max((index for index, part in enumerate(self._parts[:end]) if _begins_section(part)), default=0)


def _begins_section(part: Part) -> bool:
    return isinstance(part, Heading) and part.level <= 2
