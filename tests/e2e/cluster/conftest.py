"""The chart on a real cluster: `poe e2e-cluster` starts the node and runs these in its network."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from support.cluster import Cluster, Person

#: as an operator meets them; what breaks things comes last
_ORDER = ("platform", "browser", "main_job", "isolation", "gitops", "admission", "upgrade")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put our tests into that order; the others keep theirs."""
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        name = item.path.stem.removeprefix("test_")
        if item.path.parent != here:
            return -1
        return _ORDER.index(name) if name in _ORDER else len(_ORDER)

    items.sort(key=place)


@pytest.fixture(scope="session")
def node() -> Cluster:
    """The node; this process is in its network, where names of Services resolve."""
    cluster = Cluster()
    reason = ""
    if not Path(cluster.program).is_file() or os.geteuid() != 0:
        reason = f"needs root and the test cluster ({cluster.program}, BORESIGHT_TEST_CLUSTER)"
    else:
        try:
            socket.getaddrinfo("kubernetes.default.svc.cluster.local", 443)
        except OSError:
            reason = "needs the network of the test cluster: run `poe e2e-cluster`"
    if reason and os.environ.get("BORESIGHT_REQUIRE_CLUSTER"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return cluster


@pytest.fixture(scope="session")
def cluster(node: Cluster) -> Cluster:
    """The node with the environment on it; one that is there is brought to this chart."""
    node.install()
    node.wait_ready()
    return node


@pytest.fixture(scope="session")
def authorities(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Authority of the origin's certificate."""
    path = tmp_path_factory.mktemp("authorities") / "ca.crt"
    path.write_text(cluster.authorities())
    return path


@pytest.fixture(scope="session")
def person(cluster: Cluster, authorities: Path) -> Person:
    """Somebody signed in, by the form of Keycloak: ``with person("marie") as session``."""
    return lambda username, **options: cluster.session(username, authorities, **options)
