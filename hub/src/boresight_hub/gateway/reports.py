"""The gateway's own API: the state of a cluster in words.

``GET /api/boresight/info`` gives limits and where clients connect;
``GET /api/boresight/clusters/<name>`` gives the state of one cluster to its owner.
"""

from __future__ import annotations

from typing import Any, Protocol

from aiohttp import web
from dask_gateway_server.routes import api_handler

from boresight_hub.gateway.options import bounds
from boresight_hub.gateway.views import ClusterView
from boresight_hub.settings import HubSettings


class Reporter(Protocol):
    """What is needed of a backend."""

    def view(self, name: str) -> ClusterView | None:
        """Return one cluster, None when there is none."""

    async def report(self, name: str) -> dict[str, Any]:
        """Describe a cluster that is there."""


def routes() -> list[web.AbstractRouteDef]:
    """Routes of this module."""
    authenticated = api_handler(user_authenticated=True)
    return [
        web.get("/api/boresight/info", authenticated(_info)),
        web.get("/api/boresight/clusters/{cluster_name}", authenticated(_cluster)),
    ]


async def _info(request: web.Request) -> web.Response:
    settings: HubSettings = request.app["settings"]
    limits = settings.gateway
    return web.json_response(
        {
            "scheduler_proxy": _proxy_address(settings),
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
    backend: Reporter = request.app["backend"]
    name = request.match_info["cluster_name"]
    cluster = backend.view(name)
    # somebody else's cluster and none at all look the same
    if cluster is None or cluster.username != request["user"].name:
        raise web.HTTPNotFound(reason="You have no cluster of this name")
    return web.json_response(await backend.report(name))


def _proxy_address(settings: HubSettings) -> str:
    if settings.platform == "kubernetes":
        return settings.kubernetes.dask.proxy_address
    return f"{settings.host}:{settings.port_of('gateway_scheduler')}"
