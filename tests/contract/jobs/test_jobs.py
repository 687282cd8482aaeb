"""Jobs as real processes, on workers of this machine: to the end, killed, cancelled, refused."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pystac
import pytest
import rasterio
from jupyter_client.manager import KernelManager

from boresight.workflows import jobs
from boresight.workflows.ingest import find_pair, ingest_pair
from boresight.workflows.jobs import Job, JobState, records
from boresight.workflows.targets import FolderTarget

pytestmark = pytest.mark.timeout(1500)

PairInFolder = tuple[FolderTarget, tuple[pystac.Item, pystac.Item]]

_END_S = 1200.0

#: what the environment of a server holds, and no record may
SECRET = "token-that-nobody-may-read"


@pytest.fixture(autouse=True)
def jobs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of jobs of this test; none of them outlives it."""
    folder = tmp_path / "jobs"
    monkeypatch.setenv(records.VARIABLE, str(folder))
    monkeypatch.setenv("BORESIGHT_COMPUTE", "local")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", SECRET)
    yield folder
    for job in jobs.listed():
        if not job.state.is_final and job.pid:
            psutil.Process(job.pid).kill()


@pytest.fixture(scope="module")
def ventoux(
    real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FolderTarget, tuple[pystac.Item, pystac.Item]]:
    """The smaller real pair as items of a folder."""
    target = FolderTarget(tmp_path_factory.mktemp("ventoux"))
    return target, ingest_pair(*find_pair(real_data / "ventoux"), collection="l1", target=target)


def until(job_id: str, there: Callable[[Job], bool], timeout_s: float = _END_S) -> Job:
    """Wait for a moment in the life of a job."""
    until_s = time.monotonic() + timeout_s
    while not there(job := jobs.read(job_id)):
        assert not job.state.is_final, (job.state, job.error, jobs.log_part(job_id)[0][-3000:])
        assert time.monotonic() < until_s, (job.state, job.what)
        time.sleep(0.2)
    return job


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def cars_of(pid: int) -> list[psutil.Process]:
    """Runs of CARS of a job: what its workers are at work with."""
    found = []
    for process in below(pid):
        try:
            if "boresight.workflows.stereo.engine.child" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def none_left(processes: list[psutil.Process], timeout_s: float = 60.0) -> bool:
    return not psutil.wait_procs(processes, timeout=timeout_s)[1]


def begin(ventoux: PairInFolder, collection: str) -> Job:
    target, pair = ventoux
    return jobs.start_stereo(
        *pair, collection=collection, folder=target.folder, n_workers=1, worker_memory_gib=3
    )


def files_with(text: str, folder: Path) -> list[str]:
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and text in path.read_text("latin")
    ]


@pytest.mark.slow
@pytest.mark.soak
def test_a_job_outlives_its_kernel_and_its_record_tells_all(
    ventoux: PairInFolder, jobs_here: Path
) -> None:
    target, (left, right) = ventoux
    manager = KernelManager()
    manager.kernel_cmd = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager.start_kernel(env=dict(os.environ))
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    code = f"""
from pathlib import Path
from boresight.workflows import jobs
left, right = (jobs.ItemReference(collection="l1", id=name) for name in {[left.id, right.id]!r})
print(jobs.start_stereo(left, right, collection="dsm", folder=Path({str(target.folder)!r}),
    n_workers=1, worker_memory_gib=3).id)
"""
    client.execute_interactive(code, timeout=120, output_hook=lambda _message: None)
    (job,) = jobs.listed()
    assert job.state is JobState.QUEUED
    kernel_pid = manager.provisioner.pid
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    assert not psutil.pid_exists(kernel_pid)

    running = until(job.id, lambda one: one.state is JobState.RUNNING)
    assert running.pid is not None
    cluster = until(job.id, lambda one: bool(one.cluster and one.cluster.workers_running)).cluster
    assert cluster is not None
    assert (cluster.workers_running, cluster.workers_requested) == (1, 1)
    until(job.id, lambda _one: bool(cars_of(running.pid or 0)))
    assert SECRET in psutil.Process(running.pid).environ()["JUPYTERHUB_API_TOKEN"]
    workers = below(running.pid)

    done = jobs.wait(job.id, timeout_s=_END_S)
    assert done.state is JobState.DONE, (done.error, jobs.log_part(job.id)[0][-3000:])
    assert done.share == 1.0
    assert done.result is not None
    assert not done.result["was_there"]
    assert done.result["statistics"]["dsm"]["n_valid"] > 50_000
    item = target.find_item("dsm", done.result["item_id"])
    assert item is not None
    assert item.to_dict(transform_hrefs=False)["assets"] == done.result["item"]["assets"]
    with rasterio.open(item.assets["dsm"].href) as dsm:
        assert dsm.width > 100
    assert none_left(workers)
    news = [
        json.loads(line)
        for line in (jobs_here / job.id / "progress.jsonl").read_text().splitlines()
    ]
    shares = [one["share"] for one in news]
    assert shares == sorted(shares)
    assert len(news) > 5
    log, _ = jobs.log_part(job.id)
    assert "matching" in log

    # nothing of it is for others, and no credentials are in it
    assert files_with(SECRET, jobs_here) == []
    assert files_with("l1", jobs_here) != []
    for path in (jobs_here / job.id).iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE((jobs_here / job.id).stat().st_mode) == 0o700

    # the same again finds the product
    again = jobs.wait(begin(ventoux, "dsm").id, timeout_s=_END_S)
    assert again.result is not None
    assert again.result["was_there"]
    assert [one.id for one in jobs.listed()] == [again.id, job.id]


