"""Records as others read them: who lives, what is told, what is refused."""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boresight.errors import InputError, JobError
from boresight.workflows import jobs
from boresight.workflows.jobs import records
from boresight.workflows.jobs.start import MOST_UNFINISHED, start
from boresight.workflows.stereo import StereoOptions

ID = "20261122T183000-1f2e3d4c"
REQUEST = {"kind": "stereo", "left": {"collection": "l1", "id": "a"}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(records.VARIABLE, str(tmp_path / "jobs"))
    return tmp_path / "jobs"


def record(folder: Path, job_id: str = ID, **state: Any) -> Path:
    made = folder / job_id
    made.mkdir(parents=True)
    (made / records.LOCK).touch()
    records.write_json(made / records.REQUEST, REQUEST)
    state = {"state": "running", "created_at": "2026-11-22T18:30:00+00:00", **state}
    records.write_json(made / records.STATE, state)
    return made


@pytest.fixture
def alive(folder: Path) -> Iterator[Path]:
    """A job whose process lives: this one."""
    made = record(folder)
    lock = os.open(made / records.LOCK, os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield made
    os.close(lock)


def test_who_holds_the_lock_lives(alive: Path) -> None:
    assert jobs.read(ID).state is jobs.JobState.RUNNING
    assert jobs.read(ID).error == ""


def test_who_holds_it_no_more_was_interrupted(folder: Path) -> None:
    record(folder)
    job = jobs.read(ID)
    assert job.state is jobs.JobState.INTERRUPTED
    assert "killed" in job.error
    assert "Run it again" in job.remedy
    assert job.ended_at is not None
    # looking changes nothing
    assert jobs.read(ID) == job


def test_who_was_asked_to_end_and_is_gone_was_cancelled(folder: Path) -> None:
    (record(folder) / records.CANCEL).touch()
    assert jobs.read(ID).state is jobs.JobState.CANCELLED


@pytest.mark.parametrize("state", ["done", "failed", "cancelled", "interrupted"])
def test_what_has_ended_stays(folder: Path, state: str) -> None:
    record(folder, state=state, error="Words.", ended_at="2026-11-22T18:40:00+00:00")
    assert jobs.read(ID).state == state
    assert jobs.read(ID).error == "Words."
    assert jobs.cancel(ID).state == state
    assert not jobs.read(ID).is_cancelling


def test_cancelling_is_told_until_it_has_happened(alive: Path) -> None:
    assert not jobs.read(ID).is_cancelling
    assert jobs.cancel(ID).is_cancelling
    assert (alive / records.CANCEL).exists()
    assert jobs.read(ID).state is jobs.JobState.RUNNING


def test_news_and_time_left(alive: Path) -> None:
    began = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=100)
    records.write_json(
        alive / records.STATE,
        {
            "state": "running",
            "began_at": began.isoformat(),
            "cluster": {"name": "c", "workers_running": 1, "pending_reason": "No room."},
        },
    )
    lines = [{"share": 0.1, "what": "old"}, {"share": 0.25, "what": "matching"}]
    # the process is amid a line
    text = "".join(json.dumps(line) + "\n" for line in lines) + '{"share": 0.9, "wh'
    (alive / records.PROGRESS).write_text(text)
    job = jobs.read(ID)
    assert (job.share, job.what) == (0.25, "matching")
    assert job.left_s == pytest.approx(300, abs=5)
    assert job.cluster == jobs.ClusterNews("c", 1, 0, "No room.")
    told = json.loads(json.dumps(job.as_dict()))
    assert told["cluster"]["pending_reason"] == "No room."
    assert told["began_at"] == began.isoformat()


def test_records_that_are_damaged_are_still_listed(folder: Path) -> None:
    made = record(folder)
    (made / records.STATE).write_text("{")
    record(folder, "20261122T184000-00000000", state="done")
    (folder / "something else").mkdir()
    (folder / ".20261122T184000-00000001").mkdir()
    assert [job.id for job in jobs.listed()] == ["20261122T184000-00000000", ID]
    assert jobs.read(ID).state is jobs.JobState.INTERRUPTED


@pytest.mark.parametrize(
    "job_id", ["", "..", "../../etc", ID[:-1], f"{ID}/..", "20261122T183000-zzzzzzzz", "a" * 500]
)
def test_ids_that_are_none(folder: Path, job_id: str) -> None:
    record(folder)
    for call in (jobs.read, jobs.cancel, jobs.forget, jobs.log_part):
        with pytest.raises(JobError, match="There is no job"):
            call(job_id)
    assert jobs.read(ID).id == ID


def test_only_what_is_over_is_forgotten(alive: Path) -> None:
    with pytest.raises(JobError, match="is running"):
        jobs.forget(ID)
    records.write_json(alive / records.STATE, {"state": "done"})
    jobs.forget(ID)
    assert not alive.exists()
    with pytest.raises(JobError):
        jobs.read(ID)


def test_parts_of_a_log(folder: Path) -> None:
    log = record(folder) / records.LOG
    assert jobs.log_part(ID) == ("", 0)
    log.write_bytes(b"x" * 100_000 + "é\n".encode())
    text, end = jobs.log_part(ID)
    assert text.endswith("xé\n")
    assert (len(text.encode()), end) == (64 * 1024, 100_003)
    assert jobs.log_part(ID, end) == ("", end)
    assert jobs.log_part(ID, 100_000) == ("é\n", end)
    assert jobs.log_part(ID, 10**12) == ("", end)
    assert jobs.log_part(ID, -5)[1] == 64 * 1024


def reference(name: str) -> jobs.ItemReference:
    return jobs.ItemReference(collection="l1", id=name)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n_workers": 0}, "compute.n_workers|n_workers"),
        ({"n_workers": 10_000}, "n_workers"),
        ({"worker_memory_gib": -1.0}, "worker_memory_gib"),
        ({"collection": ""}, "collection"),
        (
            {"options": StereoOptions(initial_elevation="https://s3/dem.tif?X-Amz-Signature=1")},
            "carries a signature",
        ),
        ({"right": "a"}, "two different ones"),
    ],
)
def test_requests_that_are_refused(folder: Path, given: dict[str, Any], words: str) -> None:
    right = reference(given.pop("right", "b"))
    with pytest.raises(InputError, match=words):
        jobs.start_stereo(reference("a"), right, **given)
    assert not folder.exists() or not list(folder.iterdir())


def test_no_more_than_the_bound(folder: Path, alive: Path) -> None:
    locks = []
    for n in range(MOST_UNFINISHED - 1):
        made = record(folder, f"20261122T184000-0000000{n}")
        locks.append(os.open(made / records.LOCK, os.O_RDWR))
        fcntl.flock(locks[-1], fcntl.LOCK_EX)
    request = jobs.StereoRequest(left=reference("a"), right=reference("b"))
    with pytest.raises(JobError, match="8 jobs are queued or running"):
        start(request)
    for lock in locks:
        os.close(lock)


def test_waiting_ends(alive: Path) -> None:
    with pytest.raises(JobError, match="is running after"):
        jobs.wait(ID, timeout_s=0.1)
