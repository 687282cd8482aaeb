"""The environment on the cluster is up: the origin answers, and each service behind it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.cluster import NAMESPACE, ORIGIN, USERS, Cluster

pytestmark = pytest.mark.e2e


PATHS = {
    "hub": "/hub/health",
    "provider": "/idp/realms/boresight/.well-known/openid-configuration",
    "catalogue": "/services/stac/health",
    "access": "/services/access/health",
    "gateway": "/services/dask-gateway/api/health",
}


@pytest.fixture(scope="module")
def web(authorities: Path) -> Iterator[httpx.Client]:
    trust = ssl.create_default_context(cafile=str(authorities))
    transport = httpx.HTTPTransport(verify=trust, retries=5)
    with httpx.Client(base_url=ORIGIN, transport=transport, timeout=20) as client:
        yield client


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_service_answers_at_the_origin(web: httpx.Client, path: str) -> None:
    assert web.get(path).status_code == 200


def test_plain_http_is_led_to_https(web: httpx.Client) -> None:
    answer = httpx.get(f"{ORIGIN.replace('https', 'http')}/hub/health", timeout=20)
    assert answer.is_redirect
    assert answer.headers["location"].startswith(f"{ORIGIN}")


def test_no_pod_was_restarted_but_by_us(cluster: Cluster) -> None:
    states = {
        f"{pod['metadata']['name']}/{state['name']}": state
        for pod in cluster.get("pods", "--namespace", NAMESPACE)["items"]
        for key in ("containerStatuses", "initContainerStatuses")
        for state in pod["status"].get(key, ())
    }
    assert states
    restarted = {name: s["lastState"] for name, s in states.items() if s["restartCount"]}
    assert restarted == {}


def test_routes_of_traefik_are_for_traefik_only(cluster: Cluster, web: httpx.Client) -> None:
    inside = f"http://dask-gateway.{NAMESPACE}.svc.cluster.local:8014/api/boresight/routes"
    proxy = cluster.get(
        "pods", "--namespace", NAMESPACE, "--selector=app.kubernetes.io/component=hub"
    )
    name = proxy["items"][0]["metadata"]["name"]
    code = f"import urllib.request as u; u.urlopen({inside!r}, timeout=4)"
    done = cluster.attempt("kubectl", "-n", NAMESPACE, "exec", name, "--", "python", "-c", code)
    assert done.returncode != 0
    assert "timed out" in done.stderr or "refused" in done.stderr
    # and nothing of it through the origin
    assert web.get("/services/dask-gateway/api/boresight/routes").status_code == 404
    assert cluster.get("networkpolicies", "--namespace", USERS)["items"]
