"""The manual page of the command, in the language of ``man``, made from the parsers."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping

from kaleido import __version__
from kaleido.installation.command_options import Argument, arguments_of

__all__ = ["manual_page"]

_EXIT_CODES = {
    "0": "Success.",
    "1": "An error in the program, or output that cannot be written.",
    "2": "A wrong command line, or a script or library that cannot be read.",
    "70": "A defect of Kaleido.",
    "130": "Interrupted by Ctrl-C.",
}

_ENVIRONMENT = {
    "KALEIDO_CACHE": "The folder of the object cache; off: there is none.",
    "XDG_CACHE_HOME": "The folder of the object cache is kaleido in it, if KALEIDO_CACHE is not set.",
    "XDG_CONFIG_HOME": "The REPL runs kaleido/init.kal in it when it starts.",
    "XDG_STATE_HOME": "The REPL's history is kaleido/history in it.",
    "NO_COLOR, FORCE_COLOR": "No colors, or colors also where the output is no terminal.",
    "EDITOR": "The editor of the REPL.",
}


def manual_page(parsers: Mapping[str, ArgumentParser]) -> str:
    """The page for the parsers of all commands, by their names; that of ``kaleido`` is ``""``."""
    lines = [
        f'.TH KALEIDO 1 "" "Kaleido {__version__}" "User Commands"',
        ".SH NAME",
        r"kaleido \- a Kaleidoscope-style language with a tiered JIT",
        ".SH SYNOPSIS",
        *_synopses(parsers),
        ".SH DESCRIPTION",
        *_paragraphs(parsers[""].description or ""),
        ".SH OPTIONS",
        *_arguments(parsers[""]),
        ".SH COMMANDS",
        *(line for name, parser in parsers.items() if name for line in _command(name, parser)),
        ".SH EXIT STATUS",
        *(line for code, text in _EXIT_CODES.items() for line in (".TP", f".B {code}", text)),
        ".SH ENVIRONMENT",
        *(line for name, text in _ENVIRONMENT.items() for line in (".TP", f".B {name}", text)),
    ]
    return "\n".join(lines) + "\n"


def _synopses(parsers: Mapping[str, ArgumentParser]) -> Iterator[str]:
    for number, (name, parser) in enumerate(parsers.items()):
        yield from [".br"] * (number > 0)
        values = [_value(each) for each in arguments_of(parser) if not each.flags]
        yield " ".join([rf"\fBkaleido{f' {name}' if name else ''}\fR", r"[\fIoptions\fR]", *values])


def _value(argument: Argument) -> str:
    value = argument.value if argument.choices else rf"\fI{_text(argument.value)}\fR"
    value += " ..." * argument.repeats
    return value if argument.needed else f"[{value}]"


def _command(name: str, parser: ArgumentParser) -> Iterator[str]:
    yield f'.SS "kaleido {name}"'
    yield from _paragraphs(parser.description or "")
    yield from _arguments(parser)


def _arguments(parser: ArgumentParser) -> Iterator[str]:
    for each in arguments_of(parser):
        if "--help" in each.flags or (parser.prog != "kaleido" and "--color" in each.flags):
            continue
        value = rf" \fI{_text(each.value)}\fR" if each.value else ""
        yield ".TP"
        yield ", ".join(rf"\fB{_text(flag)}\fR{value}" for flag in each.flags) or value.strip()
        yield _text(each.help)


def _paragraphs(text: str) -> Iterator[str]:
    """Lines that are indented stay as they are; others are filled."""
    for paragraph in text.split("\n\n"):
        yield ".PP"
        is_example = re.match(r" ", paragraph) is not None
        yield from [".nf"] * is_example
        yield from (_text(line) for line in paragraph.split("\n"))
        yield from [".fi"] * is_example


def _text(text: str) -> str:
    r"""Text as ``man`` shows it as it is: ``-`` is a hyphen there and ``\-`` a minus, which options begin with."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    return rf"\&{escaped}" if escaped.startswith(".") else escaped
