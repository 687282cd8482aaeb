"""Look at jobs, cancel and forget them, from whatever process of their user's."""

from __future__ import annotations

import shutil
import time

from boresight.errors import JobError
from boresight.workflows.jobs.records import (
    CANCEL,
    LOG,
    Job,
    folder_of,
    job_ids,
    read_record,
)

_POLL_S = 0.25
#: part of a log that is given at once [byte]
LOG_BYTES = 64 * 1024


def listed() -> list[Job]:
    """All jobs, newest first."""
    found = []
    for job_id in job_ids():
        try:
            found.append(read(job_id))
        except JobError:
            continue  # forgotten this moment
    return found


def read(job_id: str) -> Job:
    """Read one job.

    Raises
    ------
    JobError
        There is none of this id.
    """
    return read_record(folder_of(job_id))


def log_part(job_id: str, start: int | None = None) -> tuple[str, int]:
    """Part of a job's log.

    Parameters
    ----------
    job_id : str
    start : int, optional
        Where to begin [byte]; default: so that the end is given.

    Returns
    -------
    text : str
        At most 64 KiB.
    end : int
        Where the next part begins [byte].
    """
    path = folder_of(job_id) / LOG
    if not path.is_file():
        return "", 0
    with path.open("rb") as file:
        size = file.seek(0, 2)
        begin = max(0, size - LOG_BYTES) if start is None else min(max(0, start), size)
        file.seek(begin)
        content = file.read(LOG_BYTES)
    return content.decode("utf-8", errors="replace"), begin + len(content)


def cancel(job_id: str) -> Job:
    """Ask a job to end; it takes back what it has begun. One that is over stays as it is."""
    folder = folder_of(job_id)
    if not read_record(folder).state.is_final:
        (folder / CANCEL).touch(mode=0o600)
    return read_record(folder)


def forget(job_id: str) -> None:
    """Remove the record of a job that is over; what it has published stays.

    Raises
    ------
    JobError
        It is not over.
    """
    folder = folder_of(job_id)
    job = read_record(folder)
    if not job.state.is_final:
        raise JobError(
            f"The job {job_id} is {job.state}; the rule is that one forgets what is over.",
            remedy="Cancel it first.",
        )
    shutil.rmtree(folder, ignore_errors=True)


def wait(job_id: str, *, timeout_s: float) -> Job:
    """Wait for the end of a job.

    Raises
    ------
    JobError
        It is not over after ``timeout_s`` [s]; it goes on.
    """
    until_s = time.monotonic() + timeout_s
    while not (job := read(job_id)).state.is_final:
        if time.monotonic() > until_s:
            raise JobError(
                f"The job {job_id} is {job.state} after {timeout_s:g} s: {job.what}.",
                remedy="Wait longer; it goes on.",
            )
        time.sleep(_POLL_S)
    return job
