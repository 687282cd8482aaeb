"""The gateway's server on Kubernetes: objects in, reports out; pods are the controller's.

State is in the ``DaskCluster`` objects alone, so that there may be several of these servers. Beside
``spec.replicas``, which the controller follows, ``spec.wanted`` keeps how many workers were asked
for: what a limit holds back now is given as soon as there is room.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import web
from dask_gateway_server.backends.base import PublicException
from dask_gateway_server.backends.kubernetes.backend import KubeBackend
from dask_gateway_server.models import ClusterStatus
from kubernetes_asyncio.client.exceptions import ApiException
from traitlets.config import Config

from boresight_hub.environment import token_secret_name
from boresight_hub.errors import BoresightError, ServiceError
from boresight_hub.gateway import limits
from boresight_hub.gateway.hubapi import HubApi
from boresight_hub.gateway.kubernetes import words
from boresight_hub.gateway.kubernetes.controller import INSTANCE
from boresight_hub.gateway.kubernetes.informer import watch_only
from boresight_hub.gateway.kubernetes.pods import cluster_config
from boresight_hub.gateway.kubernetes.routes import traefik_configuration
from boresight_hub.gateway.messages import SchedulerMessages
from boresight_hub.gateway.options import cluster_options
from boresight_hub.gateway.views import ClusterView
from boresight_hub.settings import HubSettings

log = logging.getLogger(__name__)

#: Port, as offset, at which Traefik asks for its routes.
ROUTES_OFFSET = 14

_LOOK_EVERY_S = 2.0
_OWNERS_EVERY_S = 60.0
_USERNAME_ANNOTATION = "hub.jupyter.org/username"
_SERVERS = "component=singleuser-server"
_NOTEBOOK = "notebook"
_ABSENT = 404


def backend_config(settings: HubSettings) -> Config:
    """Configure the backend."""
    c = Config()
    backend = c.PodBackend
    backend.gateway_instance = INSTANCE
    backend.cluster_options = cluster_options(settings)
    backend.api_url = f"{settings.url_of('gateway_api')}/api"
    return c


class PodBackend(SchedulerMessages, KubeBackend):  # type: ignore[misc]  # no types
    """Makes, lists and stops clusters of pods."""

    async def setup(self, app: web.Application) -> None:
        """Start everything. Called by the gateway."""
        self.settings: HubSettings = self.parent.settings
        self.hub: HubApi = app["hub"]
        self.namespace = self.settings.kubernetes.namespace
        self._without_tokens: set[str] = set()
        watch_only(self.namespace)
        await super().setup(app)
        await self.bound_calls()
        self._tasks = [
            asyncio.create_task(self._repeat(self._look_after, _LOOK_EVERY_S)),
            asyncio.create_task(self._repeat(self._stop_of_nobody, _OWNERS_EVERY_S)),
        ]
        await self._serve_routes()

    async def cleanup(self) -> None:
        """Stop serving; clusters go on."""
        for task in getattr(self, "_tasks", ()):
            task.cancel()
        if hasattr(self, "_routes"):
            await self._routes.cleanup()
        await super().cleanup()

    async def _serve_routes(self) -> None:
        app = web.Application()
        app.router.add_get("/api/boresight/routes", self._answer_routes)
        self._routes = web.AppRunner(app, handle_signals=False, access_log=None)
        await self._routes.setup()
        port = self.settings.port + ROUTES_OFFSET
        await web.TCPSite(self._routes, self.settings.host, port).start()

    async def _answer_routes(self, request: web.Request) -> web.Response:
        running = (
            (cluster.name, cluster.scheduler_address)
            for cluster in self.clusters.values()
            if cluster.status == ClusterStatus.RUNNING and cluster.scheduler_address
        )
        configuration = traefik_configuration(sorted(running))
        return web.json_response(configuration)

    # a cluster

    async def start_cluster(self, user: Any, cluster_options: dict[str, Any]) -> str:
        """Begin a cluster; refuse what is over the person's limit."""
        live = await self.list_clusters(username=user.name)
        refusal = limits.refuse_cluster(len(live), self.settings.gateway)
        if refusal:
            raise PublicException(refusal)
        options, config = await self.process_cluster_options(user, cluster_options)
        body = self.make_cluster_object(user.name, options, config)
        name = body["metadata"]["name"]
        try:
            image = await self._image_of(user.name)
            await self.hub.create_token_files(user.name, _holder(name))
        except BoresightError as exc:
            raise PublicException(str(exc)) from exc
        platform = cluster_config(
            self.settings,
            username=user.name,
            image=image,
            tokens_secret=token_secret_name(user.name, _holder(name)),
        )
        _fix(config, platform, self.settings.kubernetes.dask.worker_cores_request)
        body["spec"]["config"] = config.to_dict()
        log.info("cluster %s for %s", name, user.name)
        try:
            await self.custom_client.create_namespaced_custom_object(
                "gateway.dask.org", self.crd_version, self.namespace, "daskclusters", body
            )
        except BaseException:
            await self._remove_tokens(user.name, name)
            raise
        return f"{self.namespace}.{name}"

    async def _image_of(self, username: str) -> str:
        """Image of the person's running server, by digest; the platform's when there is none."""
        try:
            pods = await self._pods(_SERVERS)
        except ApiException as exc:
            raise ServiceError(f"The API server answers {exc.status}.") from exc
        return image_of_server(pods, username) or self.settings.kubernetes.image

    async def _pods(self, selector: str) -> list[dict[str, Any]]:
        found = await self.core_client.list_namespaced_pod(
            self.namespace, label_selector=selector, _request_timeout=10
        )
        listed: list[dict[str, Any]] = self.api_client.sanitize_for_serialization(found)["items"]
        return listed

    # limits

    async def on_cluster_heartbeat(self, cluster_name: str, msg: dict[str, Any]) -> None:
        """Note how many workers are wanted, and give as many as the person's limits allow."""
        cluster = self.clusters.get(cluster_name)
        if cluster is None:
            return
        most = cluster.config.get("cluster_max_workers")
        wanted = msg["count"] if most is None else min(msg["count"], most)
        await self._patch(
            cluster_name, {"wanted": wanted, "replicas": self._allow(cluster, wanted)}
        )

    def _allow(self, cluster: Any, wanted: int) -> int:
        return self._admission(cluster, wanted).workers

    def _admission(self, cluster: Any, wanted: int) -> limits.Admission:
        cores, memory_gib = _size(cluster.config)
        return limits.admit(
            wanted, cores, memory_gib, self._used_beside(cluster), self.settings.gateway
        )

    def _used_beside(self, cluster: Any) -> limits.Usage:
        cores, memory_gib = 0, 0.0
        for other in self.username_to_clusters.get(cluster.username, {}).values():
            if other.name == cluster.name or other.status > ClusterStatus.RUNNING:
                continue
            count = self._spec(other.name).get("replicas") or 0
            each_cores, each_gib = _size(other.config)
            cores += count * each_cores
            memory_gib += count * each_gib
        return limits.Usage(cores=cores, memory_gib=memory_gib)

    def _spec(self, cluster_name: str) -> dict[str, Any]:
        spec: dict[str, Any] = (self.informer.get(cluster_name) or {}).get("spec", {})
        return spec

    async def _patch(self, cluster_name: str, spec: Mapping[str, int]) -> None:
        namespace, _, name = cluster_name.rpartition(".")
        changes = [{"op": "add", "path": f"/spec/{key}", "value": v} for key, v in spec.items()]
        try:
            await self.custom_client.patch_namespaced_custom_object(
                "gateway.dask.org", self.crd_version, namespace, "daskclusters", name, changes
            )
        except ApiException as exc:
            if exc.status != _ABSENT:
                raise

    # what is looked after

    async def _repeat(self, work: Callable[[], Any], every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await work()
            except Exception:
                # a defect met once must not end the care for everybody
                log.exception("clusters could not be looked after")

    async def _look_after(self) -> None:
        for cluster in list(self.clusters.values()):
            if cluster.status > ClusterStatus.RUNNING:
                if cluster.name not in self._without_tokens:
                    name = cluster.name.rpartition(".")[2]
                    if await self._remove_tokens(cluster.username, name):
                        self._without_tokens.add(cluster.name)
                continue
            spec = self._spec(cluster.name)
            wanted, given = spec.get("wanted", 0), spec.get("replicas", 0)
            if wanted > given and (allowed := self._allow(cluster, wanted)) > given:
                await self._patch(cluster.name, {"replicas": allowed})

    async def _remove_tokens(self, username: str, name: str) -> bool:
        try:
            await self.hub.remove_token_files(username, _holder(name))
        except ServiceError as exc:
            log.warning("the token files of cluster %s stay for now: %s", name, exc)
            return False
        return True

    async def _stop_of_nobody(self) -> None:
        """Stop clusters whose owner the hub does not know any more."""
        live = await self.list_clusters()
        for username in {cluster.username for cluster in live}:
            try:
                is_known = await self.hub.knows(username)
            except ServiceError:
                return
            if not is_known:
                for cluster in live:
                    if cluster.username == username:
                        log.info("%s is gone, their cluster %s ends", username, cluster.name)
                        await self.stop_cluster(cluster.name)

    # what is told

    def view(self, name: str) -> ClusterView | None:
        """Return one cluster, None when there is none."""
        cluster = self.clusters.get(name)
        if cluster is None:
            return None
        return ClusterView(
            name=cluster.name,
            username=cluster.username,
            is_running=cluster.status == ClusterStatus.RUNNING,
            dashboard_address=cluster.dashboard_address,
        )

    async def report(self, name: str) -> dict[str, Any]:
        """Describe a cluster that is there for its owner; no secret is in it."""
        cluster = self.clusters[name]
        spec = self._spec(name)
        short = name.rpartition(".")[2]
        is_live = cluster.status <= ClusterStatus.RUNNING
        selector = f"gateway.dask.org/cluster={short}"
        pods = await self._pods(selector) if is_live else []
        workers = [pod for pod in pods if _component(pod) == "dask-worker"]
        return {
            "name": name,
            "status": cluster.status.name,
            "options": dict(cluster.options),
            "workers": {
                "requested": spec.get("wanted", 0),
                "running": sum(words.is_at_work(pod) for pod in workers),
                "maximum": cluster.config.get("cluster_max_workers"),
            },
            "pending_reason": await self._pending_reason(cluster, pods) if is_live else "",
            "failure": _FAILED if cluster.status == ClusterStatus.FAILED else "",
            "dashboard_route": f"/clusters/{name}/status",
        }

    async def _pending_reason(self, cluster: Any, pods: list[dict[str, Any]]) -> str:
        if cluster.status < ClusterStatus.RUNNING:
            schedulers = [pod for pod in pods if _component(pod) == "dask-scheduler"]
            reason = words.pending_reason(schedulers, 1) if schedulers else ""
            return f"The scheduler is starting. {reason}".strip()
        spec = self._spec(cluster.name)
        wanted, given = spec.get("wanted", 0), spec.get("replicas", 0)
        told = [self._admission(cluster, wanted).reason] if wanted > given else []
        workers = [pod for pod in pods if _component(pod) == "dask-worker"]
        quota = words.used_up(await self._quotas()) if given > len(workers) else ""
        told.append(words.pending_reason(workers, given, quota))
        return " ".join(text for text in told if text)

    async def _quotas(self) -> list[dict[str, Any]]:
        found = await self.core_client.list_namespaced_resource_quota(
            self.namespace, _request_timeout=10
        )
        listed: list[dict[str, Any]] = self.api_client.sanitize_for_serialization(found)["items"]
        return listed


_FAILED = (
    "Its scheduler ended by itself: it was idle for too long, its machine went away, or it needed "
    "more memory than it has."
)


def image_of_server(pods: Iterable[Mapping[str, Any]], username: str) -> str:
    """Image of the server of ``username`` that was started last, by digest if it has one.

    Parameters
    ----------
    pods : iterable of mapping
        Pods of user servers, as JSON of the API server.
    username : str

    Returns
    -------
    str
        Empty when the person has no running server.
    """
    found = ("", "")
    for pod in pods:
        metadata, status = pod["metadata"], pod.get("status", {})
        if (metadata.get("annotations") or {}).get(_USERNAME_ANNOTATION) != username:
            continue
        began_at = metadata.get("creationTimestamp", "")
        for container in status.get("containerStatuses") or ():
            if container.get("name") != _NOTEBOOK or "running" not in (
                container.get("state") or {}
            ):
                continue
            image_id = str(container.get("imageID", "")).removeprefix("docker-pullable://")
            # an image that no registry gave has a digest that no registry knows
            image = image_id if "@sha256:" in image_id else _image_in_spec(pod)
            found = max(found, (began_at, image))
    return found[1]


def _image_in_spec(pod: Mapping[str, Any]) -> str:
    containers = pod["spec"]["containers"]
    return next(str(c["image"]) for c in containers if c["name"] == _NOTEBOOK)


def _fix(config: Any, platform: Mapping[str, Any], cores_request: float | None) -> None:
    """Lay the platform's values over what a person has chosen."""
    cores = config.worker_cores
    config.worker_cores_limit = cores
    config.worker_memory_limit = config.worker_memory
    if cores_request is not None:
        config.worker_cores = min(cores, cores_request)
    config.scheduler_memory_limit = platform["scheduler_memory"]
    for name, value in platform.items():
        setattr(config, name, value)


def _size(config: Mapping[str, Any]) -> tuple[int, float]:
    """Cores and memory [GiB] of a worker."""
    return int(config["worker_cores_limit"]), config["worker_memory"] / limits.GIB


def _component(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"].get("labels", {}).get("app.kubernetes.io/component", ""))


def _holder(name: str) -> str:
    return f"cluster-{name}"
