"""The kernel: the messages of the Jupyter protocol, on ipykernel's Kernel."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from kaleido import __version__
from kaleido.diagnostics import COLORED, KaleidoError, Source, render
from kaleido.jupyter.cells import Cells, Outlet
from kaleido.lab.output_capture import OutputCapture
from kaleido.repl.commands import execute
from kaleido.repl.display.console import Console
from kaleido.repl.entries import is_command, is_incomplete
from kaleido.repl.line_editor.completion import EntryCompleter
from kaleido.repl.line_editor.signatures import open_call
from kaleido.session import Session

__all__ = ["KaleidoKernel", "launch"]

# Seconds between two looks at the output of a running program.
_TICK = 0.05


class _Frontends(Outlet):
    """Sends output to the front ends of a kernel, as that of the cell that runs."""

    def __init__(self, kernel: KaleidoKernel) -> None:
        super().__init__()
        self._kernel = kernel
        self._capture = OutputCapture()
        self.parent: Any = {}

    def take(self) -> str:
        text, left_out = self._capture.take()
        return f"... {left_out:,} characters are left out\n{text}" if left_out else text

    def send(self, stream: str, text: str) -> None:
        self._publish("stream", {"name": stream, "text": text})

    def display(self, data: Mapping[str, str]) -> None:
        self._publish("display_data", {"data": dict(data), "metadata": {}})

    def publish_result(self, value: str, count: int) -> None:
        data = {"text/plain": value}
        self._publish("execute_result", {"data": data, "metadata": {}, "execution_count": count})

    def publish_error(self, content: Mapping[str, Any]) -> None:
        self._publish("error", dict(content))

    def _publish(self, kind: str, content: dict[str, Any]) -> None:
        kernel = self._kernel
        kernel.session.send(kernel.iopub_socket, kind, content, parent=self.parent, ident=kind.encode())


class KaleidoKernel(Kernel):  # type: ignore[misc]
    """A kernel with one session, for as long as it lives."""

    implementation = "kaleido"
    implementation_version = __version__
    banner = f"Kaleido {__version__}. `:help` shows the commands."
    language_info: ClassVar = {
        "name": "kaleido",
        "version": __version__,
        "mimetype": "text/x-kaleido",
        "file_extension": ".kal",
        "pygments_lexer": "kaleido",
        # JupyterLab has no mode for Kaleido. Ruby's has the same comments, and most of the keywords.
        "codemirror_mode": "ruby",
    }
    help_links: ClassVar[list[dict[str, str]]] = []

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._program = Session()
        self._outlet = _Frontends(self)
        self._cells = Cells(self._program, self._outlet)
        self._completer = EntryCompleter(self._cells.state)

    async def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: Mapping[str, str] | None = None,
        allow_stdin: bool = False,
        **_: Any,
    ) -> dict[str, Any]:
        """Run a cell."""
        count = self.execution_count
        self._outlet.parent = self.get_parent()
        ended = threading.Event()
        draining = threading.Thread(target=self._drain, args=[ended], name="kaleido-output", daemon=True)
        draining.start()
        try:
            value = self._cells.run(code, f"<cell {count}>")
        except KaleidoError as error:
            return self._failed(count, type(error).__name__, error.diagnostic.title, render(error.diagnostics, COLORED))
        except KeyboardInterrupt as stop:
            return self._failed(count, "Interrupted", str(stop) or "interrupted", str(stop) or "interrupted")
        except (OSError, MemoryError) as error:
            return self._failed(count, type(error).__name__, str(error), f"error: {error or 'out of memory'}")
        finally:
            ended.set()
            draining.join()
        if value is not None and not silent:
            self._outlet.publish_result(value, count)
        return {"status": "ok", "execution_count": count, "payload": [], "user_expressions": {}}

    def _drain(self, ended: threading.Event) -> None:
        while not ended.wait(_TICK):
            self._outlet.drain()

    def _failed(self, count: int, name: str, value: str, shown: str) -> dict[str, Any]:
        content = {"ename": name, "evalue": value, "traceback": shown.splitlines()}
        self._outlet.publish_error(content)
        return content | {"status": "error", "execution_count": count}

    async def do_complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
        """The completions of the word before the cursor, as the REPL has them."""
        document = Document(code, cursor_pos)
        found = list(self._completer.get_completions(document, CompleteEvent()))
        start = cursor_pos + min((each.start_position for each in found), default=0)
        return {
            "status": "ok",
            "matches": [each.text for each in found],
            "cursor_start": start,
            "cursor_end": cursor_pos,
            "metadata": {},
        }

    async def do_inspect(
        self, code: str, cursor_pos: int, detail_level: int = 0, omit_sections: Any = ()
    ) -> dict[str, Any]:
        """What `:info` says of the name at the cursor, or of the function whose arguments it is in."""
        text = self._information(_name_at(code, cursor_pos))
        if not text:
            call = open_call(code[:cursor_pos])
            text = self._information(call.name) if call is not None else ""
        data = {"text/plain": text} if text else {}
        return {"status": "ok", "found": bool(text), "data": data, "metadata": {}}

    def _information(self, name: str) -> str:
        if not name:
            return ""
        state, written = self._cells.state, list[str]()
        notebook, state.console = state.console, _Collected(written)
        try:
            execute(state, Source("<inspection>", f":info {name}"))
        except KaleidoError:
            return ""
        finally:
            state.console = notebook
        return "".join(written)

    async def do_is_complete(self, code: str) -> dict[str, Any]:
        """Whether Enter runs a cell: the parser decides."""
        if not is_command(code) and is_incomplete(code + "\n", self._program.operators):
            return {"status": "incomplete", "indent": "    "}
        return {"status": "complete"}

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """End the session."""
        self._cells.close()
        self._program.close()
        return {"status": "ok", "restart": restart}


class _Collected(Console):
    """A console that collects what is written to it."""

    def __init__(self, written: list[str]) -> None:
        from kaleido.repl.settings import Settings

        super().__init__(Settings(), interactive=False, colored=True)
        self._written = written

    def write(self, text: str) -> None:
        self._written.append(text)


def _name_at(code: str, offset: int) -> str:
    """The word that an offset is in, or at the end of."""
    words = re.finditer(r"[^\W\d]\w*", code)
    return next((each[0] for each in words if each.start() <= offset <= each.end()), "")


def launch() -> None:
    """Be a kernel, until the front end ends it."""
    IPKernelApp.launch_instance(kernel_class=KaleidoKernel)
