"""Which requests the workbench accepts."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("starlette", reason="the workbench needs the extra `lab`")

from starlette.responses import PlainTextResponse

from kaleido.lab.admission import Admission, Keys
from tests.lab.asgi import HOST, request

OWN = f"http://{HOST}"
JSON = "application/json"


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def app(keys: Keys) -> Any:
    return Admission(PlainTextResponse("inside"), keys, frozenset({HOST}))


@pytest.fixture
def cookie(app: Any, keys: Keys) -> str:
    return request(app, f"/?secret={keys.secret}").headers["set-cookie"].partition(";")[0]


def test_the_secret_becomes_a_cookie_and_leaves_the_address(app: Any, keys: Keys) -> None:
    answer = request(app, f"/?secret={keys.secret}")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert answer.headers["set-cookie"].endswith("; HttpOnly; Path=/; SameSite=strict")


def test_the_secret_is_good_once(app: Any, keys: Keys, cookie: str) -> None:
    assert request(app, f"/?secret={keys.secret}").status == 403
    assert request(app, "/", cookie=cookie).body == b"inside"


@pytest.mark.parametrize("path", ["/", "/?secret=", "/?secret=%C3%A9", "/events", "/assets/lab.js", "/report"])
def test_nothing_is_reached_without_the_cookie(app: Any, path: str) -> None:
    assert request(app, path).status == 403
    assert request(app, path, cookie="kaleido-lab-8000=guess").status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1", "127.0.0.1:8001", ""])
def test_a_name_that_points_at_loopback_is_refused(app: Any, cookie: str, host: str) -> None:
    assert request(app, "/", cookie=cookie, host=host).status == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", f"https://{HOST}", "http://127.0.0.1:8001", ""])
def test_a_command_from_another_page_is_refused(app: Any, cookie: str, origin: str) -> None:
    answer = request(app, "/command", method="POST", cookie=cookie, origin=origin, content_type=JSON)
    assert answer.status == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_is_refused(app: Any, cookie: str, kind: str) -> None:
    assert request(app, "/command", method="POST", cookie=cookie, origin=OWN, content_type=kind).status == 403


def test_the_page_s_own_command_is_accepted(app: Any, cookie: str) -> None:
    answer = request(app, "/command", method="POST", cookie=cookie, origin=OWN, content_type=f"{JSON}; charset=utf-8")
    assert answer.body == b"inside"


def test_no_response_can_be_framed_or_kept(app: Any, cookie: str) -> None:
    for answer in (request(app, "/"), request(app, "/", cookie=cookie)):
        assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
