"""The options of ``:set``: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["OPTIONS", "Option", "Settings"]

_ON_OFF = ("on", "off")


@dataclass(frozen=True)
class Option:
    """An option: its possible values, of which the first is the default, and its description."""

    name: str
    values: tuple[str, ...]
    description: str


OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in [
        Option("notices", _ON_OFF, "lines that report what the JIT did"),
        Option("toolbar", _ON_OFF, "the status line below the prompt"),
        Option("suggestions", _ON_OFF, "suggestions from the history"),
        Option("pager", _ON_OFF, "long output one screen at a time"),
        Option("values", _ON_OFF, "the values of expressions"),
        Option("vi", ("off", "on"), "vi keys instead of Emacs keys"),
        Option("theme", ("auto", "dark", "light", "either"), "colors for your background"),
    ]
}
"""The options by name, in the order in which ``:set`` shows them."""


class Settings:
    """The current value of each option."""

    def __init__(self) -> None:
        self._values = {option.name: option.values[0] for option in OPTIONS.values()}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __setitem__(self, name: str, value: str) -> None:
        """Raises ValueError if the option cannot have this value."""
        if value not in OPTIONS[name].values:
            raise ValueError(value)
        self._values[name] = value

    def on(self, name: str) -> bool:
        """Whether the value of an option is ``on``."""
        return self._values[name] == "on"
