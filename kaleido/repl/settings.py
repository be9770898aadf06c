"""What users may choose with ``:set``: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["OPTIONS", "Option", "Settings"]

_ON_OFF = ("on", "off")


@dataclass(frozen=True)
class Option:
    """An option: the values it can have, the first of them at the beginning, and what it is for."""

    name: str
    values: tuple[str, ...]
    meaning: str


OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in [
        Option("notices", _ON_OFF, "a line when code changes its tier, or is freed"),
        Option("toolbar", _ON_OFF, "the line at the bottom"),
        Option("suggestions", _ON_OFF, "what you may be about to type"),
        Option("pager", _ON_OFF, "long output a screen at a time"),
        Option("values", _ON_OFF, "the values of expressions"),
        Option("vi", ("off", "on"), "the keys of vi, not of Emacs"),
        Option("theme", ("auto", "dark", "light", "either"), "colors for your background"),
    ]
}
"""The options by name, in the order in which ``:set`` shows them."""


class Settings:
    """The value of each option."""

    def __init__(self) -> None:
        self._values = {option.name: option.values[0] for option in OPTIONS.values()}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __setitem__(self, name: str, value: str) -> None:
        """Raises ValueError where that is no value of the option."""
        if value not in OPTIONS[name].values:
            raise ValueError(value)
        self._values[name] = value

    def on(self, name: str) -> bool:
        """Whether an option is switched on."""
        return self._values[name] == "on"
