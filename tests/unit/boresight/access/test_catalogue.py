"""The token of the file, at each request and after a wait."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter

from boresight.access.catalogue import open_catalog
from boresight.access.environment import Environment
from boresight.access.identity import Bearer, Inside
from boresight.errors import AccessError, ExpiredSessionError

STAC = "http://127.0.0.1:8000/services/stac"


class Service(BaseAdapter):
    """Accepts one token, and renews the file while the first request is on its way."""

    def __init__(self, accepted: str, renew: Path | None = None) -> None:
        super().__init__()
        self.accepted, self.renew = accepted, renew
        self.seen: list[str | None] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        if self.renew:
            self.renew.write_text(self.accepted)
        given = request.headers.get("Authorization")
        self.seen.append(given)
        answer = requests.Response()
        answer.status_code = 200 if given == f"Bearer {self.accepted}" else 401
        answer.request, answer.url, answer.raw = request, request.url or "", io.BytesIO()
        answer.connection = self
        if answer.url.endswith("/moved"):
            answer.status_code = 302
            answer.headers["Location"] = "http://127.0.0.1:9000/elsewhere"
        return answer

    def close(self) -> None:
        """Nothing is open."""


def ask(service: Service, token_file: Path, url: str = f"{STAC}/search") -> int:
    environment = Environment("http://127.0.0.1:8001", ("home",), STAC, token_file, "marie")
    with requests.Session() as session:
        session.auth = Bearer(Inside(environment), "stac", STAC)
        session.mount("http://", service)
        return session.get(url, timeout=5).status_code


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "stac.jwt"
    path.write_text("old")
    return path


def test_token_that_aged_on_the_way_is_replaced(token_file: Path) -> None:
    service = Service("new", renew=token_file)
    assert ask(service, token_file) == 200
    assert service.seen == ["Bearer old", "Bearer new"]


def test_refused_token_is_not_sent_twice(token_file: Path) -> None:
    service = Service("another")
    assert ask(service, token_file) == 401
    assert service.seen == ["Bearer old"]


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("http://127.0.0.1:9000/elsewhere", [None]),
        (f"{STAC}-of-somebody-else/search", [None]),
        (f"{STAC}/moved", ["Bearer old", None]),
    ],
)
def test_nobody_else_gets_the_token(token_file: Path, url: str, seen: list[str | None]) -> None:
    service = Service("new", renew=token_file)
    assert ask(service, token_file, url) == 401
    assert service.seen == seen


@pytest.fixture
def signed_in(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {
        "BORESIGHT_S3_URL": "http://127.0.0.1:8001",
        "BORESIGHT_BUCKETS": "home",
        "BORESIGHT_STAC_URL": STAC,
        "BORESIGHT_STAC_TOKEN_FILE": str(token_file),
        "BORESIGHT_USER": "marie",
    }.items():
        monkeypatch.setenv(name, value)
    return token_file


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, ExpiredSessionError, "token file stac.jwt cannot be read.*Sign in again"),
        ("old", ExpiredSessionError, "does not accept your token.*Sign in again"),
        ("broken", AccessError, "did not answer.*boresight status"),
        ("away", AccessError, "did not answer.*boresight status"),
    ],
)
def test_what_is_wrong_is_told(
    signed_in: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
    error: type[AccessError],
    words: str,
) -> None:
    def send(_self: object, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        if content == "away":
            raise requests.ConnectionError
        answer = Service("new").send(request)
        answer.status_code = 500 if content == "broken" else answer.status_code
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", send)
    if content is None:
        signed_in.unlink()
    else:
        signed_in.write_text(content)
    with pytest.raises(error, match=words) as caught:
        open_catalog()
    assert type(caught.value) is error
