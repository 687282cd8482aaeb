"""Workers that are idle while one does what is needed once per pair: they match with it."""

from __future__ import annotations

import logging
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from distributed import Client, Future, get_client, get_worker

from boresight.errors import BoresightError
from boresight.workflows.stereo.engine.matching import Sharing
from boresight.workflows.stereo.engine.process import run_matching
from boresight.workflows.stereo.job import Job
from boresight.workflows.stereo.scratch import task_place

log = logging.getLogger(__name__)

_CLIENT_TIMEOUT_S = 30


class OtherWorkers:
    """Matches on other workers of the cluster; requests and answers meet in the job's storage.

    Whatever goes wrong here costs time only: the run does itself what nobody answers.

    Parameters
    ----------
    job : Job
    client : Client
        Of the running task.
    workers : list of str
        Their addresses, once for each task they run at a time.
    folder : Path
        Where the run leaves its requests.
    """

    def __init__(self, job: Job, client: Client, workers: list[str], folder: Path) -> None:
        self._job, self._client, self._workers = job, client, workers
        least_px = job.options.shared_matching_px
        self.sharing = Sharing(folder, 1 + len(workers), least_px)
        self._futures: list[Future[Any]] = []
        self._ended = threading.Event()
        # an attempt that was given up may still be answered
        self._attempt = uuid.uuid4().hex[:8]

    def match(self, request: Path, answer: Path, failure: Path) -> None:
        """See :class:`~.engine.process.Helpers`."""
        try:
            self._job.storage.put(request, self._key(request))
            future = self._client.submit(
                match,
                self._job,
                self._key(request),
                self._key(answer),
                workers=self._workers,
                allow_other_workers=True,
                pure=False,
            )
        except (BoresightError, OSError, ValueError) as exc:
            log.warning("nobody helps to match: %s", exc)
            failure.touch()
            return
        self._futures.append(future)
        future.add_done_callback(lambda done: self._take(done, answer, failure))

    def _key(self, path: Path) -> str:
        return self._job.matching_key(f"{self._attempt}-{path.stem}")

    def close(self) -> None:
        """Let go of what is not answered."""
        self._ended.set()
        with suppress(OSError, ValueError, TimeoutError):
            self._client.cancel([one for one in self._futures if not one.done()], force=True)

    def _take(self, future: Future[Any], answer: Path, failure: Path) -> None:
        if self._ended.is_set():
            return
        try:
            if future.status != "finished":
                raise BoresightError(f"A helper's task is {future.status}.")
            draft = answer.with_suffix(".draft")
            self._job.storage.get(self._key(answer), draft)
            draft.rename(answer)  # whole, or not there
        except (BoresightError, OSError) as exc:
            log.warning("a helper's matches are not to be had: %s", exc)
            with suppress(OSError):
                failure.touch()


@contextmanager
def other_workers(job: Job, folder: Path) -> Iterator[OtherWorkers | None]:
    """Other workers, for the running task; None where there are none."""
    try:
        own, client = get_worker().address, get_client(timeout=_CLIENT_TIMEOUT_S)
        threads = client.nthreads()
    except (ValueError, OSError, TimeoutError):
        yield None
        return
    workers = [name for name, count in threads.items() if name != own for _ in range(count)]
    if not workers:
        yield None
        return
    helpers = OtherWorkers(job, client, workers, folder)
    try:
        yield helpers
    finally:
        helpers.close()


def match(job: Job, request_key: str, answer_key: str) -> None:
    """Match a part of the epipolar tiles; runs on a worker."""
    topic = f"boresight-stereo-matching-{job.item_id}"
    with task_place(topic) as place, tempfile.TemporaryDirectory(prefix="matching-") as name:
        request, answer = (Path(name) / f"{one}.npz" for one in ("request", "answer"))
        job.storage.get(request_key, request)
        surroundings = place.surroundings("matching", job.options.run_timeout_s)
        run_matching(
            request,
            answer,
            surroundings.folder,
            limits=surroundings.limits,
            cache=surroundings.cache,
            is_cancelled=surroundings.is_cancelled,
        )
        job.storage.put(answer, answer_key)
