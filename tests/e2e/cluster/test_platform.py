"""The environment on the cluster is up: the origin answers, and each service behind it."""

from __future__ import annotations

import pytest
from support.cluster import NAMESPACE, USERS, Cluster

pytestmark = pytest.mark.e2e
ORIGIN = f"http://proxy-public.{NAMESPACE}.svc.cluster.local"

PATHS = {
    "hub": "/hub/health",
    "provider": "/idp/realms/boresight/.well-known/openid-configuration",
    "catalogue": "/services/stac/health",
    "access": "/services/access/health",
    "gateway": "/services/dask-gateway/api/health",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_service_answers_at_the_origin(cluster: Cluster, path: str) -> None:
    status = cluster.run(
        *("in-net", "curl", "--silent", "--retry", "5", "--retry-all-errors"),
        *("--max-time", "20", "--output", "/dev/null", "--write-out", "%{http_code}"),
        f"{ORIGIN}{path}",
    )
    assert status == "200"


def test_no_pod_was_restarted_but_by_us(cluster: Cluster) -> None:
    restarts = {
        pod["metadata"]["name"]: sum(
            state["restartCount"] for state in pod["status"].get("containerStatuses", ())
        )
        for pod in cluster.get("pods", "--namespace", NAMESPACE)["items"]
    }
    assert restarts
    assert not any(restarts.values()), restarts


def test_routes_of_traefik_are_for_traefik_only(cluster: Cluster) -> None:
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
    status = cluster.run(
        *("in-net", "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"),
        f"{ORIGIN}/services/dask-gateway/api/boresight/routes",
    )
    assert status == "404"
    assert cluster.get("networkpolicies", "--namespace", USERS)["items"]
