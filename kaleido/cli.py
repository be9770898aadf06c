"""The command line: arguments, streams, exit codes."""

from __future__ import annotations

import os
import re
import signal
import sys
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext, suppress
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from kaleido import __version__
from kaleido.diagnostics import DEFECT_NOTICE, INTERRUPTED, OK, KaleidoError, Source
from kaleido.language.source_files import decoded, read, reason, shown

if TYPE_CHECKING:
    from kaleido.diagnostics import Palette
    from kaleido.report.trace import Trace
    from kaleido.session import Session

__all__ = ["main", "run"]

FAILED, USAGE, DEFECT = 1, 2, 70

# The commands beside running programs, and the modules whose `run` does them. Each is one as the first argument only,
# so a script of such a name is run as ./tutorial.
_COMMANDS = {"tutorial": "kaleido.tutorial.command"}

SMALLEST_STACK, LARGEST_STACK = 1 << 20, 1 << 40


class _UsageError(Exception):
    """The command line asks for something that cannot be."""


def main() -> NoReturn:
    """The ``kaleido`` command. Leaves without waiting for anybody: the recompiler may be in the middle of LLVM."""
    _open_standard_streams()
    if hasattr(signal, "SIGPIPE"):
        # A closed pipe ends us as it ends any other filter: quietly.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    code = run(sys.argv[1:], close=False)
    for stream in (sys.stdout, sys.stderr):
        # What matters went out before, and was looked at: results through C, messages in `_complain`.
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def _open_standard_streams() -> None:
    """Have something where the caller closed a stream, or the next file we open would become it."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            # The lowest descriptor that is free is this one.
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))


def run(arguments: Sequence[str], *, close: bool = True) -> int:
    """Do what the command line says, and return the exit code instead of leaving.

    `close`: give back what the session holds, for who goes on afterwards.
    """
    try:
        if arguments and arguments[0] in _COMMANDS:
            return _command(*arguments)
        return _run(_parser().parse_args(arguments), close=close)
    except SystemExit as stop:
        return int(stop.code or 0)
    except _UsageError as error:
        return _complain(f"kaleido: {error}", USAGE)
    except KeyboardInterrupt as stop:
        return _complain(str(stop) or "interrupted", INTERRUPTED)
    except OSError as error:
        return _complain(f"error: {reason(error)}", FAILED)
    except MemoryError:
        return _complain("error: out of memory", FAILED)
    except Exception:
        from traceback import format_exc

        return _complain(f"{format_exc()}kaleido: {DEFECT_NOTICE}", DEFECT)


def _command(name: str, *arguments: str) -> int:
    """Do one of _COMMANDS, which adds its own arguments to those that all have."""
    parser = _beginning(f"kaleido {name}")
    _add_color(parser)
    code: int = import_module(_COMMANDS[name]).run(arguments, parser)
    return code


def _beginning(name: str) -> ArgumentParser:
    """A parser with no options but `--help`."""
    parser = ArgumentParser(
        prog=name, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False, add_help=False
    )  # fmt: skip
    parser.add_argument("-h", "--help", action=_Help, nargs=0, help="show this and leave")
    return parser


def _add_color(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto",
        help="colors: as NO_COLOR or FORCE_COLOR says, else on a terminal (auto); or always, or never",
    )  # fmt: skip


def _parser() -> ArgumentParser:
    parser = _beginning("kaleido")
    parser.description = (
        "A Kaleidoscope-style language with a tiered JIT.\n\n"
        "Without a script: the REPL on a terminal, else standard input is run.\n"
        "`kaleido tutorial [N]` opens the tutorial; see `kaleido tutorial --help`."
    )
    parser.add_argument("script", nargs="?", help="a file to run; - is standard input")
    parser.add_argument("arguments", nargs="*", help="ignored: a script has no way to ask for them yet")
    parser.add_argument("-c", dest="code", metavar="CODE", help="run CODE")
    parser.add_argument("-i", dest="interactive", action="store_true", help="stay in the REPL afterwards")
    parser.add_argument(
        "--jit", choices=("tiered", "sync", "O0", "O3"), default="tiered",
        help="tiered: recompile hot code in the background (default); sync: while the program waits; or one tier only",
    )  # fmt: skip
    parser.add_argument(
        "--threshold", type=_positive, metavar="N",
        help="calls or loop iterations that make code hot (default: 1,000 calls, 10,000 iterations)",
    )  # fmt: skip
    parser.add_argument(
        "--stack-size", type=_size, metavar="SIZE", help="stack for recursion, as in 64M or 1G (default: 256M)"
    )
    externs = parser.add_mutually_exclusive_group()
    externs.add_argument("--load", action="append", default=[], metavar="LIB", help="a shared library for externs")
    externs.add_argument(
        "--no-extern", dest="externs", action="store_false", help="no C functions but those of the prelude"
    )
    parser.add_argument(
        "--stats", action="store_true", help="a table of what was compiled, on standard error at the end"
    )
    parser.add_argument("--trace", metavar="FILE", help="write what the JIT did as Chrome trace events (JSON)")
    parser.add_argument(
        "--emit", choices=("ast", "llvm", "asm"), help="show what the program becomes instead of running it"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show the values of expressions")
    _add_color(parser)
    parser.add_argument("--no-prelude", dest="prelude", action="store_false", help="begin with no definitions")
    parser.add_argument("--no-init", dest="init", action="store_false", help="the REPL does not run your init.kal")
    parser.add_argument(
        "--no-history", dest="history", action="store_false", help="the REPL remembers entries only until it ends"
    )
    parser.add_argument("--version", action="store_true", help="show the version, and llvmlite's and LLVM's")
    return parser


class _Help(Action):
    """argparse's own would not tell where standard output cannot be written."""

    def __call__(self, parser: ArgumentParser, *_: Any) -> NoReturn:
        _show(parser.format_help())
        parser.exit()


