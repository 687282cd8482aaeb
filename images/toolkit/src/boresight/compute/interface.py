"""What a backend gives: clusters by name. Nothing above knows what starts them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from distributed import Client


class ClusterStatus(StrEnum):
    """State of a cluster."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"

    @property
    def is_live(self) -> bool:
        """Whether the cluster is at work or about to be."""
        return self in (ClusterStatus.PENDING, ClusterStatus.RUNNING)


@dataclass(frozen=True)
class ClusterRequest:
    """What one asks of a new cluster; None leaves the choice to the backend.

    Attributes
    ----------
    worker_cores : int
        Threads of each worker, ≥ 1.
    worker_memory_gib : float, optional
        Memory of each worker [GiB]; a worker that takes more is started anew.
    idle_timeout_s : int, optional
        The cluster ends after this time without work [s].
    """

    worker_cores: int = 1
    worker_memory_gib: float | None = None
    idle_timeout_s: int | None = None


@dataclass(frozen=True)
class ClusterInfo:
    """What is known of a cluster.

    Attributes
    ----------
    name : str
    status : ClusterStatus
    workers_requested : int
    workers_running : int
        As the backend last heard; a client knows it earlier.
    workers_maximum : int or None
        Most workers the cluster may have; None when there is no limit.
    pending_reason : str
        Why workers are not at work yet; empty when none is missing.
    failure : str
        Why the cluster failed; empty when it did not.
    dashboard_link : str
        Empty when there is no dashboard.
    """

    name: str
    status: ClusterStatus
    workers_requested: int = 0
    workers_running: int = 0
    workers_maximum: int | None = None
    pending_reason: str = ""
    failure: str = ""
    dashboard_link: str = ""


class Backend(Protocol):
    """Starts and stops clusters. Every method ends within a stated time or raises ComputeError."""

    def create(self, request: ClusterRequest) -> str:
        """Ask for a cluster; returns its name, at once."""
        ...

    def info(self, name: str) -> ClusterInfo:
        """Return the state of a cluster."""
        ...

    def live(self) -> list[ClusterInfo]:
        """Return the state of every live cluster of this person."""
        ...

    def open_client(self, name: str, *, timeout_s: float) -> Client:
        """Connect to the scheduler of a running cluster within ``timeout_s`` [s]."""
        ...

    def scale(self, name: str, n_workers: int) -> None:
        """Ask for a number of workers."""
        ...

    def adapt(self, name: str, minimum: int, maximum: int) -> None:
        """Let the number of workers follow the load."""
        ...

    def stop(self, name: str) -> None:
        """Stop a cluster; no error when it is gone already."""
        ...
