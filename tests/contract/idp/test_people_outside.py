"""The toolkit's device sign-in and its tokens by audience, with each provider."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from support.idp import Environment
from support.people import TokenFiles, enter_server, forget_environment, sign_in_here

from boresight import access
from boresight.access.identity import AUDIENCES
from boresight.access.signin import connect
from boresight.errors import ExpiredSessionError
from boresight_hub import oidc
from boresight_hub.access.exchange import TokenExchange
from boresight_hub.embedded import people
from boresight_hub.errors import CredentialError


@pytest.fixture(scope="module")
def exchange(idp: Environment) -> Iterator[Environment]:
    """The access service's routes for tokens, behind the proxy; the others need a store."""
    settings = idp.settings
    app = FastAPI()
    router = APIRouter(prefix="/services/access")
    TokenExchange(settings).install(router)
    app.include_router(router)
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port_of("access"), log_level="warning"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    idp.route("services/access", settings.url_of("access"))
    deadline = time.monotonic() + 20
    url = f"{settings.public_url}/services/access/environment"
    while httpx.get(url, timeout=5, trust_env=False).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield idp
    server.should_exit = True
    thread.join(20)


def check(idp: Environment, tokens: dict[str, str], username: str) -> None:
    """Each token is its audience's, and nobody else's."""
    groups = people.find(idp.settings, username).groups
    for audience in AUDIENCES:
        verifier = oidc.TokenVerifier(idp.settings, audience)
        claims = asyncio.run(verifier.verify(tokens[audience]))
        assert (claims.username, set(claims.groups)) == (username, set(groups))
        assert not claims.is_service
        for other in set(AUDIENCES) - {audience}:
            with pytest.raises(CredentialError, match=f"not for the audience '{audience}'"):
                asyncio.run(verifier.verify(tokens[other]))


def test_tokens_on_a_laptop(
    exchange: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_environment(monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert sign_in_here(exchange, "lea") == "lea"
    check(exchange, {name: access.token(name) for name in AUDIENCES}, "lea")
    # renewed with the refresh token, time and again
    identity: Any = connect()
    seen = [identity.token("access")]
    for _ in range(3):
        seen.append(identity.token("access", instead_of=seen[-1]))
        assert exchange.verify(seen[-1], "access").username == "lea"
    assert len(set(seen)) == 4
    access.sign_out()
    # whoever still has the object has no session any more
    with pytest.raises(ExpiredSessionError, match="cannot be read"):
        identity.token("access", instead_of=seen[-1])


def test_tokens_in_a_server(
    exchange: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = TokenFiles(exchange, "marie", tmp_path / "tokens")
    enter_server(exchange.settings, "marie", files.folder, monkeypatch)
    check(exchange, {name: access.token(name) for name in AUDIENCES}, "marie")


def test_a_signed_out_person_gets_none(
    exchange: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_environment(monkeypatch)
    with exchange.browser() as browser:
        tokens = exchange.sign_in("marie", browser)
        subject = asyncio.run(oidc.exchange(exchange.settings, tokens["access_token"], "access"))
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": subject.access_token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": "dask",
        }
        url = f"{exchange.settings.public_url}/services/access/token"
        answer = httpx.post(url, data=form, timeout=30, trust_env=False)
        assert answer.status_code == 200, answer.text
        browser.get(exchange.endpoint("logout"), {"id_token_hint": tokens["id_token"]})
    answer = httpx.post(url, data=form, timeout=30, trust_env=False)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "invalid_request"