@pytest.mark.slow
@pytest.mark.soak
def test_a_killed_job_is_told_as_interrupted_and_leaves_no_process(
    ventoux: PairInFolder, record_property: Callable[[str, object], None]
) -> None:
    job = begin(ventoux, "killed")
    running = until(job.id, lambda one: bool(one.pid and cars_of(one.pid)))
    assert running.pid is not None
    (victim, cars) = psutil.Process(running.pid), cars_of(running.pid)
    before = sum(process.cpu_times().user for process in cars)
    time.sleep(3)
    at_work = {
        "state": str(jobs.read(job.id).state),
        "share": jobs.read(job.id).share,
        "what": jobs.read(job.id).what,
        "cars": [process.pid for process in cars],
        "cars_cpu_s": sum(process.cpu_times().user for process in cars) - before,
        "command": victim.cmdline()[1:4],
    }
    record_property("victim", json.dumps(at_work))
    assert at_work["state"] == "running"
    assert at_work["cars_cpu_s"] > 0, "the victim was at work"
    assert SECRET not in " ".join(victim.cmdline())
    left = below(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    victim.wait(30)
    killed = jobs.read(job.id)
    assert killed.state is JobState.INTERRUPTED
    assert "killed" in killed.error
    assert killed.request == running.request
    assert killed.share >= running.share
    assert none_left(left)
    jobs.forget(job.id)
    assert jobs.listed() == []


@pytest.mark.slow
@pytest.mark.soak
def test_a_cancelled_job_takes_back_what_it_has_begun(ventoux: PairInFolder) -> None:
    target, _ = ventoux
    job = begin(ventoux, "cancelled")
    running = until(job.id, lambda one: bool(one.pid and cars_of(one.pid)))
    left = below(running.pid or 0)
    assert jobs.cancel(job.id).is_cancelling
    over = jobs.wait(job.id, timeout_s=120)
    assert over.state is JobState.CANCELLED
    assert over.result is None
    assert none_left(left)
    assert list((target.folder / "cancelled").rglob("*.tif")) == []


def test_a_job_is_cancelled_before_its_workers_are_there(ventoux: PairInFolder) -> None:
    job = begin(ventoux, "early")
    jobs.cancel(job.id)
    over = jobs.wait(job.id, timeout_s=240)
    assert over.state is JobState.CANCELLED
    assert over.began_at is None


def test_a_terminated_job_is_told_as_interrupted(ventoux: PairInFolder) -> None:
    job = begin(ventoux, "terminated")
    waiting = until(job.id, lambda one: one.what in ("starting a cluster", "waiting for workers"))
    os.kill(waiting.pid or 0, signal.SIGTERM)
    over = jobs.wait(job.id, timeout_s=120)
    assert over.state is JobState.INTERRUPTED
    assert "ended with its server" in over.error


def test_an_item_that_is_not_there_is_told(ventoux: PairInFolder) -> None:
    target, (left, _) = ventoux
    nowhere = jobs.ItemReference(collection="l1", id="nowhere")
    job = jobs.start_stereo(left, nowhere, folder=target.folder)
    over = jobs.wait(job.id, timeout_s=240)
    assert over.state is JobState.FAILED
    assert "There is no item 'nowhere'" in over.error
    assert over.remedy
    assert "Traceback" in jobs.log_part(job.id)[0]
    assert "Traceback" not in over.error
