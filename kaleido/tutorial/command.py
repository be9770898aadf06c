"""The command ``kaleido tutorial``: its arguments, and what it does without a terminal."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from kaleido.diagnostics import OK
from kaleido.language.source_files import reason, shown
from kaleido.repl.display.console import Console
from kaleido.terminal import streams
from kaleido.tutorial.block_runner import BlockRunner
from kaleido.tutorial.chapters import GLOSSARY, REFERENCE, Block, chapter_number, chapter_range, chapters, program_at
from kaleido.tutorial.keyboard import Keyboard, LineKeyboard, TerminalKeyboard, terminal_mode
from kaleido.tutorial.layout import Layout
from kaleido.tutorial.navigator import Navigator, chapter_text, contents
from kaleido.tutorial.tangle import tangle

__all__ = ["run"]

_USAGE = 2

_DESCRIPTION = """Build a small language with a tiered JIT yourself, chapter by chapter.

On a terminal, a chapter is shown a screenful at a time: run its blocks with a
key, or open a Kaleido prompt to try things. Without a terminal, the chapter is
printed, or without a number, the list of chapters.

  kaleido tutorial check N FILE    check your own program against chapter N
  kaleido tutorial history FOLDER  the growth of the program, as a git repository
  kaleido tutorial reference       the language on one page
  kaleido tutorial glossary        the terms, with the chapters that introduce them
"""


# The commands of `kaleido tutorial`, and the modules that implement them with a function `run`.
_COMMANDS = {"check": "kaleido.tutorial.check_command", "history": "kaleido.tutorial.program_history"}

# The words that show a page, with the page and the description of the command.
_PAGES = {
    "reference": (REFERENCE, "Show the language on one page."),
    "glossary": (GLOSSARY, "Show the terms of the tutorial, with the chapters that introduce them."),
}


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command; `parser` has the options that all commands share. Return the exit code.

    Raises SystemExit if the command line is wrong, and OSError if output cannot be written.
    """
    if arguments and arguments[0] in _COMMANDS:
        return int(import_module(_COMMANDS[arguments[0]]).run(arguments[1:], parser))
    if arguments and arguments[0] in _PAGES:
        return _show_page(arguments[0], arguments[1:], parser)
    options = _options(arguments, parser)
    if options.program is not None:
        return _write_program(options, parser)
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    console = Console.of_streams(options.color, interactive=interactive)
    if interactive:
        with terminal_mode(by_line=console.dumb):
            _navigator(console).run(options.chapter)
    else:
        _print(options.chapter, console)
    return OK


def _show_page(name: str, arguments: Sequence[str], parser: ArgumentParser) -> int:
    page, parser.description = _PAGES[name]
    parser.prog += f" {name}"
    console = Console.of_streams(
        parser.parse_args(arguments).color, interactive=sys.stdin.isatty() and sys.stdout.isatty()
    )
    console.show(chapter_text(page, Layout.on(console)))
    console.flush()
    return OK


def _options(arguments: Sequence[str], parser: ArgumentParser) -> Namespace:
    parser.description = _DESCRIPTION
    parser.add_argument("chapter", nargs="?", metavar="N", help="the chapter to begin with")
    parser.add_argument(
        "--program", metavar="FILE",
        help="write the program at the end of chapter N to a new FILE instead of showing the chapter; "
        "- is standard output",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    if options.chapter is not None:
        number = chapter_number(options.chapter)
        if number is None:
            parser.error(f"no chapter {shown(options.chapter)}: {chapter_range()}")
        options.chapter = number
    elif options.program is not None:
        parser.error(f"--program needs a chapter: {chapter_range()}")
    return options


def _write_program(options: Namespace, parser: ArgumentParser) -> int:
    program = tangle(program_at(options.chapter), sections=True)
    if not program:
        parser.exit(_USAGE, f"kaleido: at the end of chapter {options.chapter} there is no program yet\n")
    if options.program == "-":
        streams.write(program)
        streams.flush()
        return OK
    try:
        # Never overwrite a file: it may be the reader's own work.
        with Path(options.program).open("x", encoding="utf-8") as file:
            file.write(program)
    except (OSError, ValueError) as error:
        parser.exit(_USAGE, f"kaleido: cannot write {shown(options.program)}: {reason(error)}\n")
    return OK


def _navigator(console: Console) -> Navigator:
    keyboard: Keyboard = LineKeyboard(console, sys.stdin.buffer) if console.dumb else TerminalKeyboard()

    def make_runner(before: Sequence[Block]) -> BlockRunner:
        return BlockRunner(console, before)

    return Navigator(console, keyboard, make_runner)


def _print(chapter: int | None, console: Console) -> None:
    if chapter is None:
        console.write(contents())
    else:
        console.write(chapter_text(chapters()[chapter], Layout.on(console)))
    console.flush()
