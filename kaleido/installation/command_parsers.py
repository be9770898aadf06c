"""The parsers of all commands: each command adds its arguments to its parser just before it parses."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NoReturn

from kaleido.command_line.arguments import add_color, base_parser, main_parser

__all__ = ["command_parsers"]


class _Complete(Exception):
    """The parser has all arguments."""


class _Parser(ArgumentParser):
    def parse_args(self, *arguments: Any, **options: Any) -> NoReturn:
        raise _Complete


def command_parsers(commands: Mapping[str, str]) -> dict[str, ArgumentParser]:
    """The parsers by names. `commands` are the modules of all commands by theirs; ``kaleido`` itself is ``""``."""
    return {"": main_parser(), **{name: _parser_of(name, commands[name]) for name in sorted(commands)}}


def _parser_of(name: str, module: str) -> ArgumentParser:
    parser = base_parser(f"kaleido {name}", _Parser)
    add_color(parser)
    try:
        import_module(module).run([], parser)
    except _Complete:
        return parser
    raise AssertionError(f"{module}.run has not parsed its arguments")
