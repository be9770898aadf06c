"""The workbench's routes. The page gets everything that changes as server-sent events, and sends commands by POST."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from kaleido.lab.admission import Admission, Keys
from kaleido.lab.audience import Audience
from kaleido.lab.programs import programs
from kaleido.lab.worker_process import WorkerEnded, WorkerProcess
from kaleido.page import LiveParts, document

__all__ = ["application"]

# The arguments of each command, and their types.
_COMMANDS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "run": {"text": (str,)},
    "apply": {"text": (str,)},
    "evaluate": {"text": (str,)},
    "check": {"text": (str,)},
    "stop": {},
    "tiers": {"mode": (str,), "threshold": (int, type(None))},
    "hold": {"held": (bool,)},
    "step": {},
    "code": {"symbol": (str,), "tier": (str,)},
}

# Bytes of a command.
_LARGEST = 4 << 20

# Seconds after which a connection without messages gets a comment: a lost connection is noticed by that.
_SILENCE = 10.0


def application(keys: Keys, hosts: frozenset[str], text: str, *, externs: bool) -> Starlette:
    """The application. `text` is what the editor begins with."""
    lab = _Lab(text, externs=externs)
    routes = [
        Route("/", lab.page),
        Route("/start", lab.start),
        Route("/events", lab.events),
        Route("/command", lab.command, methods=["POST"]),
        Route("/report", lab.report),
    ]
    admission = Middleware(partial(Admission, keys=keys, hosts=hosts))
    return Starlette(routes=routes, middleware=[admission], lifespan=lab.life)


class _Lab:
    def __init__(self, text: str, *, externs: bool) -> None:
        self._text = text
        self._audience = Audience()
        self._worker = WorkerProcess(self._audience, externs=externs)

    @asynccontextmanager
    async def life(self, application: Starlette) -> AsyncIterator[None]:
        """The worker ends with the server."""
        try:
            yield
        finally:
            self._worker.kill()

    # What the page is made of

    async def page(self, request: Request) -> Response:
        return Response(_page(), media_type="text/html")

    async def start(self, request: Request) -> Response:
        """What the page needs once: the text of the editor, and the programs that can be opened."""
        return JSONResponse({"text": self._text, "programs": programs()})

    async def report(self, request: Request) -> Response:
        """The recording so far as a report, to be saved."""
        reply = await self._worker.ask({"do": "report"})
        headers = {"Content-Disposition": 'attachment; filename="report.html"'}
        return Response(document(reply["result"]), media_type="text/html", headers=headers)

    # The live part

    async def events(self, request: Request) -> Response:
        return StreamingResponse(self._messages(), media_type="text/event-stream")

    async def _messages(self) -> AsyncIterator[str]:
        page = self._audience.add()
        try:
            yield ": connected\n\n"
            while True:
                if not page.current:
                    await self._worker.refresh()
                message = await page.next(_SILENCE)
                yield f"data: {message}\n\n" if message is not None else ": silence\n\n"
        finally:
            self._audience.remove(page)

    async def command(self, request: Request) -> Response:
        """Pass a command on to the worker."""
        body = await request.body()
        try:
            command = _command(json.loads(body)) if len(body) <= _LARGEST else None
        except (ValueError, RecursionError):
            command = None
        if command is None:
            return PlainTextResponse("not a command\n", 400)
        if command["do"] == "check":
            # A text is not lost with its tab.
            self._text = command["text"]
        try:
            reply = await self._worker.ask(command)
        except WorkerEnded:
            reply = {"refused": "the program's process has ended"}
        return JSONResponse(reply)


def _command(found: Any) -> dict[str, Any] | None:
    """A command with exactly its arguments; None if it is none."""
    expected = _COMMANDS.get(str(found.get("do"))) if isinstance(found, dict) else None
    if expected is None or found.keys() != {"do", *expected}:
        return None
    good = all(type(found[name]) in types for name, types in expected.items())
    return found if good else None


@cache
def _page() -> str:
    """The report's page, with the editor and the controls, and a script that feeds it."""
    # In a block, so that its names are its own.
    script = "".join(["{\n", *(_asset(f"{name}.js") for name in ("editor", "transcript", "lab")), "}\n"])
    parts = LiveParts(_asset("lab.html"), _asset("lab.css"), script, "'self'")
    return document({"program": {"name": "Kaleido lab"}}, parts)


def _asset(name: str) -> str:
    return (files("kaleido.lab") / "assets" / name).read_text("utf-8")
