"""Requests to an ASGI application, without a server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1:8000"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def request(app: Any, path: str, *, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    """The response to one request. Underscores in the names of `headers` stand for hyphens."""
    return asyncio.run(_request(app, path, method, body, {"host": HOST} | headers))


async def _request(app: Any, path: str, method: str, body: bytes, headers: dict[str, str]) -> Answer:
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    first, *rest = sent
    found = {name.decode().lower(): value.decode() for name, value in first["headers"]}
    return Answer(first["status"], found, b"".join(each.get("body", b"") for each in rest))
