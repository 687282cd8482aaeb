"""``python -m boresight_hub.gateway.kubernetes.controller``: makes pods of ``DaskCluster`` objects.

dask-gateway's own controller, but: it watches one namespace, makes no routes (Traefik asks the
gateway for them), guards the HTTP ports of schedulers and workers, and gives each cluster a
NetworkPolicy by which its pods reach each other and nobody else's.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from typing import Any

from aiohttp import web
from dask_gateway_server.backends.kubernetes.controller import KubeController
from dask_gateway_server.utils import run_main
from kubernetes_asyncio.client import NetworkingV1Api
from kubernetes_asyncio.client.exceptions import ApiException
from traitlets.config import Config

from boresight_hub import logs
from boresight_hub.errors import BoresightError
from boresight_hub.gateway.keys import MASTER_SECRET, GatewayKeys
from boresight_hub.gateway.kubernetes.informer import watch_only
from boresight_hub.gateway.kubernetes.pods import DASHBOARD_SECRET, PRELOAD
from boresight_hub.settings import HubSettings

PORT_OFFSET = 12
#: Name of this gateway among others; the label of its objects.
INSTANCE = "boresight"

_KEEP_RECORDS_S = 3600.0
_CLEAN_EVERY_S = 300.0
_CONFLICT = 409
_CLUSTER_LABEL = "gateway.dask.org/cluster"


def controller_config(settings: HubSettings) -> Config:
    """Configure the controller."""
    c = Config()
    controller = c.ClusterController
    controller.gateway_instance = INSTANCE
    controller.address = f"{settings.host}:{settings.port + PORT_OFFSET}"
    controller.api_url = f"{settings.url_of('gateway_api')}/api"
    controller.completed_cluster_max_age = _KEEP_RECORDS_S
    controller.completed_cluster_cleanup_period = _CLEAN_EVERY_S
    controller.backoff_max_delay = 30.0
    return c


class ClusterController(KubeController):  # type: ignore[misc]  # the server has no types
    """The controller of one namespace."""

    def prepare(self, settings: HubSettings) -> None:
        """Take the settings; comes before :meth:`main`."""
        self.settings = settings
        self.keys = GatewayKeys(settings.secret(MASTER_SECRET))
        self.app = web.Application(logger=self.log)
        self.app["controller"] = self
        self.app.router.add_get("/api/health", _health)

    def get_scheduler_command(self, namespace: str, cluster_name: str, config: Any) -> list[str]:
        """Command of a scheduler, whose HTTP port answers the gateway only."""
        command: list[str] = super().get_scheduler_command(namespace, cluster_name, config)
        return [*command, "--preload", PRELOAD]

    def get_worker_command(self, namespace: str, cluster_name: str, config: Any) -> list[str]:
        """Command of a worker, whose HTTP port answers nobody."""
        command: list[str] = super().get_worker_command(namespace, cluster_name, config)
        return [
            *command,
            *("--local-directory", "/scratch"),
            # without a scheduler for this long the worker ends
            *("--death-timeout", "60"),
            *("--preload", PRELOAD),
        ]

    def make_secret(self, cluster_name: str) -> dict[str, Any]:
        """Secret of a cluster, with that of its dashboard."""
        secret: dict[str, Any] = super().make_secret(cluster_name)
        full_name = f"{self.settings.kubernetes.namespace}.{cluster_name}"
        value = self.keys.dashboard(full_name).encode()
        secret["data"][DASHBOARD_SECRET] = base64.b64encode(value).decode()
        return secret

    async def create_secret_if_not_exists(self, cluster: dict[str, Any]) -> str:
        """Make the Secret, and who may reach the cluster's pods, before there are any."""
        name: str = await super().create_secret_if_not_exists(cluster)
        await self._create_policy(cluster)
        return name

    async def _create_policy(self, cluster: dict[str, Any]) -> None:
        body = cluster_policy(cluster)
        try:
            await NetworkingV1Api(self.api_client).create_namespaced_network_policy(
                cluster["metadata"]["namespace"],
                body,  # type: ignore[arg-type]  # JSON as well
            )
        except ApiException as exc:
            if exc.status != _CONFLICT:
                raise

    async def create_ingressroute_if_not_exists(self, cluster: Any, sched_pod: Any) -> str:
        """Make none: the gateway itself guards dashboards."""
        return "none"

    async def create_ingressroutetcp_if_not_exists(self, cluster: Any, sched_pod: Any) -> str:
        """Make none: Traefik asks the gateway."""
        return "none"


def cluster_policy(cluster: dict[str, Any]) -> dict[str, Any]:
    """NetworkPolicy by which the pods of ``cluster`` reach each other."""
    metadata = cluster["metadata"]
    own = [{"podSelector": {"matchLabels": {_CLUSTER_LABEL: metadata["name"]}}}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": f"dask-{metadata['name']}",
            "labels": {_CLUSTER_LABEL: metadata["name"]},
            "ownerReferences": [
                {
                    "apiVersion": cluster["apiVersion"],
                    "kind": cluster["kind"],
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                }
            ],
        },
        "spec": {
            "podSelector": {"matchLabels": {_CLUSTER_LABEL: metadata["name"]}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": own}],
            "egress": [{"to": own}],
        },
    }


async def _health(request: web.Request) -> web.Response:
    controller: ClusterController = request.app["controller"]
    dead = [name for name, i in controller.informers.items() if i._task.done()]
    dead += ["reconciler" for task in controller.reconcilers if task.done()]
    if dead:
        return web.json_response({"status": "fail", "stopped": dead}, status=500)
    return web.json_response({"status": "pass"})


def main() -> int:
    """Run until told to stop."""
    settings = HubSettings()
    logs.configure(settings.log_level)
    watch_only(settings.kubernetes.namespace)
    try:
        controller = ClusterController(config=controller_config(settings))
        controller.prepare(settings)
        run_main(controller.main())
    except (KeyboardInterrupt, web.GracefulExit, asyncio.CancelledError):
        return 0
    except BoresightError as exc:
        sys.stderr.write(f"{exc}\n")
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
