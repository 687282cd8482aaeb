"""Dask clusters, whatever starts them.

::

    from boresight.compute import cluster

    with cluster(n_workers=2, worker_cores=1, worker_memory_gib=4) as c:
        c.client.submit(sum, [1, 2]).result()

In the environment the cluster comes from the gateway, and scheduler and workers run the same
software as the notebook. ``BORESIGHT_COMPUTE=local`` takes processes of this machine instead; an
entry point of the group ``boresight.compute`` adds another backend by its name.

Every call is bounded in time and raises :class:`~boresight.errors.ComputeError` with what was seen,
the rule and the remedy.
"""

from boresight.compute.backends import backend
from boresight.compute.connection import open_connection, write_connection
from boresight.compute.handle import Cluster, cluster, clusters, connect, stop_all
from boresight.compute.interface import Backend, ClusterInfo, ClusterRequest, ClusterStatus

__all__ = [
    "Backend",
    "Cluster",
    "ClusterInfo",
    "ClusterRequest",
    "ClusterStatus",
    "backend",
    "cluster",
    "clusters",
    "connect",
    "open_connection",
    "stop_all",
    "write_connection",
]
