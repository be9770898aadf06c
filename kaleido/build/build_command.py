"""The command ``kaleido build``."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from kaleido.build.c_header import ENTRY, c_functions, c_header
from kaleido.build.linker_driver import LinkError, link
from kaleido.build.native_code import executable_code, native_code
from kaleido.build.static_program import static_program
from kaleido.cache.place import cache_at
from kaleido.command_line.program_file import program_source, write_errors
from kaleido.diagnostics import FAILED, OK, KaleidoError, Source
from kaleido.jit import Policy, Tier
from kaleido.jit.ahead_of_time import Form, Machine
from kaleido.language.source_files import reason, shown
from kaleido.session import LibraryError, Session

__all__ = ["run"]

_DESCRIPTION = """Compile a program into a native executable. It prints what `kaleido FILE` prints, and needs
only the C library. A C compiler links it, or the Python package ziglang."""

_HEADER = "header"

_STANDARD_OUTPUT = Path("-")

_SUFFIXES = {"obj": ".o", "asm": ".s", "llvm": ".ll", "bc": ".bc", _HEADER: ".h"}


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command; `parser` has the options that all commands share. Return the exit code.

    Raises SystemExit if the command line is wrong or the file cannot be read, and OSError if output cannot be written.
    """
    options = _options(arguments, parser)
    source = program_source(options.file, parser)
    try:
        _build(source, options, parser)
    except KaleidoError as error:
        write_errors(error, options.color)
        return FAILED
    except (LinkError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    return OK


def _options(arguments: Sequence[str], parser: ArgumentParser) -> Namespace:
    parser.description = _DESCRIPTION
    parser.add_argument("file", metavar="FILE", help="the program; - is standard input")
    parser.add_argument(
        "-o", dest="output", metavar="OUTPUT",
        help="the file to write, by default named as FILE is; - is standard output",
    )  # fmt: skip
    parser.add_argument(
        "--emit", choices=_SUFFIXES,
        help="instead of an executable: an object file, assembly, LLVM IR or bitcode, whose functions C can call and "
        "which have a `main` for programs without one; or the C header that declares them",
    )  # fmt: skip
    parser.add_argument(
        "--cpu", default="native", metavar="NAME",
        help="the processor: native, this one (default); generic, any of the platform; or LLVM's name of one",
    )  # fmt: skip
    parser.add_argument("--target", default="", metavar="TRIPLE", help="another platform, such as aarch64-linux-gnu")
    parser.add_argument(
        "--linker", metavar="COMMAND", help="the command that links (default: cc, gcc, clang or zig cc)"
    )
    parser.add_argument(
        "-O", dest="level", choices=("0", "3"), default="3",
        help="how much is optimized: 3, everything (default), or 0, nothing; with -g, debuggers then know the value of "
        "each variable at each line",
    )  # fmt: skip
    parser.add_argument(
        "-g", dest="debug", action="store_true", help="lines, functions and variables for debuggers and profilers"
    )
    parser.add_argument(
        "--frame-pointers", action="store_true",
        help="keep frame pointers, by which gdb's `finish` and `perf record -g` find callers; calls take longer",
    )  # fmt: skip
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="the program does not show the values of expressions"
    )
    parser.add_argument(
        "--load", action="append", default=[], metavar="LIB", help="a shared library to search for externs, and to link"
    )
    parser.add_argument(
        "--no-cache", dest="cache", action="store_false", help="use no machine code of earlier builds, and keep none"
    )
    options = parser.parse_args(arguments)
    if options.target and options.emit is None:
        parser.error("--target needs --emit: only objects can be made for another platform")
    # GCC's name for it, which LLVM takes for another platform.
    options.target = re.sub("-mingw(32|64)$", "-windows-gnu", options.target)
    if not options.cpu:
        parser.error("--cpu needs a name")
    if options.target and options.cpu == "native":
        options.cpu = "generic"
    return options


def _build(source: Source, options: Namespace, parser: ArgumentParser) -> None:
    cache = cache_at() if options.cache else None
    try:
        session = Session(libraries=options.load, debug=options.debug, cache=cache)
    except LibraryError as error:
        parser.error(f"cannot load {shown(error.library)}: {error.reason}")
    with session:
        program = static_program(session, source, quiet=options.quiet, functions=options.emit is not None)
    callable_from_c, others = c_functions(program.functions)
    output = Path(options.output or _default_output(options))
    if (options.output or "").endswith(os.sep):
        raise ValueError(f"the output {shown(options.output)} would be a directory: name a file in it")
    if any(_is_same(output, path) for path in (options.file, *options.load)):
        raise ValueError(f"the output would replace {shown(str(output))}: name another one with -o")
    if options.emit == _HEADER:
        stem = _default_output(options) if output == _STANDARD_OUTPUT else output.name
        header = c_header(Path(stem).stem, {name: program.functions[name][1] for name in callable_from_c}, others)
        _write(output, header.encode())
        return
    machine = Machine(options.target, options.cpu)
    tier = Tier.OPTIMIZED if options.level == "3" else Tier.BASELINE
    # Without frame pointers, gdb's `next` over a call does not find the frame again: functions pop their arguments.
    frame_pointers = options.frame_pointers or tier is Tier.BASELINE
    policy = Policy(check=False, debug=options.debug, frame_pointers=frame_pointers)
    if options.emit is not None:
        form = Form(options.emit)
        _write(
            output,
            native_code(program, form, machine, policy, entry=ENTRY, callable_from_c=callable_from_c, tier=tier),
        )
    else:
        _link(executable_code(program, machine, policy, cache, tier), output, options)


def _default_output(options: Namespace) -> str:
    stem = "program" if options.file == "-" else Path(options.file).stem
    return stem + _SUFFIXES.get(options.emit, "")


def _link(code: Sequence[bytes], output: Path, options: Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="kaleido-") as folder:
        program, objects = Path(folder, "program"), [Path(folder, f"{number}.o") for number in range(len(code))]
        for path, data in zip(objects, code, strict=True):
            path.write_bytes(data)
        link(objects, program, options.load, options.linker)
        _write(output, program.read_bytes(), executable=True)


def _is_same(output: Path, path: str) -> bool:
    """Whether both are one file, which exists."""
    try:
        return output.samefile(path)
    except OSError:
        return False


def _write(path: Path, data: bytes, *, executable: bool = False) -> None:
    """Write a file whole or not at all: the program may be running from the old one. Devices and pipes stay; ``-``
    is standard output.
    """
    try:
        if path == _STANDARD_OUTPUT:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        elif path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data, 0o777 if executable else 0o666)
    except OSError as error:
        name = "standard output" if path == _STANDARD_OUTPUT else shown(str(path))
        raise OSError(f"cannot write {name}: {reason(error)}") from None


def _replace(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".kaleido-{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
