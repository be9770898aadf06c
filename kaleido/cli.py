"""The command line: arguments, standard streams, exit codes."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext, suppress
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, TextIO

from kaleido import __version__
from kaleido.command_line.options import Options, of_plain
from kaleido.diagnostics import DEFECT_NOTICE, FAILED, INTERRUPTED, OK, KaleidoError, Source
from kaleido.language.source_files import decoded, read, reason, shown

if TYPE_CHECKING:
    from kaleido.diagnostics import Palette
    from kaleido.report.trace import Trace
    from kaleido.session import Session

__all__ = ["COMMANDS", "Observe", "UsageError", "main", "run", "run_program"]

# Exit codes, beside OK, FAILED and INTERRUPTED: a wrong command line, a defect of Kaleido.
USAGE, DEFECT = 2, 70

# The subcommands, and the modules that implement them with a function `run`. A subcommand is recognized only as the
# first argument, so a script of that name is run as ./cache.
COMMANDS = {
    "bench": "kaleido.bench.bench_command",
    "build": "kaleido.build.build_command",
    "cache": "kaleido.cache.cache_command",
    "completions": "kaleido.installation.completion_command",
    "doctor": "kaleido.installation.doctor_command",
    "fmt": "kaleido.formatting.format_command",
    "lab": "kaleido.lab.lab_command",
    "lsp": "kaleido.lsp.lsp_command",
    "man": "kaleido.installation.manual_command",
    "report": "kaleido.program_report.report_command",
    "tutorial": "kaleido.tutorial.command",
}

_kept: list[Session] = []


class UsageError(Exception):
    """The command line is wrong: an unreadable script, a library that cannot be loaded, and the like."""


def main() -> NoReturn:
    """The ``kaleido`` command. It exits without waiting for other threads: the recompiler may be inside LLVM."""
    code = INTERRUPTED
    try:
        _open_standard_streams()
        if hasattr(signal, "SIGPIPE"):
            # A closed pipe ends the process without a message, as it ends other filters.
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        code = run(sys.argv[1:], close=False)
        _ignore_interrupts()
    except KeyboardInterrupt:
        # Ctrl-C when the result was known, or for the second time. A third one goes to `kaleido.__main__`.
        _ignore_interrupts()
    for stream in (sys.stdout, sys.stderr):
        # Failures that matter were reported before: results are written through C, messages in `_write_error`.
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def _ignore_interrupts() -> None:
    # Not SIG_IGN: Python complains if that is set between the arrival of a signal and the call of its handler.
    signal.signal(signal.SIGINT, lambda *_: None)


def _open_standard_streams() -> None:
    """Open the null device for each standard stream that is closed: the next opened file would take its descriptor.

    Standard output is opened for reading, so that what is written to it is lost with an error.
    """
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            # os.open returns the lowest free descriptor, which is this one.
            os.open(os.devnull, os.O_RDONLY if name == "stdout" else os.O_RDWR)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))


def run(arguments: Sequence[str], *, close: bool = True) -> int:
    """Run the command line, and return the exit code.

    `close` says whether to close the session at the end, for a caller whose process continues. Otherwise it is kept
    until the process ends.
    """
    try:
        if arguments and arguments[0] in COMMANDS:
            return _command(*arguments)
        return run_program(of_plain(arguments) or _parsed(arguments), close=close)
    except SystemExit as stop:
        return int(stop.code or 0)
    except UsageError as error:
        return _write_error(f"kaleido: {error}", USAGE)
    except KeyboardInterrupt as stop:
        return _write_error(str(stop) or "interrupted", INTERRUPTED)
    except OSError as error:
        return _write_error(f"error: {reason(error)}", FAILED)
    except MemoryError as error:
        return _write_error(f"error: {error or 'out of memory'}", FAILED)
    except Exception as error:
        if isinstance(error, ImportError) and error.name == "llvmlite":
            # It is missing, or another version than the engine works with, or there is none for this platform.
            return _write_error(f"error: {error}", FAILED)
        from traceback import format_exc

        return _write_error(f"{format_exc()}kaleido: {DEFECT_NOTICE}", DEFECT)


def _command(name: str, *arguments: str) -> int:
    """Run one of COMMANDS, which adds its own arguments to those that all commands share."""
    from kaleido.command_line.arguments import add_color, base_parser

    parser = base_parser(f"kaleido {name}")
    add_color(parser)
    code: int = import_module(COMMANDS[name]).run(arguments, parser)
    return code


def _parsed(arguments: Sequence[str]) -> Options:
    from kaleido.command_line.arguments import parsed

    return parsed(arguments)


def _show(text: str) -> None:
    """Write to standard output and flush it. Raises OSError."""
    from kaleido.terminal import streams

    streams.write(text)
    streams.flush()


def _buffer_output() -> None:
    from kaleido.terminal import streams

    streams.buffer_as_c_does()


def _version() -> str:
    import llvmlite
    from llvmlite.binding import llvm_version_info

    llvm = ".".join(map(str, llvm_version_info))
    return f"kaleido {__version__} (llvmlite {llvmlite.__version__}, LLVM {llvm})"


Observe = Callable[["Session", Sequence[Source], ExitStack], None]
"""Is called with a new session and its programs before these run; what it pushes on the stack happens at the end."""


def run_program(options: Options, *, close: bool, observe: Observe | None = None) -> int:
    """Run the program, or the REPL, as the options say, and return the exit code. Raises what :func:`run` reports."""
    if options.version:
        _show(_version() + "\n")
        return OK
    _buffer_output()
    sources = _sources(options)
    # Everything that is pushed here happens at the end, in reverse order, even if some of it fails.
    with ExitStack() as cleanup:
        session = _session(options, _source_folder(cleanup) if options.gdb else "")
        if close:
            cleanup.callback(session.close)
        else:
            # As garbage it would be closed, which takes time, and Ctrl-C in a finalizer is lost.
            _kept.append(session)
        _observe(session, options, cleanup)
        if observe is not None:
            observe(session, sources, cleanup)
        cleanup.push(_flush_at_end)
        if sources and not options.interactive:
            return _evaluate(session, sources, options)
        return _interact(session, sources, options)


def _interact(session: Session, sources: Sequence[Source], options: Options) -> int:
    """Run `sources`, then the REPL. With sources, the user's init.kal is not run."""
    from kaleido.repl import Repl

    if options.emit:
        _evaluate(session, sources, options)
    repl = Repl(
        session,
        quiet=options.quiet,
        save_history=options.history,
        sources=[] if options.emit else sources,
        run_init=options.init and not sources,
        color=options.color,
    )
    return repl.run()


