"""What a command accepts, as data, read from its parser."""

from __future__ import annotations

from argparse import Action, ArgumentParser
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Argument", "arguments_of", "first_sentence"]

# What these stand for in the help are files.
_FILES = {"FILE", "LIB", "OUTPUT", "script"}


class Argument(NamedTuple):
    """An option, or an argument that is known by its place.

    `flags`    of an option, such as ``-q`` and ``--quiet``; of others empty
    `value`    what the value is called in the help; empty if there is none
    `choices`  what the value can be; empty if it can be anything
    `needed`   whether there must be a value
    `repeats`  whether there can be several
    `help`     what it means
    """

    flags: Sequence[str]
    value: str
    choices: Sequence[str]
    needed: bool
    repeats: bool
    help: str

    @property
    def is_file(self) -> bool:
        return self.value in _FILES


def arguments_of(parser: ArgumentParser) -> list[Argument]:
    """The arguments in the order of the help."""
    return [_argument(each) for each in parser._actions]


def _argument(action: Action) -> Argument:
    takes = action.nargs != 0
    choices = [str(each) for each in action.choices or ()]
    name = (action.metavar if isinstance(action.metavar, str) else action.dest) if takes else ""
    value = name if not (takes and choices and action.metavar is None) else "{" + ",".join(choices) + "}"
    repeats = action.nargs in ("*", "+")
    return Argument(action.option_strings, value, choices, action.required, repeats, action.help or "")


def first_sentence(parser: ArgumentParser) -> str:
    """What the command does, without the period."""
    words = " ".join((parser.description or "").split())
    return words.partition(". ")[0].partition(": ")[0].removesuffix(".")