def _show(text: str) -> None:
    """Write to standard output, at once. Raises OSError."""
    from kaleido.terminal import streams

    streams.write(text)
    streams.flush()


def _version() -> str:
    import llvmlite
    from llvmlite.binding import llvm_version_info

    llvm = ".".join(map(str, llvm_version_info))
    return f"kaleido {__version__} (llvmlite {llvmlite.__version__}, LLVM {llvm})"


def _positive(text: str) -> int:
    if not re.fullmatch("0*[1-9][0-9]{0,17}", text):
        raise ArgumentTypeError(f"a whole number from 1 up, of at most 18 digits, not {text[:40]!r}")
    return int(text)


def _size(text: str) -> int:
    """Bytes, or a number with K, M or G."""
    factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:].upper(), 1)
    number = text[:-1] if factor > 1 else text
    if not number.isdecimal() or len(number) > 18:
        raise ArgumentTypeError(f"bytes, or a number with K, M or G, such as 64M; not {text[:20]!r}")
    if not SMALLEST_STACK <= int(number) * factor <= LARGEST_STACK:
        raise ArgumentTypeError(f"from {SMALLEST_STACK >> 20}M to {LARGEST_STACK >> 30}G, not {text}")
    return int(number) * factor


def _run(options: Namespace, *, close: bool) -> int:
    if options.version:
        _show(_version() + "\n")
        return OK
    sources = _sources(options)
    # What happens at the end, in the opposite order, whatever of it fails.
    with ExitStack() as ending:
        session = _session(options)
        if close:
            ending.callback(session.close)
        _observe(session, options, ending)
        ending.push(_flush_at_end)
        if sources and not options.interactive:
            return _evaluate(session, sources, options)
        return _interact(session, sources, options)


def _interact(session: Session, sources: Sequence[Source], options: Namespace) -> int:
    """The REPL, after what is to run before it. Where that is something, it is not the user's own beginning."""
    from kaleido.repl import Repl

    if options.emit:
        _evaluate(session, sources, options)
    repl = Repl(
        session,
        quiet=options.quiet,
        remember=options.history,
        sources=[] if options.emit else sources,
        begin=options.init and not sources,
        color=options.color,
    )
    return repl.run()


