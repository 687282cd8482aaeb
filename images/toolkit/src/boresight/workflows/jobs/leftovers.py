"""Clusters that killed jobs have left: whoever looks at the jobs next ends them.

A job ends its cluster itself, unless it is killed; then the cluster would go on until its idle
time is over. Its name stands in the record.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from boresight.errors import ComputeError, JobError
from boresight.workflows.jobs.control import listed
from boresight.workflows.jobs.records import CLUSTER_ENDED, Job, JobState, folder_of

log = logging.getLogger(__name__)

_at_work = threading.Lock()


def with_clusters_left(jobs: Iterable[Job]) -> list[Job]:
    """Jobs that were killed and whose own cluster has not been looked after since."""
    return [
        job
        for job in jobs
        if job.state in (JobState.INTERRUPTED, JobState.CANCELLED)
        and job.cluster is not None
        and not (job.request.get("compute") or {}).get("cluster")
        and not (folder_of(job.id) / CLUSTER_ENDED).exists()
    ]


def end_left_clusters(jobs: Iterable[Job] | None = None) -> list[str]:
    """End the clusters of killed jobs.

    Parameters
    ----------
    jobs : iterable of Job, optional
        Default: all.

    Returns
    -------
    list of str
        Names of clusters that were still there.

    Raises
    ------
    ComputeError
        The backend is out of reach; the next call tries again.
    """
    from boresight.compute import backend

    ended = []
    for job in with_clusters_left(listed() if jobs is None else jobs):
        assert job.cluster is not None  # noqa: S101 - such are chosen above
        chosen = backend((job.request.get("compute") or {}).get("backend"))
        if job.cluster.name in {info.name for info in chosen.live()}:
            chosen.stop(job.cluster.name)
            log.info("The cluster %s of the killed job %s is ended", job.cluster.name, job.id)
            ended.append(job.cluster.name)
        (folder_of(job.id) / CLUSTER_ENDED).touch(mode=0o600)
    return ended


def end_left_clusters_soon(jobs: Iterable[Job]) -> None:
    """End them in a thread, one at a time; what fails is tried at the next call."""
    try:
        left = with_clusters_left(jobs)
    except JobError:
        return  # one was forgotten this moment
    if left and _at_work.acquire(blocking=False):
        threading.Thread(target=_end, args=(left,), name="left-clusters", daemon=True).start()


def _end(jobs: list[Job]) -> None:
    try:
        end_left_clusters(jobs)
    except (ComputeError, JobError) as exc:
        log.warning("Clusters of killed jobs are there still: %s", exc)
    finally:
        _at_work.release()
