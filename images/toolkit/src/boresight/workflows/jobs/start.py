"""Start a job: record first, then its process."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from boresight.errors import ComputeError, InputError, JobError
from boresight.workflows.jobs.control import listed
from boresight.workflows.jobs.records import (
    LOCK,
    LOG,
    REQUEST,
    STATE,
    Job,
    JobState,
    jobs_folder,
    now_text,
    read_record,
    write_json,
)
from boresight.workflows.jobs.request import ComputeRequest, ItemReference, StereoRequest
from boresight.workflows.stereo.options import StereoOptions

if TYPE_CHECKING:
    import pystac

#: jobs of one user that are not at their end; each may have a cluster
MOST_UNFINISHED = 8

#: children of this process, kept so that they are waited for
_children: list[subprocess.Popen[bytes]] = []


def start_stereo(
    left: pystac.Item | ItemReference,
    right: pystac.Item | ItemReference,
    options: StereoOptions | None = None,
    *,
    collection: str = "co3d-dsm",
    n_workers: int = 2,
    worker_cores: int = 1,
    worker_memory_gib: float | None = None,
    cluster: str | None = None,
    backend: str | None = None,
    folder: Path | None = None,
    force: bool = False,
) -> Job:
    """Start the surface model of a pair as a job.

    Parameters
    ----------
    left, right : pystac.Item or ItemReference
        Of the environment's catalogue, or of ``folder``.
    options : StereoOptions, optional
    collection : str
        Of the product.
    n_workers, worker_cores : int
    worker_memory_gib : float, optional
        [GiB]
    cluster : str, optional
        A running cluster of yours; default: one of the job's own, which ends with it.
    backend : str, optional
        As ``BORESIGHT_COMPUTE`` names it.
    folder : Path, optional
        Of a :class:`~boresight.workflows.targets.FolderTarget`, without an environment.
    force : bool
        Compute even if the product is there.

    Returns
    -------
    Job
        Queued. It goes on when this process ends.

    Raises
    ------
    InputError
        A value is not allowed.
    JobError
        Too many jobs are at work.
    """
    try:
        request = StereoRequest(
            left=left if isinstance(left, ItemReference) else ItemReference.of(left),
            right=right if isinstance(right, ItemReference) else ItemReference.of(right),
            options=options or StereoOptions(),
            collection=collection,
            compute=ComputeRequest(
                n_workers=n_workers,
                worker_cores=worker_cores,
                worker_memory_gib=worker_memory_gib,
                cluster=cluster,
                backend=backend,
            ),
            folder=None if folder is None else str(folder.absolute()),
            force=force,
        )
    except ValidationError as exc:
        raise refused(exc) from exc
    return start(request)


def start(request: StereoRequest) -> Job:
    """Start a job as ``request`` says; as :func:`start_stereo`."""
    if request.left == request.right:
        raise InputError(
            f"Both images of the pair are {request.left.id}; the rule is two different ones.",
            remedy="Choose another image.",
        )
    _children[:] = [child for child in _children if child.poll() is None]
    unfinished = sum(not job.state.is_final for job in listed())
    if unfinished >= MOST_UNFINISHED:
        raise JobError(
            f"{unfinished} jobs are queued or running; the rule is at most {MOST_UNFINISHED}.",
            remedy="Wait for one to end, or cancel it.",
        )
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
    folder = jobs_folder() / f"{stamp}-{secrets.token_hex(4)}"
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # hidden until it is whole and its lock is held: nobody takes it for a dead one
    draft = folder.with_name(f".{folder.name}")
    draft.mkdir(mode=0o700)
    lock = os.open(draft / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_json(draft / REQUEST, request.as_dict())
        state = {"state": JobState.QUEUED, "created_at": now_text(), "what": "starting"}
        write_json(draft / STATE, state)
        draft.rename(folder)
        _spawn(folder, lock)
    except OSError as exc:
        shutil.rmtree(folder, ignore_errors=True)
        raise ComputeError(
            f"The job's process could not be started: {exc.strerror}.",
            remedy="See whether memory, processes and room in the home are left.",
        ) from exc
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        # the child has the lock now: it belongs to the open file, which both share
        os.close(lock)
    return read_record(folder)


def refused(exc: ValidationError) -> InputError:
    """Error of ours for what a model of a request refused."""
    first = exc.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return InputError(f"{where}: {first['msg']}.", remedy="Correct it and start again.")


def _spawn(folder: Path, lock: int) -> None:
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "boresight.workflows.jobs.process", str(folder), str(lock)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            pass_fds=(lock,),
            # a session of its own: what ends a kernel's group does not end the job
            start_new_session=True,
        )
    finally:
        os.close(log)
    _children.append(child)
