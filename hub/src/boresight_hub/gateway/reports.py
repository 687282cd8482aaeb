"""The gateway's own API: the state of a cluster in words.

``GET /api/boresight/info`` gives limits and where clients connect;
``GET /api/boresight/clusters/<name>`` gives the state of one cluster to its owner.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web
from dask_gateway_server.backends.db_base import Cluster, JobStatus
from dask_gateway_server.routes import api_handler

from boresight_hub.gateway.backend import ClusterBackend
from boresight_hub.gateway.options import bounds
from boresight_hub.settings import HubSettings


def routes() -> list[web.AbstractRouteDef]:
    """Routes of this module."""
    authenticated = api_handler(user_authenticated=True)
    return [
        web.get("/api/boresight/info", authenticated(_info)),
        web.get("/api/boresight/clusters/{cluster_name}", authenticated(_cluster)),
    ]


def describe(backend: ClusterBackend, cluster: Cluster) -> dict[str, Any]:
    """Describe ``cluster`` for its owner; no secret is in it."""
    workers = [w for w in cluster.workers.values() if w.status < JobStatus.STOPPED]
    return {
        "name": cluster.name,
        "status": cluster.model_status.name,
        "options": dict(cluster.options),
        "workers": {
            "requested": cluster.count,
            "running": sum(w.status == JobStatus.RUNNING for w in workers),
            "maximum": cluster.config.cluster_max_workers,
        },
        "pending_reason": backend.pending_reason(cluster) if cluster.is_active() else "",
        "failure": backend.failures.get(cluster.name, ""),
        "dashboard_route": f"/clusters/{cluster.name}/status",
    }


async def _info(request: web.Request) -> web.Response:
    settings: HubSettings = request.app["settings"]
    limits = settings.gateway
    return web.json_response(
        {
            "scheduler_proxy": f"{settings.host}:{settings.port_of('gateway_scheduler')}",
            "limits": {
                "clusters": limits.max_clusters_per_user,
                "cores": limits.max_cores_per_user,
                "memory_gib": limits.max_memory_per_user_gib,
                "cores_per_cluster": limits.max_cores_per_cluster,
            },
            "options": {
                b.name: {"default": b.default, "minimum": b.minimum, "maximum": b.maximum}
                for b in bounds(settings)
            },
        }
    )


async def _cluster(request: web.Request) -> web.Response:
    backend: ClusterBackend = request.app["backend"]
    cluster = backend.db.get_cluster(request.match_info["cluster_name"])
    # somebody else's cluster and none at all look the same
    if cluster is None or cluster.username != request["user"].name:
        raise web.HTTPNotFound(reason="You have no cluster of this name")
    return web.json_response(describe(backend, cluster))