def _evaluate(session: Session, sources: Sequence[Source], options: Options) -> int:
    handle: Callable[[Session, Source, Options], None] = _emit if options.emit else _execute
    try:
        for source in sources:
            handle(session, source, options)
    except KaleidoError as error:
        from kaleido.diagnostics import render

        _flush()
        return _write_error(render(_explained(error, sources).diagnostics, _palette(options.color)), FAILED)
    return OK


def _explained(error: KaleidoError, sources: Sequence[Source]) -> KaleidoError:
    """`error`, with a message about commands of the REPL and prompts, if a line may be one."""
    if not any(re.search(r"(?m)^\s*(:[^\W\d_]|\w+.*>)", source.text) for source in sources):
        return error
    from kaleido.repl.commands import COMMANDS
    from kaleido.repl.prompt_lines import explained

    return explained(error, COMMANDS)


def _palette(color: str) -> Palette:
    """The colors of messages on standard error, for a value of `--color`."""
    from kaleido.diagnostics import COLORED, PLAIN
    from kaleido.terminal import streams

    return COLORED if streams.colored(color, sys.stderr.fileno()) else PLAIN


def _execute(session: Session, source: Source, options: Options) -> None:
    from kaleido.terminal import streams

    for result in session.evaluate(source):
        if result.warning:
            _flush()
            _write_error(result.warning, OK)
        if result.shown is not None and not options.quiet:
            streams.write(f"{result.shown}\n")


def _emit(session: Session, source: Source, options: Options) -> None:
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
        for each in unit.code_units(tier):
            streams.write(show(each.symbol, tier))


