"""Names in links, and what the hub's answers mean."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from boresight.access import Environment
from boresight.errors import HubRefusal, InputError
from boresight.workflows.share import ServerShares, Shared, publish
from boresight.workflows.share.notebooks import _check

VERSION = "0" * 32
ENVIRONMENT = Environment(
    "http://s3",
    ("catalogue", "products", "home"),
    "http://hub/services/stac",
    Path(),
    "marie",
    "http://hub/services/access",
)


def test_a_link_holds_what_it_takes() -> None:
    shared = Shared("marie", VERSION, "dark & flat.ipynb")
    assert shared.link(ENVIRONMENT) == (
        "http://hub/hub/user-redirect/boresight/open?"
        f"owner=marie&version={VERSION}&name=dark+%26+flat.ipynb"
    )
    assert shared.address(ENVIRONMENT) == f"s3://home/_shared/marie/{VERSION}.ipynb"


@pytest.mark.parametrize(
    ("owner", "version", "name"),
    [
        ("", VERSION, "a.ipynb"),
        ("../marie", VERSION, "a.ipynb"),
        ("Marie", VERSION, "a.ipynb"),
        ("marie*", VERSION, "a.ipynb"),
        ("marie", VERSION[1:], "a.ipynb"),
        ("marie", VERSION.upper().replace("0", "A"), "a.ipynb"),
        ("marie", VERSION, "a.py"),
        ("marie", VERSION, ".ipynb"),
        ("marie", VERSION, "../a.ipynb"),
        ("marie", VERSION, "a\n.ipynb"),
        ("marie", VERSION, "a" * 200 + ".ipynb"),
    ],
)
def test_what_cannot_be_a_link(owner: str, version: str, name: str) -> None:
    with pytest.raises(InputError, match="names no shared notebook"):
        Shared(owner, version, name)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"cells": [], "nbformat": 3}', b"\xff"])
def test_what_is_no_notebook(content: bytes) -> None:
    with pytest.raises(InputError, match="no notebook"):
        _check(content, "a.ipynb")
    _check(b'{"cells": [], "nbformat": 4}', "a.ipynb")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        publish(tmp_path / "none.ipynb", ENVIRONMENT)


@pytest.mark.parametrize("status", [403, 404])
def test_where_servers_are_not_shared(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    for name, value in {
        "JUPYTERHUB_USER": "marie",
        "JUPYTERHUB_API_URL": "http://hub/hub/api",
        "JUPYTERHUB_API_TOKEN": "t",
        "BORESIGHT_ACCESS_URL": "http://hub/services/access",
    }.items():
        monkeypatch.setenv(name, value)
    answers = {"status": status}

    def answer(request: httpx.Request) -> httpx.Response:
        body = {"accept_url": "/hub/accept-share?code=c", "expires_at": "x"}
        return httpx.Response(answers["status"], json=body)

    shares = ServerShares(httpx.MockTransport(answer))
    with pytest.raises(HubRefusal, match="not shared in this environment"):
        shares.invite(60)
    answers["status"] = 200
    assert shares.invite(60).link == "http://hub/hub/accept-share?code=c"
