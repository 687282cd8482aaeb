"""Run tasks on a Dask cluster: wait, tell, stop, and survive lost workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from distributed import CancelledError, Client, Future, KilledWorker, wait

from boresight.errors import BoresightError, ComputeError
from boresight.workflows.stereo.engine.process import RunCancelledError
from boresight.workflows.stereo.job import Refusal
from boresight.workflows.stereo.progress import Teller

_POLL_S = 0.5
#: how long a job waits while its cluster has no worker at all [s]
_NO_WORKER_S = 300.0
_LOOK_EVERY_S = 5.0
_CANCEL_S = 15.0


class Driver:
    """Tasks of one job on one cluster. A context manager: at its end no task of it is left.

    Parameters
    ----------
    client : Client
    topic : str
        Dask topic of the tasks' news.
    teller : Teller
    retries : int
        How often a failed task is tried anew.
    stop : threading.Event, optional
        Set from elsewhere to cancel the job.
    """

    def __init__(
        self,
        client: Client,
        topic: str,
        teller: Teller,
        *,
        retries: int,
        stop: threading.Event | None = None,
    ) -> None:
        self._client, self._topic, self._teller = client, topic, teller
        self._retries = retries
        self._stop = stop or threading.Event()
        self._futures: list[Future[Any]] = []
        self._seen_worker_s = time.monotonic()

    def __enter__(self) -> Driver:
        """Listen to the tasks' news."""
        self._client.subscribe_topic(self._topic, self._teller.news)
        return self

    def __exit__(self, *exc: object) -> None:
        """Cancel what is not done, and wait until workers have noticed."""
        open_ones = [future for future in self._futures if not future.done()]
        # with the scheduler gone, workers end its tasks by themselves
        with suppress(OSError, TimeoutError, RuntimeError, ValueError):
            if open_ones and self._client.status == "running":
                self._client.cancel(open_ones, force=True)
                self._settle()
            self._client.unsubscribe_topic(self._topic)
        self._futures.clear()

    def run(
        self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], name: str
    ) -> list[Any]:
        """Call ``function`` with each of ``calls`` on the cluster, and wait for all.

        Raises
        ------
        BoresightError
            What a task refused.
        ComputeError
            Workers lost too often, none left, or the cluster gone.
        RunCancelledError
            The job was cancelled.
        """
        stamp = time.time_ns()
        futures = [
            self._client.submit(
                function, *call, key=f"{name}-{stamp}-{i}", retries=self._retries, pure=False
            )
            for i, call in enumerate(calls)
        ]
        self._futures = futures
        waiting = set(futures)
        self._seen_worker_s = time.monotonic()
        next_look_s = 0.0
        while waiting:
            if self._stop.is_set():
                raise RunCancelledError("The job was cancelled.")
            done = self._wait(waiting)
            for future in done:
                waiting.discard(future)
                self._check(future)
                self._teller.finished(str(future.key))
            if time.monotonic() >= next_look_s:
                self._check_workers()
                next_look_s = time.monotonic() + _LOOK_EVERY_S
            self._teller.tell()
        return [future.result() for future in futures]

    def _wait(self, futures: set[Future[Any]]) -> set[Future[Any]]:
        try:
            return set(wait(list(futures), timeout=_POLL_S, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return set()
        except (CancelledError, OSError) as exc:
            raise _cluster_gone() from exc

    def _check(self, future: Future[Any]) -> None:
        if future.status == "finished":
            result = future.result()
            if isinstance(result, Refusal):
                raise result.error
            return
        if future.status == "cancelled":
            raise _cluster_gone()
        error = future.exception()
        if isinstance(error, BoresightError):
            raise error
        if isinstance(error, KilledWorker):
            raise ComputeError(
                "A task of the job was on several workers that ended, one after the other.",
                remedy="Mostly memory: ask for workers with more, or take smaller tiles.",
            ) from error
        raise ComputeError(
            f"A task of the job failed: {type(error).__name__}: {error}.",
            remedy="Run the job again: what is done is not done anew.",
        ) from error

    def _check_workers(self) -> None:
        if self._client.status != "running":
            raise _cluster_gone()
        if self._client.scheduler_info(n_workers=1).get("workers"):
            self._seen_worker_s = time.monotonic()
        elif time.monotonic() - self._seen_worker_s > _NO_WORKER_S:
            raise ComputeError(
                f"The cluster has had no worker for {_NO_WORKER_S:.0f} s.",
                remedy="Scale it up, or start a new one; what is done is not done anew.",
            )

    def _settle(self) -> None:
        """Wait until no worker runs a task of this job: they look several times a second."""
        keys = {future.key for future in self._futures}
        until_s = time.monotonic() + _CANCEL_S
        while time.monotonic() < until_s:
            busy = self._client.run(_executing, wait=True)
            if not any(keys & set(names) for names in busy.values()):
                return
            time.sleep(_POLL_S)


def _executing(dask_worker: Any) -> list[str]:
    """Keys whose threads are at work, whatever the scheduler thinks of them."""
    return [str(key) for key in dask_worker.active_threads.values()]


def _cluster_gone() -> ComputeError:
    return ComputeError(
        "The connection to the cluster is lost, or somebody cancelled the tasks of the job.",
        remedy="Start a new cluster and run the job again: what is done is not done anew.",
    )
