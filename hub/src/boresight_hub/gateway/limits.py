"""What a person may use at once, and the words in which more is refused."""

from __future__ import annotations

from dataclasses import dataclass

from boresight_hub.settings import GatewaySettings

GIB = 2**30


@dataclass(frozen=True)
class Usage:
    """What all live workers of one person take.

    Attributes
    ----------
    cores : int
    memory_gib : float
        [GiB]
    """

    cores: int = 0
    memory_gib: float = 0.0


@dataclass(frozen=True)
class Admission:
    """How many workers may start now, and why not more.

    Attributes
    ----------
    workers : int
        At most what was asked.
    reason : str
        Empty when everything asked for may start.
    """

    workers: int
    reason: str = ""


def refuse_cluster(live_clusters: int, limits: GatewaySettings) -> str:
    """Say why no further cluster may start; empty when one may."""
    if live_clusters < limits.max_clusters_per_user:
        return ""
    return (
        f"You have {live_clusters} live clusters; a person has at most "
        f"{limits.max_clusters_per_user}. Stop one first: boresight.compute.clusters() lists them, "
        "boresight.compute.stop_all() stops all."
    )


def max_workers(worker_cores: int, limits: GatewaySettings) -> int:
    """Most workers of one cluster when each has ``worker_cores``."""
    return limits.max_cores_per_cluster // worker_cores


def admit(
    wanted: int,
    worker_cores: int,
    worker_memory_gib: float,
    used: Usage,
    limits: GatewaySettings,
) -> Admission:
    """Decide how many of ``wanted`` further workers may start now.

    Parameters
    ----------
    wanted : int
        Workers asked for and not yet started.
    worker_cores : int
        Cores of each.
    worker_memory_gib : float
        Memory of each [GiB].
    used : Usage
        What all live workers of the same person take already.
    limits : GatewaySettings
    """
    by_cores = max(0, (limits.max_cores_per_user - used.cores) // worker_cores)
    free_gib = limits.max_memory_per_user_gib - used.memory_gib
    by_memory = max(0, int(free_gib / worker_memory_gib + 1e-9))
    allowed = min(wanted, by_cores, by_memory)
    if allowed == wanted:
        return Admission(wanted)
    if by_cores <= by_memory:
        why = (
            f"your workers use {used.cores} cores, each further one needs {worker_cores}, and a "
            f"person has at most {limits.max_cores_per_user} in all clusters"
        )
    else:
        why = (
            f"your workers use {used.memory_gib:g} GiB, each further one needs "
            f"{worker_memory_gib:g} GiB, and a person has at most "
            f"{limits.max_memory_per_user_gib:g} GiB in all clusters"
        )
    return Admission(
        allowed,
        f"{wanted - allowed} of the workers wait: {why}. Ask for fewer or smaller workers, or stop "
        "another cluster of yours; they start by themselves as soon as there is room.",
    )
