"""Clusters of processes on this machine: for tests, and for a laptop outside the environment."""

from __future__ import annotations

import uuid

import dask
from distributed import Client, LocalCluster

from boresight.compute.interface import ClusterInfo, ClusterRequest, ClusterStatus
from boresight.errors import ComputeError

_GIB = 2**30
_DEFAULT_MEMORY_GIB = 4.0
_START_TIMEOUT_S = 60.0
# As the gateway sets for its workers: one thread a core is the worker's own business, and Dask's
# early trim of freed memory turns a defect of pandora 1.9 into a crash.
_WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "GDAL_NUM_THREADS": "1",
    "PANDORA_NUMBA_PARALLEL": "False",
    "PANDORA_NUMBA_CACHE": "False",
    "SHARELOC_NUMBA_PARALLEL": "False",
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
}


class LocalBackend:
    """Clusters of this process; they end with it."""

    def __init__(self) -> None:
        self._clusters: dict[str, LocalCluster] = {}
        self._requested: dict[str, int] = {}

    def create(self, request: ClusterRequest) -> str:
        """Start a scheduler; workers come with :meth:`scale`."""
        if request.worker_cores < 1:
            raise ComputeError(
                f"worker_cores = {request.worker_cores} is not allowed: a worker has at least 1.",
                remedy="Choose a whole number from 1.",
            )
        memory_gib = request.worker_memory_gib or _DEFAULT_MEMORY_GIB
        idle_timeout = f"{request.idle_timeout_s}s" if request.idle_timeout_s else None
        with dask.config.set({"distributed.nanny.pre-spawn-environ": _WORKER_ENVIRONMENT}):
            try:
                made = LocalCluster(
                    n_workers=0,
                    threads_per_worker=request.worker_cores,
                    memory_limit=int(memory_gib * _GIB),
                    processes=True,
                    host="127.0.0.1",
                    # an open dashboard would answer everybody on this machine
                    dashboard_address=None,
                    env=_WORKER_ENVIRONMENT,
                    # its server of health and metrics would else be on 8787 of every interface
                    scheduler_kwargs={
                        "idle_timeout": idle_timeout,
                        "dashboard_address": "127.0.0.1:0",
                    },
                    timeout=_START_TIMEOUT_S,
                )
            except (OSError, RuntimeError, TimeoutError) as exc:
                raise ComputeError(
                    f"No cluster could be started on this machine: {exc}.",
                    remedy="See whether memory and processes are left.",
                ) from exc
        name = f"local-{uuid.uuid4().hex[:12]}"
        self._clusters[name] = made
        self._requested[name] = 0
        return name

    def info(self, name: str) -> ClusterInfo:
        """Return the state of a cluster."""
        made = self._clusters.get(name)
        if made is None:
            raise _unknown(name)
        scheduler = made.scheduler
        running = len(scheduler.workers) if scheduler else 0
        requested = self._requested[name]
        is_open = made.status.name == "running" and scheduler and scheduler.status.name == "running"
        missing = max(0, requested - running)
        return ClusterInfo(
            name=name,
            status=ClusterStatus.RUNNING if is_open else ClusterStatus.STOPPED,
            workers_requested=requested,
            workers_running=running,
            pending_reason=f"{missing} workers are starting." if missing else "",
        )

    def live(self) -> list[ClusterInfo]:
        """Return the state of every live cluster."""
        known = [self.info(name) for name in self._clusters]
        return [info for info in known if info.status.is_live]

    def open_client(self, name: str, *, timeout_s: float) -> Client:
        """Connect to the scheduler."""
        if name not in self._clusters:
            raise _unknown(name)
        return Client(self._clusters[name], timeout=timeout_s)

    def scale(self, name: str, n_workers: int) -> None:
        """Ask for a number of workers."""
        if name not in self._clusters:
            raise _unknown(name)
        self._requested[name] = n_workers
        self._clusters[name].scale(n_workers)

    def adapt(self, name: str, minimum: int, maximum: int) -> None:
        """Let the number of workers follow the load."""
        if name not in self._clusters:
            raise _unknown(name)
        self._requested[name] = minimum
        self._clusters[name].adapt(minimum=minimum, maximum=maximum)

    def stop(self, name: str) -> None:
        """Stop a cluster."""
        made = self._clusters.pop(name, None)
        self._requested.pop(name, None)
        if made is not None:
            made.close(timeout=10)


def _unknown(name: str) -> ComputeError:
    return ComputeError(
        f"There is no cluster {name!r} in this process.",
        remedy="boresight.compute.clusters() lists those there are.",
    )
