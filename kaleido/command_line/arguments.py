"""The command line of ``kaleido``, read with argparse: what each option means.

The defaults are those of :class:`Options`.
"""

from __future__ import annotations

import re
from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

from kaleido.command_line.options import Options
from kaleido.terminal import streams

__all__ = ["add_color", "add_program_options", "base_parser", "main_parser", "missing_extra", "parsed", "parsed_by"]

SMALLEST_STACK, LARGEST_STACK = 1 << 20, 1 << 40


def base_parser(name: str, kind: type[ArgumentParser] = ArgumentParser) -> ArgumentParser:
    """The parser of a command, with no options but `--help`."""
    parser = kind(
        prog=name, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False, add_help=False
    )  # fmt: skip
    parser.add_argument("-h", "--help", action=_Help, default=SUPPRESS, nargs=0, help="show this help and exit")
    return parser


def add_color(parser: ArgumentParser) -> None:
    """Add the option `--color`, which all commands have."""
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto",
        help="colors: auto obeys NO_COLOR and FORCE_COLOR, and otherwise colors output to a terminal (default: auto)",
    )  # fmt: skip


def missing_extra(parser: ArgumentParser, what: str, extra: str, error: ImportError) -> NoReturn:
    """Report that a part of Kaleido needs a package of one of the distribution's extras. Raises SystemExit."""
    parser.error(f"{what} needs {error.name}: install the extra, as in pip install 'kaleido-lang[{extra}]'")


def parsed(arguments: Sequence[str]) -> Options:
    """The options that a command line sets. Raises SystemExit, with the exit code, after a message about an error."""
    return parsed_by(main_parser(), arguments, Options())


Parsed = TypeVar("Parsed", bound=Options)


def parsed_by(parser: ArgumentParser, arguments: Sequence[str], options: Parsed) -> Parsed:
    """`options`, changed by a command line. Raises SystemExit, with the exit code, after a message about an error."""
    return parser.parse_args(_with_code_joined(arguments), options)


def _with_code_joined(arguments: Sequence[str]) -> list[str]:
    """`arguments` with the code after ``-c`` joined to it: argparse takes code such as ``-(1)`` for an option."""
    joined = [*arguments]
    for index, argument in enumerate(joined[:-1]):
        if not argument.startswith("-") or argument in ("-", "--"):
            break
        if re.fullmatch("-[iq]*c", argument) and joined[index + 1]:
            joined[index : index + 2] = [argument + joined[index + 1]]
            break
    return joined


def main_parser() -> ArgumentParser:
    """The parser of ``kaleido`` without a subcommand."""
    parser = base_parser("kaleido")
    parser.description = (
        "A Kaleidoscope-style language with a tiered JIT.\n\n"
        "Without a script: start the REPL on a terminal, otherwise run standard input.\n"
        "\n"
        "Commands, each with a --help of its own:\n"
        "  tutorial     build a small language of this kind yourself\n"
        "  bench        measure a program in each mode\n"
        "  report       run a program and make a page of what the JIT did\n"
        "  lab          that page, live, beside an editor in the browser\n"
        "  build        make a native executable of a program\n"
        "  fmt          write programs in one layout\n"
        "  lsp          the language server for editors\n"
        "  cache        the machine code of earlier runs\n"
        "  doctor       what is installed and what works\n"
        "  completions  completions for bash, zsh and fish\n"
        "  man          the manual page"
    )
    add_program_options(parser)
    parser.add_argument("-i", dest="interactive", action="store_true", help="start the REPL afterwards")
    parser.add_argument(
        "--stats",
        action="store_true",
        help="at the end, write a table of compiled functions and loops to standard error",
    )
    parser.add_argument("--trace", metavar="FILE", help="write the JIT's events to FILE as Chrome trace events (JSON)")
    parser.add_argument(
        "--jitdump",
        action="store_true",
        help="write the machine code for perf, to ./jit-PID.dump: for `perf inject --jit`, then `perf annotate`",
    )
    parser.add_argument(
        "--perf-map", action="store_true", help="name the machine code for the profiler perf, in /tmp/perf-PID.map"
    )
    parser.add_argument(
        "--gdb", action="store_true", help="show the debugger gdb lines, variables and calls of the machine code"
    )
    parser.add_argument(
        "--emit",
        choices=("ast", "llvm", "asm"),
        help="show the program's syntax tree, LLVM IR or assembly instead of running it",
    )
    add_color(parser)
    parser.add_argument("--no-init", dest="init", action="store_false", help="do not run your init.kal in the REPL")
    parser.add_argument("--no-history", dest="history", action="store_false", help="do not save the REPL's history")
    parser.add_argument("--version", action="store_true", help="show the versions of Kaleido, llvmlite and LLVM")
    return parser


def add_program_options(parser: ArgumentParser) -> None:
    """Add the options that say which program runs, and how."""
    parser.add_argument("script", nargs="?", help="the file to run; - is standard input")
    parser.add_argument("arguments", nargs="*", help="ignored: scripts cannot read arguments yet")
    parser.add_argument("-c", dest="code", metavar="CODE", help="run CODE")
    parser.add_argument(
        "--jit", choices=("tiered", "sync", "O0", "O3"),
        help="tiered: recompile hot code in the background (default); sync: while the program waits; O0, O3: one "
        "tier only",
    )  # fmt: skip
    parser.add_argument(
        "--threshold", type=_positive, metavar="N",
        help="calls or loop iterations that make code hot (default: 1,000 calls, 10,000 iterations)",
    )  # fmt: skip
    parser.add_argument(
        "--stack-size", type=_size, metavar="SIZE", help="stack for recursion, as in 64M or 1G (default: 256M)"
    )
    externs = parser.add_mutually_exclusive_group()
    externs.add_argument("--load", action="append", metavar="LIB", help="a shared library to search for externs")
    externs.add_argument(
        "--no-extern", dest="externs", action="store_false", help="allow no C functions except the prelude's"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show the values of expressions")
    parser.add_argument(
        "--no-prelude", dest="prelude", action="store_false", help="start without the prelude's definitions"
    )
    parser.add_argument(
        "--no-cache",
        dest="cache",
        action="store_false",
        help="use no machine code of earlier runs, and keep none",
    )


class _Help(Action):
    """``--help``. Unlike argparse's own action, it reports an error if standard output cannot be written."""

    def __call__(self, parser: ArgumentParser, *_: Any) -> NoReturn:
        streams.write(parser.format_help())
        streams.flush()
        parser.exit()


def _positive(text: str) -> int:
    if not re.fullmatch("0*[1-9][0-9]{0,17}", text):
        raise ArgumentTypeError(f"a whole number from 1 up, of at most 18 digits, not {text[:40]!r}")
    return int(text)


def _size(text: str) -> int:
    """A number of bytes, from digits with an optional suffix K, M or G."""
    factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:].upper(), 1)
    number = text[:-1] if factor > 1 else text
    if not number.isdecimal() or len(number) > 18:
        raise ArgumentTypeError(f"bytes, or a number with K, M or G, such as 64M; not {text[:20]!r}")
    if not SMALLEST_STACK <= int(number) * factor <= LARGEST_STACK:
        raise ArgumentTypeError(f"from {SMALLEST_STACK >> 20}M to {LARGEST_STACK >> 30}G, not {text}")
    return int(number) * factor
