"""The cluster of a job that was killed: who looks at the jobs next ends it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from support.gateway_stack import GatewayStack

from boresight.compute import Backend, backends, clusters
from boresight.workflows import jobs
from boresight.workflows.ingest import find_pair, ingest_pair
from boresight.workflows.jobs import Job, JobState, records
from boresight.workflows.targets import FolderTarget

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(600)]

Compute = Callable[[str], Backend]


@pytest.fixture
def in_server(
    stack: GatewayStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """This process is one of marie's server."""
    monkeypatch.setenv(records.VARIABLE, str(tmp_path / "jobs"))
    monkeypatch.setenv("BORESIGHT_COMPUTE", "gateway")
    monkeypatch.setenv("BORESIGHT_GATEWAY_URL", stack.settings.gateway_url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", stack.token("marie"))
    backends._make.cache_clear()
    yield
    backends._make.cache_clear()
    for job in jobs.listed():
        if not job.state.is_final and job.pid:
            psutil.Process(job.pid).kill()


def until(job_id: str, there: Callable[[Job], bool], timeout_s: float = 240.0) -> Job:
    deadline = time.monotonic() + timeout_s
    while not there(job := jobs.read(job_id)):
        assert not job.state.is_final, (job.error, jobs.log_part(job_id)[0][-3000:])
        assert time.monotonic() < deadline, (job.state, job.what)
        time.sleep(0.2)
    return job


def test_the_cluster_of_a_killed_job_is_ended_by_the_list(
    in_server: None,
    compute: Compute,
    real_data: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    target = FolderTarget(tmp_path / "ventoux")
    pair = ingest_pair(*find_pair(real_data / "ventoux"), collection="l1", target=target)
    started = jobs.start_stereo(
        *pair, collection="dsm", folder=target.folder, n_workers=1, worker_memory_gib=2
    )
    job = until(
        started.id,
        lambda one: bool(
            one.state is JobState.RUNNING and one.cluster and one.cluster.workers_running
        ),
    )
    assert job.pid is not None
    assert job.cluster is not None
    victim = psutil.Process(job.pid)
    at_work = {"state": job.state, "what": job.what, "cluster": job.cluster.name,
               "cpu_s": victim.cpu_times().user}  # fmt: skip
    record_property("victim", json.dumps(at_work))
    assert [one.name for one in clusters(backend=compute("marie"))] == [job.cluster.name]

    os.kill(job.pid, signal.SIGKILL)
    victim.wait(30)
    killed = jobs.read(job.id)
    assert killed.state is JobState.INTERRUPTED
    time.sleep(3)
    left = [one.name for one in clusters(backend=compute("marie"))]
    assert left == [job.cluster.name], "it would go on until its idle time is over"

    jobs.end_left_clusters_soon(jobs.listed())
    deadline = time.monotonic() + 60
    while clusters(backend=compute("marie")):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    # looked after once; the record can be forgotten
    while not (records.folder_of(job.id) / records.CLUSTER_ENDED).exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert jobs.end_left_clusters() == []
    jobs.forget(job.id)


def test_a_cluster_that_the_job_was_given_stays(in_server: None, tmp_path: Path) -> None:
    """Of somebody's own cluster a killed job is only a guest."""
    from boresight.workflows.jobs.leftovers import with_clusters_left

    jobs_folder = records.jobs_folder()
    for number, given in enumerate((None, "theirs")):
        folder = jobs_folder / f"20261122T18300{number}-1f2e3d4c"
        folder.mkdir(parents=True)
        compute = {"n_workers": 1} | ({"cluster": given} if given else {})
        pair = {name: {"collection": "l1", "id": name} for name in ("left", "right")}
        records.write_json(folder / records.REQUEST, {**pair, "compute": compute})
        state = {"state": "running", "cluster": {"name": given or "own"}}
        records.write_json(folder / records.STATE, state)
    assert [job.state for job in jobs.listed()] == [JobState.INTERRUPTED] * 2
    assert [job.cluster.name for job in with_clusters_left(jobs.listed()) if job.cluster] == ["own"]
