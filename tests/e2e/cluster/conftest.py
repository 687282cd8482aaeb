"""The chart on a real cluster. Needs root, as the cluster does; the first time images are built."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cluster import Cluster


@pytest.fixture(scope="session")
def node() -> Iterator[Cluster]:
    """The node, with nothing of ours on it."""
    cluster = Cluster()
    if not Path(cluster.program).is_file() or os.geteuid() != 0:
        if os.environ.get("BORESIGHT_REQUIRE_CLUSTER"):
            pytest.fail(f"{cluster.program} is not there, or this is not root")
        pytest.skip(f"needs root and the test cluster ({cluster.program}, BORESIGHT_TEST_CLUSTER)")
    cluster.up()
    yield cluster
    if not os.environ.get("BORESIGHT_KEEP_CLUSTER"):
        cluster.down()


@pytest.fixture(scope="session")
def cluster(node: Cluster) -> Cluster:
    """The node with the environment on it; one that was kept (BORESIGHT_KEEP_CLUSTER) is taken."""
    if not (os.environ.get("BORESIGHT_KEEP_CLUSTER") and node.has_environment()):
        node.images()
        node.install()
    node.wait_ready()
    return node
