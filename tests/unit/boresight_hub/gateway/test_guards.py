"""Guards: HTTP of schedulers, holders of tokens, whose a token is, the end without a gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application, ErrorHandler, RequestHandler

from boresight_hub.errors import CredentialError, ServiceError
from boresight_hub.gateway import auth, http_guard, orphan_watch
from boresight_hub.gateway.holders import TokenHolders
from boresight_hub.gateway.hubapi import HubUser
from boresight_hub.gateway.names import SECRET_HEADER


class FakeHub:
    """A hub that is there, or not."""

    def __init__(self) -> None:
        self.is_there = True
        self.files: set[tuple[str, str]] = set()
        self.asked = 0

    def _check(self) -> None:
        if not self.is_there:
            raise ServiceError("The hub does not answer.")

    async def create_token_files(self, username: str, holder: str) -> Path:
        self._check()
        self.files.add((username, holder))
        return Path("/tokens") / username / holder

    async def remove_token_files(self, username: str, holder: str) -> None:
        self._check()
        self.files.discard((username, holder))

    async def user(self, token: str) -> HubUser | None:
        self._check()
        self.asked += 1
        return HubUser("marie", False, ()) if token == "good" else None


@pytest.mark.parametrize(
    ("header", "is_let_in"),
    [
        ({SECRET_HEADER: "s3cret"}, True),
        ({SECRET_HEADER: "s3cret2"}, False),
        ({SECRET_HEADER: ""}, False),
        ({SECRET_HEADER: "sécret€"}, False),
        ({}, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/health", "/status", "/nothing"])
def test_without_the_secret_every_path_is_refused(
    header: dict[str, str], is_let_in: bool, path: str
) -> None:
    class Page(RequestHandler):
        pass

    application = Application([("/health", Page), ("/status", Page)])
    http_guard.guard(application, "s3cret")
    request = HTTPServerRequest(
        start_line=RequestStartLine("GET", path, "HTTP/1.1"),
        headers=HTTPHeaders({"Host": "localhost", **header}),
        connection=SimpleNamespace(context=None),  # type: ignore[arg-type]
    )
    delegate: Any = application.find_handler(request)
    if is_let_in and path != "/nothing":
        assert delegate.handler_class is Page
    else:
        assert delegate.handler_class is ErrorHandler
        assert delegate.handler_kwargs["status_code"] == (404 if is_let_in else 403)


async def test_holders_are_removed_for_certain(tmp_path: Path) -> None:
    hub = FakeHub()
    holders = TokenHolders(tmp_path / "notes", hub)  # type: ignore[arg-type]
    await holders.create("marie", "worker-1")
    await holders.create("paul", "worker-2")
    await holders.remove("worker-1")
    assert hub.files == {("paul", "worker-2")}

    hub.is_there = False
    await holders.remove("worker-2")
    assert hub.files == {("paul", "worker-2")}
    hub.is_there = True
    # the gateway was killed meanwhile: its successor knows of it
    successor = TokenHolders(tmp_path / "notes", hub)  # type: ignore[arg-type]
    await successor.sweep(live={"worker-2"})
    assert hub.files == {("paul", "worker-2")}
    await successor.sweep(live=set())
    assert hub.files == set()
    assert list((tmp_path / "notes").iterdir()) == []


async def test_a_holder_that_was_refused_leaves_a_note_to_be_swept(tmp_path: Path) -> None:
    class Refusing(FakeHub):
        async def create_token_files(self, username: str, holder: str) -> Path:
            raise CredentialError("No session.")

    holders = TokenHolders(tmp_path / "notes", Refusing())  # type: ignore[arg-type]
    with pytest.raises(CredentialError):
        await holders.create("marie", "worker-1")
    await holders.sweep(live=set())
    assert list((tmp_path / "notes").iterdir()) == []


async def test_an_answer_about_a_token_is_believed_for_a_while() -> None:
    hub = FakeHub()
    cache = auth.TokenCache(hub, believed_s=0.2)  # type: ignore[arg-type]
    for _ in range(3):
        user = await cache.user("good")
        assert user is not None
        assert user.name == "marie"
    assert hub.asked == 1
    for _ in range(2):  # a refusal is not kept: the token may become good
        assert await cache.user("bad") is None
    assert hub.asked == 3
    await asyncio.sleep(0.3)
    hub.is_there = False
    with pytest.raises(ServiceError):
        await cache.user("good")
    # the token itself is not kept
    assert "good" not in repr(vars(cache))


async def test_a_cluster_without_a_gateway_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [True, True, True]

    class Client:
        async def fetch(self, request: object, raise_error: bool) -> None:
            if not answers or not answers.pop():
                raise ConnectionRefusedError

    class Scheduler:
        reason = ""

        async def close(self, reason: str) -> None:
            self.reason = reason

    monkeypatch.setattr(orphan_watch, "AsyncHTTPClient", Client)
    assert AsyncHTTPClient is not Client
    scheduler, loop = Scheduler(), asyncio.get_running_loop()
    begun = loop.time()
    await orphan_watch.watch(scheduler, "http://gateway/api", 0.4)
    assert scheduler.reason == "gateway-absent"
    assert loop.time() - begun > 0.5  # three answers, then as long as was allowed
