"""Records of jobs on disk.

::

    JOBS/20261122T183000-1f2e3d4c/
        request.json     what was asked for; never changes
        state.json       state, times, cluster, error; replaced whole by the job's process
        progress.jsonl   a line for each piece of news: at, share, what
        log.txt          what the job's process wrote
        result.json      what it made
        cancel           there when somebody asked for the end
        lock             held by the job's process for as long as it lives
        cluster-ended    there when the cluster that a killed job had left was looked after

Who is dead is told by the lock: the system lets go of it whatever ends the process. A record that
says *running* while nobody holds its lock is of a job that was interrupted.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import platformdirs

from boresight.errors import JobError

#: variable that names the folder of jobs
VARIABLE = "BORESIGHT_JOBS_DIR"

REQUEST, STATE, RESULT = "request.json", "state.json", "result.json"
PROGRESS, LOG, CANCEL, LOCK = "progress.jsonl", "log.txt", "cancel", "lock"
CLUSTER_ENDED = "cluster-ended"

_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")
#: share from which the time left is worth telling
_LEAST_SHARE = 0.05
_TAIL_BYTES = 4096


class JobState(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True)
class ClusterNews:
    """What the job's process last heard of its cluster.

    Attributes
    ----------
    name : str
    workers_running, workers_requested : int
    pending_reason : str
        Why workers are missing; empty when none is.
    dashboard_link : str
    """

    name: str
    workers_running: int = 0
    workers_requested: int = 0
    pending_reason: str = ""
    dashboard_link: str = ""


@dataclass(frozen=True)
class Job:
    """A job as its record tells.

    Attributes
    ----------
    id : str
    state : JobState
    is_cancelling : bool
        Whether its end was asked for and has not come yet.
    request : dict
        What was asked for.
    created_at, began_at, ended_at : datetime or None
        Aware, UTC. ``began_at`` is when workers were there.
    share : float
        Done, 0 to 1.
    what : str
        Being done.
    left_s : float or None
        About the time left [s]; None while it cannot be told.
    pid : int or None
        Of its process.
    cluster : ClusterNews or None
    error, remedy : str
        Why it failed, in words.
    result : dict or None
        ``collection``, ``item_id``, ``item``, ``statistics``, ``was_there``, ``elapsed_s``.
    """

    id: str
    state: JobState
    is_cancelling: bool
    request: dict[str, Any]
    created_at: dt.datetime
    began_at: dt.datetime | None
    ended_at: dt.datetime | None
    share: float
    what: str
    left_s: float | None
    pid: int | None
    cluster: ClusterNews | None
    error: str
    remedy: str
    result: dict[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        told = asdict(self)
        for name in ("created_at", "began_at", "ended_at"):
            told[name] = told[name].isoformat() if told[name] else None
        return told


def jobs_folder() -> Path:
    """Folder of this user's jobs: what ``BORESIGHT_JOBS_DIR`` says, else among their data."""
    given = os.environ.get(VARIABLE, "")
    return Path(given) if given else platformdirs.user_data_path("boresight") / "jobs"


def folder_of(job_id: str) -> Path:
    """Folder of a job.

    Raises
    ------
    JobError
        There is no such job.
    """
    if _ID.fullmatch(job_id):
        folder = jobs_folder() / job_id
        if (folder / REQUEST).is_file():
            return folder
    raise JobError(
        f"There is no job {job_id[:60]!r}; the rule is the id of one that is not forgotten.",
        remedy="boresight.workflows.jobs.listed() lists yours.",
    )


def job_ids() -> list[str]:
    """Ids of all jobs, newest first."""
    folder = jobs_folder()
    if not folder.is_dir():
        return []
    return sorted((one.name for one in folder.iterdir() if _ID.fullmatch(one.name)), reverse=True)


def write_json(path: Path, content: object) -> None:
    """Replace a file of a record, whole or not at all; nobody else reads it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as draft:
            json.dump(content, draft, indent=1)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of a record; empty when it is absent or unreadable."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def now_text() -> str:
    """Tell the moment, as records carry it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def is_alive(folder: Path) -> bool:
    """Whether the job's process lives."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        # shared: two who look do not take each other for the job
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_record(folder: Path) -> Job:
    """Read a record as it is, whoever writes to it.

    Raises
    ------
    JobError
        It was forgotten meanwhile.
    """
    # first who lives, then what is written: an end between the two is told by the second
    alive = is_alive(folder)
    state = read_json(folder / STATE)
    request = read_json(folder / REQUEST)
    if not request:
        raise JobError(f"The job {folder.name} is gone.", remedy="It was forgotten.")
    told = _state(state.get("state"))
    asked_to_end = (folder / CANCEL).exists()
    error, remedy = str(state.get("error", "")), str(state.get("remedy", ""))
    ended_at = _moment(state.get("ended_at"))
    share, what = _last_news(folder / PROGRESS)
    if not told.is_final and not alive:
        told = JobState.CANCELLED if asked_to_end else JobState.INTERRUPTED
        ended_at = _changed_at(folder)
        if told is JobState.INTERRUPTED:
            error = error or "The job's process ended without a word: it was killed, or its server."
            remedy = remedy or "Run it again: what is done is not done anew."
    began_at = _moment(state.get("began_at"))
    cluster = state.get("cluster")
    return Job(
        id=folder.name,
        state=told,
        is_cancelling=asked_to_end and not told.is_final,
        request=request,
        created_at=_moment(state.get("created_at")) or _changed_at(folder),
        began_at=began_at,
        ended_at=ended_at,
        share=1.0 if told is JobState.DONE else share,
        what=what or str(state.get("what", "")),
        left_s=_left_s(began_at, share) if told is JobState.RUNNING else None,
        pid=state.get("pid"),
        cluster=ClusterNews(**cluster) if isinstance(cluster, dict) else None,
        error=error,
        remedy=remedy,
        result=read_json(folder / RESULT) or None if told is JobState.DONE else None,
    )


def _state(text: object) -> JobState:
    try:
        return JobState(str(text))
    except ValueError:
        return JobState.QUEUED


def _moment(text: object) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _changed_at(folder: Path) -> dt.datetime:
    times = [
        path.stat().st_mtime for name in (STATE, PROGRESS, LOG) if (path := folder / name).exists()
    ]
    return dt.datetime.fromtimestamp(max(times, default=0.0), dt.UTC)


def _left_s(began_at: dt.datetime | None, share: float) -> float | None:
    if began_at is None or not _LEAST_SHARE < share < 1:
        return None
    elapsed_s = (dt.datetime.now(dt.UTC) - began_at).total_seconds()
    return max(0.0, elapsed_s * (1 - share) / share)


def _last_news(path: Path) -> tuple[float, str]:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            lines = file.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return 0.0, ""
    # the last line may be half written
    for line in reversed(lines):
        try:
            news = json.loads(line)
            return float(news["share"]), str(news["what"])
        except (ValueError, KeyError, TypeError):
            continue
    return 0.0, ""
