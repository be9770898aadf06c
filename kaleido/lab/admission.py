"""Which requests are accepted, and what every response says to the browser.

The server listens on loopback, which every page in the user's browser and every process of the machine can reach. So:

- The first address has a *secret*, good for one use. It becomes a cookie, which other sites cannot use (SameSite) and
  scripts cannot read (HttpOnly). Every other request needs the cookie.
- ``Host`` has to be this server's: otherwise a name that an attacker points at loopback ("DNS rebinding") would make
  the attacker's page one of the same origin.
- ``Origin``, which browsers send with each POST, has to be this server's, too, and the body has to be JSON.
- No other page may frame this one. The page itself permits its own scripts and styles, by their hashes, and
  connections to this server, and nothing else; see ``page.document``.
"""

from __future__ import annotations

import secrets
from hmac import compare_digest

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Admission", "Keys"]

_COOKIE = "kaleido-lab"

_HEADERS = {
    # The page has a stricter one in its text, for its own scripts and styles.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

_REFUSED = (
    "Open the address that `kaleido lab` has printed: it is good for one browser. For another one, start it again.\n"
)


class Keys:
    """The secret in the first address, and the value of the cookie, both unpredictable."""

    def __init__(self) -> None:
        self.secret = secrets.token_urlsafe(32)
        self.cookie = secrets.token_urlsafe(32)
        self._used = False

    def redeem(self, secret: str) -> bool:
        """Whether this is the secret, for the first time."""
        good = compare_digest(secret.encode(), self.secret.encode()) and not self._used
        self._used = self._used or good
        return good


class Admission:
    """ASGI middleware that refuses requests as the module says, and adds headers to all responses.

    `hosts` are the values of ``Host`` that are this server's, such as ``127.0.0.1:8000``.
    """

    def __init__(self, app: ASGIApp, keys: Keys, hosts: frozenset[str]) -> None:
        self._app, self._keys, self._hosts = app, keys, hosts
        # Cookies are shared by all ports of a host: with its port in the name, several workbenches keep apart.
        self._name = f"{_COOKIE}-{min(hosts).rpartition(':')[2]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        answer = self._answer(HTTPConnection(scope), scope["method"])
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, request: HTTPConnection, method: str) -> Response | None:
        """The response to a request that is not passed on."""
        if request.headers.get("host") not in self._hosts:
            return PlainTextResponse("This is not an address of the workbench.\n", 421)
        if method not in ("GET", "HEAD") and not self._is_from_the_page(request):
            return PlainTextResponse("Only the workbench's own page may do this.\n", 403)
        if compare_digest(request.cookies.get(self._name, "").encode(), self._keys.cookie.encode()):
            return None
        if request.url.path == "/" and self._keys.redeem(request.query_params.get("secret", "")):
            response = RedirectResponse("/", 303)
            response.set_cookie(self._name, self._keys.cookie, samesite="strict", httponly=True)
            return response
        return PlainTextResponse(_REFUSED, 403)

    def _is_from_the_page(self, request: HTTPConnection) -> bool:
        own = {f"http://{host}" for host in self._hosts}
        kind = request.headers.get("content-type", "").partition(";")[0]
        return request.headers.get("origin") in own and kind == "application/json"
