"""Who may see and do what. The owner succeeds first: a refusal to everybody proves nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from support.gateway_stack import GatewayStack
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_socket
from websockets.typing import Origin, Subprotocol

from boresight.compute import Backend, Cluster, cluster, clusters, connect
from boresight.errors import ComputeError
from boresight_hub.session import HubSession

Compute = Callable[[str], Backend]


@pytest.fixture
def mine(compute: Compute) -> Iterator[Cluster]:
    """A cluster of marie's, without workers."""
    with cluster(0, backend=compute("marie")) as made:
        yield made


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=20, trust_env=False)


def test_nobody_else_lists_connects_or_stops(
    stack: GatewayStack, compute: Compute, mine: Cluster
) -> None:
    assert [c.name for c in clusters(backend=compute("marie"))] == [mine.name]
    connect(mine.name, backend=compute("marie")).close()

    paul = compute("paul")
    assert clusters(backend=paul) == []
    for attempt in (
        lambda: connect(mine.name, backend=paul),
        lambda: paul.scale(mine.name, 0),
        lambda: paul.adapt(mine.name, 0, 1),
        lambda: paul.stop(mine.name),
    ):
        with pytest.raises(ComputeError, match="You have no cluster of this name"):
            attempt()
    for path in (f"v1/clusters/{mine.name}", f"boresight/clusters/{mine.name}"):
        answer = stack.api("paul", "GET", path)
        assert answer.status_code in (403, 404)
        assert "tls" not in answer.text
    assert mine.client.ncores() == {}  # still at work


@pytest.mark.parametrize(
    "path", ["v1/clusters/", "v1/options", "boresight/info", "v1/routes", "boresight/clusters/x"]
)
def test_without_a_token_nothing_is_told(stack: GatewayStack, path: str) -> None:
    url = f"{stack.settings.gateway_url}/api/{path}"
    assert get(url).status_code == 401
    assert get(url, Authorization="jupyterhub wrong").status_code == 401


def test_dashboard_is_its_owners(stack: GatewayStack, mine: Cluster) -> None:
    def page(who: str) -> httpx.Response:
        return get(mine.dashboard_link, Authorization=f"token {stack.token(who)}")

    assert page("marie").status_code == 200
    assert "Dask" in page("marie").text
    assert page("paul").status_code == 404
    assert page("lea").status_code == 200  # the platform's administrator


def test_dashboard_in_a_browser(stack: GatewayStack, mine: Cluster) -> None:
    part = stack.settings
    # nobody: sent to the hub
    answer = get(mine.dashboard_link)
    assert answer.status_code == 302
    assert urlsplit(answer.headers["Location"]).path == "/hub/api/oauth2/authorize"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/services/dask-gateway/" in cookie

    with HubSession(part) as marie, HubSession(part) as paul:
        marie.sign_in("marie", stack.hub.password("marie"))
        shown = marie.browser.get(mine.dashboard_link)
        assert shown.status_code == 200
        assert str(shown.url) == mine.dashboard_link
        assert marie.browser.get(mine.dashboard_link).history == []  # no second sign-in
        for kind in ("tasks", "workers", "json/counts.json"):
            sibling = mine.dashboard_link.replace("status", kind)
            assert marie.browser.get(sibling).status_code == 200, kind

        paul.sign_in("paul", stack.hub.password("paul"))
        refused = paul.browser.get(mine.dashboard_link)
        assert refused.status_code == 404
        assert mine.name not in refused.text


def test_sign_out_ends_the_dashboard(stack: GatewayStack, compute: Compute) -> None:
    with HubSession(stack.settings) as paul, cluster(0, backend=compute("paul")) as made:
        paul.sign_in("paul", stack.hub.password("paul"))
        link = made.dashboard_link
        assert paul.browser.get(link, follow_redirects=True).status_code == 200
        paul.browser.get(f"{stack.settings.public_url}/hub/logout")
        # an answer of the hub is believed for ten seconds
        deadline = time.monotonic() + 15
        while (answer := paul.browser.get(link, follow_redirects=False)).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert answer.status_code == 302
    stack.sessions["paul"].sign_in("paul", stack.hub.password("paul"))


