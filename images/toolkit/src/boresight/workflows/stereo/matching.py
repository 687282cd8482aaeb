"""Workers that are idle while one does what is needed once per pair: they match with it."""

from __future__ import annotations

import logging
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, Future, get_client, get_worker

from boresight.errors import BoresightError
from boresight.workflows.stereo.engine.matching import Sharing, answer_to, failure_of
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
        self._pending: dict[Path, _Pending] = {}
        # an attempt that was given up may still be answered
        self._attempt = uuid.uuid4().hex[:8]

    def match(self, request: Path) -> None:
        """See :class:`~.engine.process.Helpers`."""
        key = self._job.matching_key(f"{self._attempt}-{request.stem}")
        try:
            self._job.storage.put(request, key)
            future = self._client.submit(
                match,
                self._job,
                key,
                workers=self._workers,
                allow_other_workers=True,
                pure=False,
            )
        except (BoresightError, OSError, ValueError) as exc:
            log.warning("nobody helps to match: %s", exc)
            failure_of(request).touch()
            return
        self._pending[request] = _Pending(key, future)

    def collect(self) -> None:
        """See :class:`~.engine.process.Helpers`."""
        for request, pending in list(self._pending.items()):
            # asked first: what was answered before a failure is taken still
            is_done, status = pending.future.done(), pending.future.status
            try:
                self._take(request, pending)
                if is_done and status != "finished":
                    raise BoresightError(f"A helper's task is {status}.")
            except (BoresightError, OSError) as exc:
                log.warning("a helper's matches are not to be had: %s", exc)
                failure_of(request).touch()
                is_done = True
            if is_done:
                del self._pending[request]

    def _take(self, request: Path, pending: _Pending) -> None:
        while self._job.storage.exists(key := _answer_key(pending.key, pending.taken)):
            answer = answer_to(request, pending.taken)
            draft = answer.with_suffix(".draft")
            self._job.storage.get(key, draft)
            draft.rename(answer)  # whole, or not there
            pending.taken += 1

    def close(self) -> None:
        """Let go of what is not answered."""
        left = [one.future for one in self._pending.values() if not one.future.done()]
        with suppress(OSError, ValueError, TimeoutError):
            self._client.cancel(left, force=True)


@dataclass
class _Pending:
    """A request that a helper is at, and how many of its answers are here."""

    key: str
    future: Future[Any]
    taken: int = 0


def _answer_key(request_key: str, number: int) -> str:
    return f"{request_key}-answer-{number}"


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


def match(job: Job, request_key: str) -> None:
    """Match a part of the epipolar tiles, each answered as soon as it is done; runs on a worker."""
    topic = f"boresight-stereo-matching-{job.item_id}"
    with task_place(topic) as place, tempfile.TemporaryDirectory(prefix="matching-") as name:
        request = Path(name) / "request.npz"
        sent = 0

        def bring_and_send() -> None:
            nonlocal sent
            if not request.exists():
                draft = request.with_suffix(".draft")
                job.storage.get(request_key, draft)
                draft.rename(request)
            while (answer := answer_to(request, sent)).exists():
                job.storage.put(answer, _answer_key(request_key, sent))
                sent += 1

        surroundings = place.surroundings("matching", job.options.run_timeout_s)
        run_matching(
            request,
            surroundings.folder,
            limits=surroundings.limits,
            cache=surroundings.cache,
            is_cancelled=surroundings.is_cancelled,
            look=bring_and_send,
        )
        bring_and_send()
