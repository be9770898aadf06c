"""The keys of the tutorial, and the line that shows those available."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from kaleido.terminal.text import width
from kaleido.tutorial.markdown import Listing

__all__ = ["Choice", "Key", "key_help", "key_line"]


class Key(Enum):
    """A key, by its character. The order is the order in which keys are shown."""

    MORE = "\r"
    RUN = "r"
    TRY = "t"
    SECTION = "n"
    BACK = "b"
    UP = "u"
    EXERCISES = "e"
    SOLUTIONS = "s"
    CONTENTS = "c"
    HELP = "?"
    QUIT = "q"

    @property
    def shown(self) -> str:
        return "Enter" if self is Key.MORE else self.value


@dataclass(frozen=True)
class Choice:
    """An available key, and a label of one or two words for what it does."""

    key: Key
    label: str


_MEANINGS = {
    Key.MORE: "continues; so do the space bar and the down arrow",
    Key.RUN: "runs the last block above in this section; Ctrl-C stops it. Kaleidoscope runs in Kaleido, "
    "which implements all of it; what follows $ or >>> runs with your program at this point of the chapters, in a "
    "temporary folder",
    Key.TRY: "opens a Kaleido prompt with the definitions of the last file above; Ctrl-D returns here",
    Key.SECTION: "continues with the next section",
    Key.BACK: "goes back to the beginning of the section, or to the section before",
    Key.UP: "goes back by one screenful; so do the up arrow and Page Up",
    Key.EXERCISES: "goes on to the exercises of the chapter",
    Key.SOLUTIONS: "shows the solutions of the exercises",
    Key.CONTENTS: "lists all chapters, to choose another one",
    Key.QUIT: "quits; so does Ctrl-D",
}


def key_help(choices: Iterable[Choice]) -> Listing:
    """What each of the available keys does."""
    keys = {choice.key for choice in choices}
    return Listing(tuple((f"{key.shown:5}", _MEANINGS[key]) for key in Key if key in keys and key in _MEANINGS))


def key_line(choices: Iterable[Choice], columns: int) -> str:
    """The available keys in a line of at most `columns`. The last of `choices` are left out if they do not fit."""
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
