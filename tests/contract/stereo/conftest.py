from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pystac
import pytest

from boresight.compute import Cluster, cluster
from boresight.compute.local import LocalBackend
from boresight.workflows.ingest import find_pair, ingest_pair
from boresight.workflows.targets import FolderTarget


@pytest.fixture
def two_workers() -> Iterator[Cluster]:
    """Workers of this machine, killed by no other test."""
    with cluster(2, worker_memory_gib=3, backend=LocalBackend(), timeout_s=120) as made:
        yield made


@pytest.fixture(scope="session")
def ventoux(
    real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FolderTarget, tuple[pystac.Item, pystac.Item]]:
    """The smaller real pair as items of a folder."""
    target = FolderTarget(tmp_path_factory.mktemp("ventoux"))
    return target, ingest_pair(*find_pair(real_data / "ventoux"), collection="l1", target=target)
