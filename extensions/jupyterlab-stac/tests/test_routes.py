"""The routes, on a real Jupyter server."""

from __future__ import annotations

import json

import pytest

from jupyterlab_stac.handlers import ROUTES

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(400)]

#: a request of each route and method that succeeds, or is refused by the panel itself
REQUESTS = {
    ("settings", "GET"): ("", None, 200),
    ("apis", "POST"): ("", {"url": "https://one.example/v1"}, 200),
    ("apis", "DELETE"): ("?url=https://one.example/v1", None, 200),
    ("hosts", "POST"): ("", {"url": "https://two.example"}, 200),
    ("hosts", "DELETE"): ("?host=two.example", None, 200),
    ("api", "GET"): ("?url=http://127.0.0.1:1/", None, 403),
    ("api", "POST"): ("", {"url": "http://127.0.0.1:1/", "body": {}}, 403),
    ("sign", "POST"): ("", {"hrefs": ["https://three.example/x"]}, 200),
    ("preview", "GET"): ("?href=http://127.0.0.1:1/x.tif", None, 403),
    ("downloads", "GET"): ("", None, 200),
    ("downloads", "POST"): ("", {"href": "http://127.0.0.1:1/x"}, 201),
    ("downloads", "DELETE"): ("?key=none", None, 400),
}


def test_every_method_of_every_route_is_listed():
    methods = {
        (name, method.upper())
        for name, handler in ROUTES.items()
        for method in ("get", "post", "put", "patch", "delete")
        if method in handler.__dict__
    }
    assert methods == set(REQUESTS)


@pytest.mark.parametrize(("name", "method"), REQUESTS)
def test_a_route_answers_who_is_signed_in_and_nobody_else(jupyter, name, method):
    query, body, status = REQUESTS[name, method]
    path = f"jupyterlab-stac/{name}{query}"
    found, _, content = jupyter.ask(path, method=method, body=body)
    assert found == status, content
    told = json.loads(content)
    if status >= 400:
        assert told["kind"] in ("host", "request"), "refused by the panel, not by the server"
    refused, headers, content = jupyter.ask(path, method=method, body=body, signed_in=False)
    assert refused in (302, 403)
    if refused == 302:
        assert "/login" in headers["Location"]
    assert b"example" not in content


def test_what_has_not_changed_is_not_sent_again(jupyter):
    _, headers, content = jupyter.ask("jupyterlab-stac/settings")
    assert content
    again = {"If-None-Match": headers["Etag"]}
    status, _, content = jupyter.ask("jupyterlab-stac/settings", headers=again)
    assert (status, content) == (304, b"")
    status, _, _ = jupyter.ask("jupyterlab-stac/settings", headers={"If-None-Match": '"other"'})
    assert status == 200


def test_signed_addresses_are_kept_by_nobody(jupyter):
    _, headers, _ = jupyter.ask(
        "jupyterlab-stac/sign", method="POST", body={"hrefs": ["https://three.example/x"]}
    )
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        ("sign", "POST", {"hrefs": "x"}),
        ("sign", "POST", {}),
        ("sign", "POST", []),
        ("sign", "POST", {"hrefs": [1]}),
        ("preview?href=https://x.example/&bands=a", "GET", None),
        ("preview?href=https://x.example/&stretch=2,1", "GET", None),
        ("api", "GET", None),
        ("api?url=file:///etc/passwd", "GET", None),
    ],
)
def test_nonsense_is_told(jupyter, path, method, body):
    status, _, content = jupyter.ask(f"jupyterlab-stac/{path}", method=method, body=body)
    assert status in (400, 403)
    assert json.loads(content)["message"]
