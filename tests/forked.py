"""Runs Python programs in processes that are forked, not started: from one that has imported Kaleido already.

Starting Python, and importing Kaleido and LLVM, takes longer than most programs of the tests. Here one process for each
process of the tests does that once. It has no threads and no session, so its children are as good as new ones: they get
their own arguments, environment, folder and streams, run the program as ``__main__``, and end as the interpreter does.

Limits. The children are run one at a time. What is tested about the start of a process, such as variables that Python
itself reads, streams that are closed, and limits on memory, needs a process that is started: :func:`run` starts one
where the environment or an option requires that.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType, TracebackType
from typing import IO, Any, NoReturn

__all__ = ["run"]

ROOT = Path(__file__).parents[1]
PACKAGES = ("cache", "code_views", "codegen", "command_line", "jit", "language", "report", "repl", "session")
MODULES = ("doctest", "fcntl", "kaleido.cli", "lark", "llvmlite.binding", "llvmlite.ir", "runpy", "traceback")

# Python reads these before the first line of a program. The harmless ones make no difference to these children.
_READ_AT_START = ("PYTHON", "LC_", "LANG")
_HARMLESS = {"PYTHONPATH", "PYTHONUNBUFFERED"}

_LENGTH = 1 << 20
_one_at_a_time = threading.Lock()
_connection: socket.socket | None = None


def run(
    arguments: Sequence[str | bytes | Path],
    *,
    input: bytes = b"",
    stdout: IO[Any] | None = None,
    stderr: IO[Any] | int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[bytes]:
    """Run Python with `arguments`: ``-m MODULE …``, ``-c CODE …`` or ``FILE …``, each behind a ``-P`` or not.

    What is no file among `stdout` and `stderr` is captured, except for ``subprocess.STDOUT``. Raises TimeoutExpired.
    """
    environment = dict(os.environ if env is None else env)
    command = [sys.executable, *map(os.fsdecode, arguments)]
    with TemporaryFile() as given, TemporaryFile() as output, TemporaryFile() as errors:
        given.write(input)
        given.seek(0)
        out: IO[Any] = output if stdout is None else stdout
        err: IO[Any] = out if stderr == subprocess.STDOUT else errors if stderr is None else stderr  # type: ignore[assignment]
        if _needs_a_start(environment):
            code = subprocess.run(
                command, stdin=given, stdout=out, stderr=err, env=environment, cwd=cwd, timeout=timeout
            ).returncode
        else:
            code = _fork(command, environment, cwd, [given, out, err], timeout)
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(command, code, output.read(), errors.read())


def _needs_a_start(environment: Mapping[str, str]) -> bool:
    """Whether variables that Python reads at its start are others than those of this process."""
    names = {name for name in {*environment, *os.environ} if name.startswith(_READ_AT_START)} - _HARMLESS
    if environment.get("PYTHONUTF8") == "1" and sys.getfilesystemencoding() == "utf-8":
        names.discard("PYTHONUTF8")
    return any(environment.get(name) != os.environ.get(name) for name in names)


def _fork(
    command: list[str], environment: dict[str, str], cwd: Path | None, streams: list[IO[Any]], timeout: float
) -> int:
    request = json.dumps([command[1:], environment, str(cwd or os.getcwd())]).encode()
    with _one_at_a_time:
        server = _server()
        server.settimeout(60)
        socket.send_fds(server, [request], [each.fileno() for each in streams])
        pid = int(server.recv(_LENGTH))
        server.settimeout(timeout)
        try:
            return int(server.recv(_LENGTH))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            server.settimeout(60)
            server.recv(_LENGTH)
            raise subprocess.TimeoutExpired(command, timeout) from None


def _server() -> socket.socket:
    """The connection to this process's server, which is started at first. It ends with its connection."""
    global _connection
    if _connection is None:
        _connection, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for each in (_connection, other):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LENGTH)
        with other:
            command = [sys.executable, "-m", "tests.forked", str(other.fileno())]
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[other.fileno()])
        atexit.register(_end, _connection, process)
    return _connection


def _end(connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
    connection.close()
    process.wait(60)


# The server


def _serve(connection: socket.socket) -> list[str]:
    """Fork a child for each request. Returns in the children, with their arguments; the server exits at the end."""
    _import_all()
    while True:
        request, descriptors, _, _ = socket.recv_fds(connection, _LENGTH, 3)
        if not request:
            sys.exit()
        pid = os.fork()
        if pid == 0:
            connection.close()
            return _begin(request, descriptors)
        for each in descriptors:
            os.close(each)
        connection.send(b"%d" % pid)
        _, status = os.waitpid(pid, 0)
        connection.send(b"%d" % os.waitstatus_to_exitcode(status))


def _import_all() -> None:
    for module in MODULES:
        import_module(module)
    for name in PACKAGES:
        package = import_module(f"kaleido.{name}")
        for each in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not each.name.endswith("__main__"):
                import_module(each.name)
    gc.collect()
    gc.freeze()


def _begin(request: bytes, descriptors: list[int]) -> list[str]:
    arguments, environment, folder = json.loads(request)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, max(descriptors) + 1)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    through = bool(environment.get("PYTHONUNBUFFERED"))
    _set_stream("stdin", io.TextIOWrapper(open(0, "rb"), "utf-8", "surrogateescape"))
    for name, number, handling in (("stdout", 1, "surrogateescape"), ("stderr", 2, "backslashreplace")):
        raw = open(number, "wb", buffering=0 if through else -1, closefd=False)
        stream = io.TextIOWrapper(raw, "utf-8", handling, line_buffering=number == 2, write_through=through)
        _set_stream(name, stream)
    return list(arguments)


def _set_stream(name: str, stream: io.TextIOWrapper) -> None:
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)


def _main(arguments: list[str]) -> None:
    """Run a program as the interpreter does."""
    safe = arguments[0] == "-P"
    first, *others = arguments[safe:]
    # Where `python -m tests.forked` has its own folder.
    del sys.path[0]
    if first == "-m":
        import runpy

        sys.argv = others
        if not safe:
            sys.path.insert(0, os.getcwd())
        runpy._run_module_as_main(others[0])  # type: ignore[attr-defined]
        return
    main = ModuleType("__main__")
    sys.modules["__main__"] = main
    if first == "-c":
        sys.argv, text, place = ["-c", *others[1:]], others[0], "<string>"
    else:
        sys.argv, text, place = [first, *others], Path(first).read_text("utf-8"), first
        main.__file__ = first
    if not safe:
        sys.path.insert(0, "" if first == "-c" else str(Path(first).resolve().parent))
    exec(compile(text, place, "exec", dont_inherit=True), vars(main))


def _uncaught(error: BaseException, trace: TracebackType | None) -> NoReturn:
    """End as for an exception that the program does not catch. The traceback begins in the program."""
    while trace is not None and trace.tb_frame.f_code.co_filename in (__file__, "<frozen runpy>"):
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)
    sys.exit(1)


if __name__ == "__main__":
    program = _serve(socket.socket(fileno=int(sys.argv[1])))
    try:
        _main(program)
    except SystemExit:
        raise
    except BaseException as error:
        _uncaught(error, error.__traceback__)
