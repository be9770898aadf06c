"""The options of ``:set``: one table. Most are settings of the REPL; the last are those of the engine's policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kaleido.jit import Policy
from kaleido.session import MODES, mode_of, policy_for, with_threshold, with_tiers

__all__ = ["OPTIONS", "POLICY_OPTIONS", "Option", "Settings", "changed_policy", "policy_value"]

_ON_OFF = ("on", "off")


class Option(NamedTuple):
    """An option: its possible values, of which the first is the default, and its description.

    `number` is the name of a whole number from 1 up, which is a possible value, too.
    """

    name: str
    values: tuple[str, ...]
    description: str
    number: str = ""

    @property
    def choices(self) -> tuple[str, ...]:
        """The possible values, for people."""
        return (*self.values, self.number) if self.number else self.values


_SETTINGS = {
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

POLICY_OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in [
        Option("jit", MODES, "the tiers: those of `--jit`"),
        Option("threshold", ("default",), "calls or iterations until hot", "N"),
    ]
}
"""The options that are part of the engine's policy: see :func:`policy_value` and :func:`changed_policy`."""

OPTIONS: Mapping[str, Option] = {**_SETTINGS, **POLICY_OPTIONS}
"""The options by name, in the order in which ``:set`` shows them."""


class Settings:
    """The current value of each option that is a setting of the REPL."""

    def __init__(self) -> None:
        self._values = {option.name: option.values[0] for option in _SETTINGS.values()}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __setitem__(self, name: str, value: str) -> None:
        """Raises ValueError if the option cannot have this value."""
        if value not in _SETTINGS[name].values:
            raise ValueError(value)
        self._values[name] = value

    def on(self, name: str) -> bool:
        """Whether the value of an option is ``on``."""
        return self._values[name] == "on"


def policy_value(policy: Policy, name: str) -> str:
    """The value that one of POLICY_OPTIONS has in a policy."""
    if name == "jit":
        return mode_of(policy)
    if policy.thresholds == Policy().thresholds:
        return "default"
    return "|".join(f"{threshold:,}" for threshold in dict.fromkeys(policy.thresholds.values()))


def changed_policy(policy: Policy, name: str, value: str) -> Policy:
    """`policy` with another value of one of POLICY_OPTIONS. Raises ValueError if the option cannot have this value."""
    if name == "jit":
        return with_tiers(policy, policy_for(value))
    return with_threshold(policy, None if value == "default" else int(value.replace(",", "")))
