"""The worker process as the server sees it. It is started when it is needed, and again after it has ended."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Any

from kaleido.lab.audience import Audience

__all__ = ["WorkerEnded", "WorkerProcess"]

# The longest message: a snapshot of a long run.
_LONGEST_LINE = 64 << 20

# Isolated: the worker imports what the server does, and nothing from the current folder.
_PROGRAM = """import sys
externs, *sys.path[:] = sys.argv[1:]
from kaleido.lab.worker import main
main(externs=externs == "externs")"""


class WorkerEnded(Exception):
    """The worker has ended before it has replied."""


class WorkerProcess:
    """Commands to the worker; what it sends goes to `audience`. To be used on one event loop."""

    def __init__(self, audience: Audience, *, externs: bool) -> None:
        self._audience = audience
        self._externs = "externs" if externs else ""
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count()
        self._starting = asyncio.Lock()

    async def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command. Returns the reply. Raises WorkerEnded, and OSError where no process can be started."""
        await self._start()
        assert self._process is not None and self._process.stdin is not None
        number = next(self._numbers)
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        line = json.dumps(command | {"id": number}, separators=(",", ":"))
        with suppress(ConnectionError):
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
        return await reply

    async def refresh(self) -> None:
        """Have a snapshot sent to the pages that need one."""
        with suppress(WorkerEnded, OSError):
            await self.ask({"do": "snapshot"})

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def ended(self) -> None:
        """Return when no worker runs."""
        if self._reading is not None:
            await self._reading

    async def _start(self) -> None:
        async with self._starting:
            if self._reading is not None and not self._reading.done():
                return
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-c", _PROGRAM, self._externs, *filter(None, sys.path),
                stdin=PIPE, stdout=PIPE, limit=_LONGEST_LINE,
            )  # fmt: skip
            self._reading = asyncio.create_task(self._read(self._process))

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        with suppress(ValueError, OSError):
            while line := await process.stdout.readline():
                self._receive(json.loads(line), line.decode().rstrip())
        # It may have ended, which is why there is no more to read.
        with suppress(ProcessLookupError):
            process.kill()
        code = await process.wait()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(WorkerEnded())
        self._replies.clear()
        self._audience.tell(json.dumps({"kind": "ended", "code": code}))

    def _receive(self, message: dict[str, Any], line: str) -> None:
        if message["kind"] == "reply":
            if (reply := self._replies.pop(message.pop("id"), None)) is not None and not reply.done():
                reply.set_result(message)
        elif message["kind"] == "snapshot":
            self._audience.tell_snapshot(line, everyone=message["opened"])
        else:
            self._audience.tell(line)