def _evaluate(session: Session, sources: Sequence[Source], options: Namespace) -> int:
    handle: Callable[[Session, Source, Namespace], None] = _emit if options.emit else _execute
    try:
        for source in sources:
            handle(session, source, options)
    except KaleidoError as error:
        from kaleido.diagnostics import render

        _flush()
        return _complain(render(error.diagnostics, _palette(options.color)), FAILED)
    return OK


def _palette(color: str) -> Palette:
    """The colors of messages on standard error, for a value of `--color`."""
    from kaleido.diagnostics import COLORED, PLAIN
    from kaleido.terminal import streams

    return COLORED if streams.colored(color, sys.stderr.fileno()) else PLAIN


def _execute(session: Session, source: Source, options: Namespace) -> None:
    from kaleido.terminal import streams

    for result in session.evaluate(source):
        if result.shown is not None and not options.quiet:
            streams.write(f"{result.shown}\n")


def _emit(session: Session, source: Source, options: Namespace) -> None:
    from kaleido.jit import Tier
    from kaleido.language.parser import parse
    from kaleido.language.printer import outline
    from kaleido.terminal import streams

    if options.emit == "ast":
        for item in parse(source, session.operators):
            streams.write(outline(item))
        return
    tier = Tier.OPTIMIZED if options.jit == "O3" else Tier.BASELINE
    show = session.engine.ir if options.emit == "llvm" else session.engine.assembly
    for unit in session.units(source):
        for each in unit.modules(tier):
            streams.write(show(each.symbol, tier))


def _sources(options: Namespace) -> list[Source]:
    """What to run before the REPL, or instead of it. Empty where there is only the REPL."""
    if options.code is not None:
        return [Source("<command line>", decoded(os.fsencode(options.code)))]
    if options.script is None:
        if sys.stdin.isatty() and sys.stdout.isatty():
            return []
        return [] if options.interactive else [_standard_input()]
    return [_standard_input() if options.script == "-" else _file(options.script)]


def _standard_input() -> Source:
    try:
        return Source("<standard input>", decoded(sys.stdin.buffer.read()))
    except OSError as error:
        raise _UsageError(f"cannot read standard input: {reason(error)}") from None


def _file(path: str) -> Source:
    try:
        return read(path)
    except (OSError, ValueError) as error:
        raise _UsageError(f"cannot read {shown(path)}: {reason(error)}") from None


def _session(options: Namespace) -> Session:
    from kaleido.session import LibraryError, Session

    try:
        return Session(
            jit=options.jit,
            threshold=options.threshold,
            stack_size=options.stack_size,
            libraries=options.load,
            prelude=options.prelude,
            externs=options.externs,
        )
    except LibraryError as error:
        raise _UsageError(f"cannot load {shown(error.library)}: {error.reason}") from None


def _observe(session: Session, options: Namespace, ending: ExitStack) -> None:
    """Begin to record what `--stats` and `--trace` want, and have it reported at the end."""
    if options.trace is not None:
        from kaleido.report.trace import Trace

        # Opened now: a place that cannot be written is better known before the run than after it.
        try:
            file = open(options.trace, "w", encoding="utf-8")
        except OSError as error:
            raise _UsageError(f"cannot write {shown(options.trace)}: {reason(error)}") from None
        trace = Trace()
        session.subscribe(trace)
        ending.callback(_save, trace, file, options.trace)
    if options.stats:
        from kaleido.report.stats_table import StatsTable

        table = StatsTable()
        session.subscribe(table)
        ending.callback(lambda: print(table.render(session.stats()), end="", file=sys.stderr))


def _save(trace: Trace, file: TextIO, path: str) -> None:
    try:
        trace.save(file)
    except OSError as error:
        raise OSError(f"cannot write {shown(path)}: {reason(error)}") from None


def _flush() -> None:
    from kaleido.terminal import streams

    streams.flush()


def _flush_at_end(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
    """Whoever interrupts a run that waits for a reader of its output gets no error about that output."""
    with suppress(OSError) if isinstance(error, KeyboardInterrupt) else nullcontext():
        _flush()


def _complain(message: str, code: int) -> int:
    # Where standard error cannot be written there is nobody to tell; the exit code still does.
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)
    return code
