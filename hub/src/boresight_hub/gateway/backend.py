"""Clusters as processes of the account that runs the environment.

Derived from the gateway's database backend, not from its local one: that one changes owners of
files when it is root. Here nothing needs a privilege and nothing changes an owner.

State of a cluster and its workers is in a database; after a crash of the gateway the next one
reads it, and the clusters report to it. What a person chooses is in
:mod:`~boresight_hub.gateway.options`; everything else about a process is decided here, after the
person's choice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import web
from dask_gateway_server.backends.base import PublicException
from dask_gateway_server.backends.db_base import Cluster, DBBackendBase, JobStatus, Worker

from boresight_hub.errors import BoresightError, ServiceError
from boresight_hub.gateway import environments, limits, processes
from boresight_hub.gateway.holders import TokenHolders
from boresight_hub.gateway.hubapi import HubApi
from boresight_hub.gateway.keys import GatewayKeys
from boresight_hub.gateway.messages import SchedulerMessages
from boresight_hub.gateway.proxyprocess import ProxyProcess
from boresight_hub.gateway.views import ClusterView
from boresight_hub.logs import redact
from boresight_hub.settings import HubSettings

log = logging.getLogger(__name__)

_CLUSTER_NAME = re.compile(r"[0-9a-f]{32}")
_RETRY_S = 1.0
# shorter than a worker may take to start: a hub that is being restarted costs no cluster
_WAIT_FOR_HUB_S = 45.0
# the work of a cluster that is stopped is void: its processes get little time
_GOODBYE_S = 1.0
_LOG_TAIL_BYTES = 4000
_MAX_REMEMBERED_FAILURES = 200


class ClusterBackend(SchedulerMessages, DBBackendBase):  # type: ignore[misc]  # no types
    """Starts, watches and stops clusters."""

    default_host = "127.0.0.1"
    # a cluster ends as a whole: its workers need not be asked one by one
    supports_bulk_shutdown = True

    async def setup(self, app: web.Application) -> None:
        """Start everything. Called by the gateway."""
        self.settings: HubSettings = self.parent.settings
        self.keys: GatewayKeys = self.parent.keys
        self.hub: HubApi = app["hub"]
        self.folder = self.settings.folder("gateway")
        self.clusters_folder = self.folder / "clusters"
        self.clusters_folder.mkdir(mode=0o700, exist_ok=True)
        self.holders = TokenHolders(self.folder / "holders", self.hub)
        self.waiting: dict[str, str] = {}
        self.troubles: dict[str, str] = {}
        self.failures: dict[str, str] = {}
        await super().setup(app)

    async def do_setup(self) -> None:
        """Look after what a gateway before this one has left."""
        self._number_events_anew()
        self.proxy_process = ProxyProcess(
            self.folder, self.proxy.get_start_command(), self.proxy.get_start_env()
        )
        # before anything is waited for: clusters that were about to start need it
        self.proxy_process.open()
        await self.bound_calls()
        for cluster in list(self.db.active_clusters()):
            if "pid" in cluster.state and not processes.is_alive(cluster.state):
                self._fail(cluster, "Its scheduler was gone when the gateway came back.")
        self._remove_stray_folders()
        self.task_pool.spawn(self.holders.sweep_forever(self._live_holders))
        self.task_pool.spawn(self._retry_waiting())

    async def start_proxy(self) -> None:
        """Start the proxy, or take it over. Called when the API answers: it has the routes."""
        await self.proxy_process.start()
        self.task_pool.spawn(self.proxy_process.watch())

    def _number_events_anew(self) -> None:
        """Number route events on from every earlier gateway's.

        The proxy outlives a gateway and asks its successor for what came after the last number it
        knows. Numbers that begin at 1 again would hide new routes from it; with these it is told
        to read all routes.
        """
        shift = int(time.time() * 1000)
        self.proxy.offset += shift
        self.proxy._next_id += shift
        for event in self.proxy.events:
            event["id"] += shift

    async def do_cleanup(self) -> None:
        """Stop the proxy. Called after all clusters have been stopped."""
        await self.proxy_process.stop()

    # limits

    async def start_cluster(self, user: Any, cluster_options: dict[str, Any]) -> str:
        """Begin a cluster; refuse what is over the person's limit."""
        live = [c for c in self.db.list_clusters(username=user.name) if c.is_active()]
        refusal = limits.refuse_cluster(len(live), self.settings.gateway)
        if refusal:
            raise PublicException(refusal)
        name: str = await super().start_cluster(user, cluster_options)
        return name

    async def _check_cluster_scale(self, cluster: Cluster) -> None:
        """Start missing workers as far as the person's limits allow."""
        if cluster.worker_start_failure_count >= self.worker_start_failure_limit:
            count = cluster.worker_start_failure_count
            trouble = self.troubles.get(cluster.name) or _tail(self._folder_of(cluster) / "logs")
            self._fail(cluster, f"{count} workers in a row did not start. {trouble}")
            return
        missing = cluster.count - len(cluster.active_workers())
        if missing <= 0:
            self.waiting.pop(cluster.name, None)
            return
        admission = limits.admit(
            missing,
            cluster.config.worker_cores,
            cluster.config.worker_memory / limits.GIB,
            self._usage(cluster.username),
            self.settings.gateway,
        )
        if admission.reason:
            self.waiting[cluster.name] = admission.reason
        else:
            self.waiting.pop(cluster.name, None)
        for _ in range(admission.workers):
            self.queue.put(self.db.create_worker(cluster))

    def _usage(self, username: str) -> limits.Usage:
        live = [
            (cluster.config.worker_cores, cluster.config.worker_memory / limits.GIB)
            for cluster in self.db.name_to_cluster.values()
            if cluster.username == username and cluster.status < JobStatus.STOPPED
            for worker in cluster.workers.values()
            if worker.status < JobStatus.STOPPED
        ]
        return limits.Usage(
            cores=sum(cores for cores, _ in live), memory_gib=sum(memory for _, memory in live)
        )

    async def _retry_waiting(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_S)
            for name in list(self.waiting):
                cluster = self.db.get_cluster(name)
                if cluster is None or not cluster.is_active():
                    self.waiting.pop(name, None)
                else:
                    self.queue.put(cluster)

    def pending_reason(self, cluster: Cluster) -> str:
        """Say why workers of ``cluster`` are not at work yet; empty when nothing is missing."""
        if cluster.status < JobStatus.RUNNING:
            return "The scheduler is starting."
        known = self.waiting.get(cluster.name) or self.troubles.get(cluster.name)
        if known:
            return known
        workers = cluster.active_workers()
        starting = sum(w.status < JobStatus.RUNNING for w in workers)
        starting += max(0, cluster.count - len(workers))
        return f"{starting} workers are starting." if starting else ""

    # what is told

    def view(self, name: str) -> ClusterView | None:
        """Return one cluster, None when there is none."""
        cluster = self.db.get_cluster(name)
        if cluster is None:
            return None
        return ClusterView(
            name=cluster.name,
            username=cluster.username,
            is_running=cluster.status == JobStatus.RUNNING,
            dashboard_address=cluster.dashboard_address or "",
        )

    async def report(self, name: str) -> dict[str, Any]:
        """Describe a cluster that is there for its owner; no secret is in it."""
        cluster = self.db.get_cluster(name)
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
            "pending_reason": self.pending_reason(cluster) if cluster.is_active() else "",
            "failure": self.failures.get(cluster.name, ""),
            "dashboard_route": f"/clusters/{cluster.name}/status",
        }

    # routes

    async def _check_cluster_proxied(self, cluster: Cluster) -> None:
        """Open the way to the scheduler, not to the dashboard: the gateway itself guards that."""
        if not cluster.added_to_proxies:
            await self.proxy.add_route(
                kind="SNI", sni=cluster.name, target=cluster.scheduler_address
            )
            cluster.added_to_proxies = True

    # a cluster

    async def do_start_cluster(self, cluster: Cluster) -> AsyncIterator[dict[str, Any]]:
        """Write the cluster's files and start its scheduler."""
        folder = self._folder_of(cluster)
        if folder.exists():  # a gateway before this one was killed half-way
            await processes.stop(cluster.name)
            await asyncio.to_thread(shutil.rmtree, folder)
        for path in (folder, folder / "certs", folder / "logs", folder / "scratch"):
            path.mkdir(mode=0o700)
        for name, content in (
            ("dask.crt", cluster.tls_cert),
            ("dask.pem", cluster.tls_key),
            ("gateway-token", cluster.token.encode()),
            ("dashboard-secret", self.keys.dashboard(cluster.name).encode()),
        ):
            _write_private(folder / "certs" / name, content)
        yield {"folder": str(folder)}
        identity = await processes.start(
            self.get_scheduler_command(cluster),
            env=self.get_scheduler_env(cluster),
            cwd=folder / "scratch",
            log=folder / "logs" / "scheduler.log",
            pass_fd=self.proxy_process.writer,
        )
        yield {"folder": str(folder), **identity}

    async def do_stop_cluster(self, cluster: Cluster) -> None:
        """End every process of the cluster and remove its files and its workers' credentials."""
        self.waiting.pop(cluster.name, None)
        self.troubles.pop(cluster.name, None)
        folder = self._folder_of(cluster)
        if cluster.target == JobStatus.FAILED and cluster.name not in self.failures:
            self._note_failure(cluster, f"It ended by itself. {_tail(folder / 'logs')}")
        left = await processes.stop(cluster.name, grace_s=_GOODBYE_S)
        if left:
            log.error("%d processes of cluster %s cannot be ended.", left, cluster.name)
        holders = (self.holders.remove(_holder(name)) for name in cluster.workers)
        await asyncio.gather(*holders)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def do_check_clusters(self, clusters: list[Cluster]) -> list[bool]:
        """Say of each cluster whether its scheduler is at work."""
        return [processes.is_alive(c.state) for c in clusters]

    # a worker

    async def do_start_worker(self, worker: Worker) -> AsyncIterator[dict[str, Any]]:
        """Have the worker's token files made, then start it."""
        cluster = worker.cluster
        folder = self._folder_of(cluster)
        member = environments.Member(
            cluster.name, cluster.username, _member(worker.name), folder, worker.name
        )
        scratch = member.scratch
        if scratch.exists():  # as above
            await processes.stop(cluster.name, member.name)
        token_dir = await self._token_files(worker)
        scratch.mkdir(mode=0o700, exist_ok=True)
        yield {"scratch": str(scratch)}
        identity = await processes.start(
            self.get_worker_command(cluster, worker.name),
            env=environments.worker_environment(member, self.settings, token_dir=token_dir),
            cwd=scratch,
            log=folder / "logs" / f"worker-{worker.name}.log",
        )
        yield {"scratch": str(scratch), **identity}

    async def _token_files(self, worker: Worker) -> Path:
        """Have the token files made; an absent hub is waited for, a refusal is final."""
        cluster = worker.cluster
        until_s = asyncio.get_running_loop().time() + _WAIT_FOR_HUB_S
        while True:
            try:
                folder = await self.holders.create(cluster.username, _holder(worker.name))
            except BoresightError as exc:
                self.troubles[cluster.name] = str(exc)
                is_over = asyncio.get_running_loop().time() > until_s
                is_wanted = JobStatus.RUNNING == worker.target == cluster.target
                if not isinstance(exc, ServiceError) or is_over or not is_wanted:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                self.troubles.pop(cluster.name, None)
                return folder

    async def do_stop_worker(self, worker: Worker) -> None:
        """End the worker with all it has started; remove its scratch and its credentials."""
        await processes.stop(worker.cluster.name, _member(worker.name))
        await self.holders.remove(_holder(worker.name))
        scratch = self._folder_of(worker.cluster) / "scratch" / worker.name
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    async def do_check_workers(self, workers: list[Worker]) -> list[bool]:
        """Say of each worker whether it is at work."""
        return [processes.is_alive(w.state) for w in workers]

    # commands and environments

    def get_scheduler_command(self, cluster: Cluster) -> list[str]:
        """Command of the scheduler; no secret stands in it."""
        preloads = [
            "--preload",
            "boresight_hub.gateway.http_guard",
            "--preload",
            "boresight_hub.gateway.orphan_watch",
        ]
        return [*super().get_scheduler_command(cluster), *preloads]

    def get_worker_command(
        self, cluster: Cluster, worker_name: str, scheduler_address: str | None = None
    ) -> list[str]:
        """Command of a worker; no secret stands in it."""
        command: list[str] = super().get_worker_command(cluster, worker_name, scheduler_address)
        scratch = str(self._folder_of(cluster) / "scratch" / worker_name)
        return [
            *command,
            *("--host", self.default_host),
            *("--local-directory", scratch),
            # without a scheduler for this long the worker ends
            *("--death-timeout", "60"),
            *("--preload", "boresight_hub.gateway.http_guard"),
            "--no-dashboard",
        ]

    def get_scheduler_env(self, cluster: Cluster) -> dict[str, str]:
        """Environment of the scheduler. It holds no credentials of the person."""
        member = environments.Member(
            cluster.name, cluster.username, "scheduler", self._folder_of(cluster)
        )
        return environments.scheduler_environment(member, api_url=self.api_url)

    # helpers

    def _folder_of(self, cluster: Cluster) -> Path:
        # a folder of this name will be removed with all that is in it
        if not _CLUSTER_NAME.fullmatch(cluster.name):
            raise ValueError(f"{cluster.name!r} is not the name of a cluster")
        folder: Path = self.clusters_folder / cluster.name
        return folder

    def _live_holders(self) -> set[str]:
        return {
            _holder(worker.name)
            for cluster in self.db.name_to_cluster.values()
            if cluster.status < JobStatus.STOPPED
            for worker in cluster.workers.values()
            if worker.status < JobStatus.STOPPED
        }

    def _remove_stray_folders(self) -> None:
        for folder in self.clusters_folder.iterdir():
            cluster = self.db.get_cluster(folder.name)
            known = cluster is not None and cluster.status < JobStatus.STOPPED
            if not known and _CLUSTER_NAME.fullmatch(folder.name):
                shutil.rmtree(folder, ignore_errors=True)

    def _fail(self, cluster: Cluster, reason: str) -> None:
        if cluster.name not in self.failures:
            self._note_failure(cluster, reason)
        self.db.update_cluster(cluster, target=JobStatus.FAILED)
        self.queue.put(cluster)

    def _note_failure(self, cluster: Cluster, reason: str) -> None:
        self.failures[cluster.name] = reason
        while len(self.failures) > _MAX_REMEMBERED_FAILURES:
            self.failures.pop(next(iter(self.failures)))


def _holder(worker_name: str) -> str:
    return f"worker-{worker_name}"


def _member(worker_name: str) -> str:
    return f"worker-{worker_name}"


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def _tail(logs: Path) -> str:
    """Last words of the process that wrote last, for the person whose cluster it was."""
    try:
        newest = max(logs.iterdir(), key=lambda path: path.stat().st_mtime)
        text = newest.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
    except (OSError, ValueError):
        return ""
    lines = redact(text).strip().splitlines()[-8:]
    return f"The end of {newest.name}:\n" + "\n".join(lines) if lines else ""
