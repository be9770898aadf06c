"""What can be pressed while a chapter is read, and the line that says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from kaleido.terminal.text import width
from kaleido.tutorial.markdown import Listing

__all__ = ["Choice", "Key", "explained", "key_line"]


class Key(Enum):
    """A key, by the character that it gives; in the order in which they are shown."""

    MORE = "\r"
    RUN = "r"
    TRY = "t"
    SECTION = "n"
    BACK = "b"
    SOLUTIONS = "s"
    CONTENTS = "c"
    HELP = "?"
    QUIT = "q"

    @property
    def shown(self) -> str:
        return "Enter" if self is Key.MORE else self.value


@dataclass(frozen=True)
class Choice:
    """A key that does something where one is, and what that is, in a word or two."""

    key: Key
    label: str


_MEANINGS = {
    Key.MORE: "goes on; so do the space bar and the down arrow",
    Key.RUN: "runs the block above, and Ctrl-C stops it: Kaleidoscope in Kaleido, which can do all of it; what stands "
    "behind $ or >>> with your program as the chapters have it so far, in a folder that goes away",
    Key.TRY: "a Kaleido prompt, where what the last file above defines is defined; Ctrl-D comes back here",
    Key.SECTION: "goes on with the next section",
    Key.BACK: "goes back to the beginning of the section, or to the one before",
    Key.SOLUTIONS: "shows the solutions of the exercises",
    Key.CONTENTS: "shows all chapters, to go to another one",
    Key.QUIT: "leaves; so does Ctrl-D",
}


def explained(choices: Iterable[Choice]) -> Listing:
    """What the keys do."""
    keys = {choice.key for choice in choices}
    return Listing(tuple((f"{key.shown:5}", _MEANINGS[key]) for key in Key if key in keys and key in _MEANINGS))


def key_line(choices: Iterable[Choice], columns: int) -> str:
    """The keys in a line of at most so many columns. Without room for all, what is last in `choices` is left out."""
    chosen: list[Choice] = []
    for choice in choices:
        if width(_joined([*chosen, choice])) > columns:
            break
        chosen.append(choice)
    return _joined(chosen)


def _joined(choices: list[Choice]) -> str:
    order = list(Key)
    shown = sorted(choices, key=lambda choice: order.index(choice.key))
    return " · ".join(f"{choice.key.shown} {choice.label}" for choice in shown)