def test_sign_in_of_another_browser_is_refused(stack: GatewayStack, mine: Cluster) -> None:
    begun = get(mine.dashboard_link)
    state = httpx.URL(begun.headers["Location"]).params["state"]
    callback = f"{stack.settings.gateway_url}/oauth_callback"
    foreign = httpx.get(callback, params={"code": "x", "state": state}, timeout=20)
    assert foreign.status_code == 400
    own = {"Cookie": begun.headers["Set-Cookie"].split(";")[0]}
    wrong = httpx.get(callback, params={"code": "x", "state": state + "x"}, headers=own, timeout=20)
    assert wrong.status_code == 400
    bad_code = httpx.get(callback, params={"code": "x", "state": state}, headers=own, timeout=20)
    assert bad_code.status_code == 403


def test_sign_in_leads_nowhere_else(stack: GatewayStack, mine: Cluster) -> None:
    begun = httpx.get(f"{stack.settings.gateway_url}/clusters//evil.example/status", timeout=20)
    assert begun.status_code in (302, 404)
    if begun.status_code == 302:
        assert urlsplit(begun.headers["Location"]).netloc in ("", mine_host(stack))


def mine_host(stack: GatewayStack) -> str:
    return urlsplit(stack.settings.public_url).netloc


def test_websocket_of_the_dashboard(stack: GatewayStack, mine: Cluster) -> None:
    # what a browser does: the page holds a token of Bokeh's, the socket wants it as subprotocol
    owner = {"Authorization": f"token {stack.token('marie')}"}
    found = re.search(r'"token":"([^"]+)"', get(mine.dashboard_link, **owner).text)
    assert found is not None
    protocols = [Subprotocol("bokeh"), Subprotocol(found[1])]
    url = mine.dashboard_link.replace("http://", "ws://") + "/ws"

    def attempt(who: str | None, origin: str | None = None) -> int:
        try:
            with connect_socket(
                url,
                additional_headers={"Authorization": f"token {stack.token(who)}"} if who else {},
                origin=Origin(origin) if origin else None,
                subprotocols=protocols,
                open_timeout=20,
                proxy=None,
            ) as socket:
                assert "ACK" in str(socket.recv(timeout=20))
                return 101
        except InvalidStatus as exc:
            return exc.response.status_code

    assert attempt("marie") == 101
    assert attempt("marie", stack.settings.public_url) == 101
    assert attempt("marie", "http://evil.example") == 403
    assert attempt("paul") == 404
    assert attempt(None) == 401


def test_raw_ports_refuse_everybody(stack: GatewayStack, compute: Compute) -> None:
    with cluster(1, worker_memory_gib=0.5, backend=compute("marie")) as made:
        ours = stack.cluster_processes()
        ports = {
            c.laddr.port
            for process in ours
            for c in process.net_connections(kind="tcp")
            if c.status == psutil.CONN_LISTEN
        }
        addresses = {
            c.laddr.ip
            for process in ours
            for c in process.net_connections(kind="tcp")
            if c.status == psutil.CONN_LISTEN
        }
        assert addresses == {"127.0.0.1"}
        answered: dict[str, list[int]] = {}
        for port in ports:
            for path in ("status", "health", "info/main/workers.html", "metrics", "sitemap.json"):
                try:
                    code = get(f"http://127.0.0.1:{port}/{path}").status_code
                except httpx.HTTPError:
                    continue  # not HTTP: the TLS ports of Dask itself
                answered.setdefault(path, []).append(code)
        # scheduler's and worker's HTTP server refuse; the scheduler's control port knows no path
        assert sorted(answered["status"]) == [403, 403, 404]
        assert sorted(answered["health"]) == [403, 403, 404]
        for path, codes in answered.items():
            assert 200 not in codes, path
        assert made.n_workers() == 1
