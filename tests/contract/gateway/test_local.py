"""The same interface without a gateway: processes of this machine."""

from __future__ import annotations

import os

import dask
import pytest

from boresight.compute import cluster, clusters
from boresight.compute.local import LocalBackend
from boresight.errors import ComputeError


def test_local_backend_does_the_same() -> None:
    def environment() -> dict[str, str]:
        return dict(os.environ)

    backend = LocalBackend()
    with cluster(1, worker_memory_gib=0.5, backend=backend, timeout_s=60) as made:
        assert made.client.submit(sum, [1, 2]).result(timeout=30) == 3
        made.scale(2)
        made.wait_for_workers(2, timeout_s=60)
        for there in made.client.run(environment).values():
            assert there["OMP_NUM_THREADS"] == "1"
            assert there["MALLOC_TRIM_THRESHOLD_"] == "134217728"
        assert [c.name for c in clusters(backend=backend)] == [made.name]
    assert clusters(backend=backend) == []
    with pytest.raises(ComputeError, match="no cluster"):
        backend.info(made.name)


def test_values_that_cannot_be() -> None:
    with pytest.raises(ComputeError, match="worker_cores = 0"):
        cluster(1, worker_cores=0, backend=LocalBackend())


def test_clusters_closed_in_the_order_in_which_they_were_made() -> None:
    backend = LocalBackend()
    first, second = (cluster(0, backend=backend, timeout_s=60) for _ in range(2))
    first.close()
    assert dask.config.get("scheduler") == "dask.distributed"
    second.close()
    assert dask.delayed(sum)([1, 2]).compute() == 3  # type: ignore[attr-defined]