def _sources(options: Options) -> list[Source]:
    """The programs to run before the REPL, or instead of it. An empty list means: only the REPL."""
    if options.code is not None:
        return [Source("<command line>", decoded(os.fsencode(options.code)))]
    if options.script is None:
        # A user types. If standard output goes elsewhere, as in `kaleido | tee log`, prompts are on standard error.
        if sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty()):
            return []
        return [] if options.interactive else [_standard_input()]
    return [_standard_input() if options.script == "-" else _file(options.script)]


def _standard_input() -> Source:
    try:
        return Source("<standard input>", decoded(sys.stdin.buffer.read()))
    except OSError as error:
        raise UsageError(f"cannot read standard input: {reason(error)}") from None


def _file(path: str) -> Source:
    try:
        return read(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {shown(path)}: {reason(error)}") from None


def _source_folder(cleanup: ExitStack) -> str:
    """A new folder in which gdb finds what was typed; empty where there can be none. `cleanup` removes it."""
    from shutil import rmtree
    from tempfile import mkdtemp

    try:
        folder = mkdtemp(prefix="kaleido-gdb-")
    except OSError:
        return ""
    cleanup.callback(rmtree, folder, ignore_errors=True)
    return folder


def _session(options: Options, source_folder: str) -> Session:
    from kaleido.cache.place import cache_at
    from kaleido.session import LibraryError, Session

    try:
        return Session(
            jit=options.jit,
            threshold=options.threshold,
            stack_size=options.stack_size,
            libraries=options.load,
            prelude=options.prelude,
            externs=options.externs,
            cache=cache_at() if options.cache else None,
            debug=options.gdb or options.jitdump,
            source_folder=source_folder,
            frame_pointers=options.perf_map or options.jitdump or options.gdb,
        )
    except LibraryError as error:
        raise UsageError(f"cannot load {shown(error.library)}: {error.reason}") from None


def _observe(session: Session, options: Options, cleanup: ExitStack) -> None:
    """Subscribe to events for `--perf-map`, `--jitdump`, `--gdb`, `--stats`, `--trace`; `cleanup` writes reports."""
    if options.perf_map:
        from kaleido.jit.observers import PerfMap

        try:
            cleanup.callback(PerfMap(session.engine).close)
        except OSError as error:
            raise UsageError(f"cannot write the map for perf: {reason(error)}") from None
    if options.jitdump:
        from kaleido.jit.observers import JitDump

        try:
            cleanup.callback(JitDump(session.engine).close)
        except OSError as error:
            raise UsageError(f"cannot write the machine code for perf: {reason(error)}") from None
    if options.gdb:
        from kaleido.jit.observers import GdbInterface

        try:
            cleanup.callback(GdbInterface(session.engine).close)
        except OSError as error:
            raise UsageError(f"cannot show the machine code to gdb: {reason(error)}") from None
    if options.trace is not None:
        from kaleido.report.trace import Trace

        # Opened before the run, so that a path that cannot be written is reported before it.
        try:
            file = open(options.trace, "w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {shown(options.trace)}: {reason(error)}") from None
        trace = Trace()
        session.subscribe(trace)
        cleanup.callback(_save, trace, file, options.trace)
    if options.stats:
        from kaleido.report.stats_table import StatsTable

        table = StatsTable()
        session.subscribe(table)
        cleanup.callback(lambda: _write_stats(table.render(session.stats()), options.color))


def _write_stats(table: str, color: str) -> None:
    from kaleido.report.tier_marks import painted
    from kaleido.terminal import streams

    print(painted(table, "either") if streams.colored(color, 2) else table, end="", file=sys.stderr)


def _save(trace: Trace, file: TextIO, path: str) -> None:
    try:
        trace.save(file)
    except OSError as error:
        raise OSError(f"cannot write {shown(path)}: {reason(error)}") from None


def _flush() -> None:
    from kaleido.terminal import streams

    streams.flush()


def _flush_at_end(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
    """Flush standard output. After Ctrl-C, a failure is not reported: the run may have waited for a reader of it."""
    with suppress(OSError) if isinstance(error, KeyboardInterrupt) else nullcontext():
        _flush()


def _write_error(message: str, code: int) -> int:
    # If standard error cannot be written, only the exit code reports the error.
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)
    return code
