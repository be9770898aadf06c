"""The command ``kaleido lab [script.kal]``."""

from __future__ import annotations

import signal
import socket
import sys
import webbrowser
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence

from kaleido.command_line.arguments import missing_extra
from kaleido.diagnostics import OK
from kaleido.language.source_files import read, reason, shown

__all__ = ["run"]

_DESCRIPTION = """Open the workbench in the browser: an editor, and the report's page, live. The server listens
on this machine only, and the address that it prints is good for one browser."""

_FIRST = "mandelbrot.kal"


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Serve the workbench until Ctrl-C; `parser` has the options that all commands share. Return the exit code.

    Raises SystemExit if the command line is wrong, the file cannot be read, the port is in use, or the extra is not
    installed.
    """
    parser.description = _DESCRIPTION
    parser.add_argument("script", nargs="?", metavar="FILE", help="the program to open; it is not written to")
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="the port (default: any that is free)")
    parser.add_argument("--extern", action="store_true", help="allow programs to declare C functions of their own")
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="only print the address")
    options = parser.parse_args(arguments)
    text = _text(options.script, parser)
    try:
        import uvicorn

        from kaleido.lab.admission import Keys
        from kaleido.lab.programs import programs
        from kaleido.lab.server import application
    except ImportError as error:
        missing_extra(parser, "the workbench", "lab", error)
    if hasattr(signal, "SIGPIPE"):
        # A page that is closed must not end the server: the command has set the signal to its default.
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with _listening(options.port, parser) as listener:
        port = listener.getsockname()[1]
        keys = Keys()
        hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        app = application(keys, hosts, text if text is not None else programs()[_FIRST], externs=options.extern)
        address = f"http://127.0.0.1:{port}/?secret={keys.secret}"
        print(f"The workbench is at\n  {address}\nCtrl-C ends it.", file=sys.stderr, flush=True)
        if options.browser:
            webbrowser.open(address)
        settings = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
        uvicorn.Server(settings).run(sockets=[listener])
    return OK


def _text(path: str | None, parser: ArgumentParser) -> str | None:
    try:
        return read(path).text if path is not None else None
    except (OSError, ValueError) as error:
        parser.error(f"cannot read {shown(path or '')}: {reason(error)}")


def _listening(port: int, parser: ArgumentParser) -> socket.socket:
    """A socket that listens on loopback only."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        # Now, so that a browser can connect before the server accepts.
        listener.listen()
    except OSError as error:
        parser.error(f"cannot use port {port}: {reason(error)}")
    return listener


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 <= int(text) < 1 << 16):
        raise ArgumentTypeError(f"a port, 0 to 65535, not {text[:40]!r}")
    return int(text)
